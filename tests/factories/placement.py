"""Answers about the data of projects, and what is known of clouds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.utils.timezone import localdate, now

from catalog.models import Offering, SupplyProfile, WorkloadProfile
from catalog.placement import Link, Supply
from catalog.placement_words import (
    BaseRegister,
    Hosting,
    Keys,
    Objective,
    PersonalData,
    Rubricering,
    Score,
)
from catalog.services.placement import (
    Answers,
    SupplyChanges,
    begin_supply,
    edit_supply,
    propose_supply,
    write_profile,
    write_supply,
)
from portal.cloud.models import Cloud
from portal.identity.models import Person, Project


def answers(**changes: Any) -> Answers:
    """Of a project with personal data and TBB 3, which fits where ``assessed`` was."""
    known = Answers(
        is_core_task=False,
        personal_data=PersonalData.SOME,
        has_special_data=False,
        availability=Score.LOW,
        integrity=Score.MIDDLE,
        confidentiality=Score.LOW,
        rubricering=Rubricering.NONE,
        base_register=BaseRegister.NO,
        is_workplace=False,
        is_vital=False,
        longest_outage_hours=24,
        review_on=localdate() + timedelta(days=365),
    )
    return replace(known, **changes)


def classify(project: Project, **changes: Any) -> WorkloadProfile:
    """Answer the questions about its data anew, as the platform."""
    return write_profile(project, answers(**changes), actor=None)


def unanswered(project: Project) -> None:
    """As a project is before anybody answered."""
    WorkloadProfile.objects.filter(project=project, ended_at=None).update(ended_at=now())
    Project.objects.filter(pk=project.pk).update(protection_level=None, has_personal_data=None)


def supply(**changes: Any) -> Supply:
    """A data centre of the government, sovereign enough for TBB 3 and no higher."""
    known = Supply(
        hosting=Hosting.GOVERNMENT,
        chain=(Link(name="Overheidsdatacenter", jurisdiction="NL", is_operator=True),),
        locations=("NL",),
        keys=Keys.CUSTOMER,
        is_encrypted_at_rest=True,
        is_encrypted_in_transit=True,
        highest_protection_level=3,
        highest_rubricering=Rubricering.DEP_VERTROUWELIJK,
        admits_personal_data=True,
        admits_special_data=True,
        seals=tuple((objective, 3) for objective in Objective),
        valid_until=localdate() + timedelta(days=365),
        dependencies=(),
    )
    return replace(known, **changes)


def assessed(cloud: Cloud, *, offering: Offering | None = None, **changes: Any) -> SupplyProfile:
    """Know this of the cloud, or of one offering there, from now on, as two people agreed."""
    return write_supply(cloud, supply(**changes), by=_assessors(), offering=offering)


def unassessed(cloud: Cloud) -> None:
    """As a cloud is before anybody assessed it."""
    SupplyProfile.objects.filter(cloud=cloud, ended_at=None).update(ended_at=now())


def _assessors() -> tuple[Person, Person]:
    proposer, decider = (
        Person.objects.get_or_create(name=name, defaults={"is_active": False})[0]
        for name in ("Samensteller", "Uitgever")
    )
    return proposer, decider


def drafted_supply(cloud: Cloud, *, by: Person, **changes: Any) -> SupplyProfile:
    """A draft of the next assessment of a cloud, which can be proposed as it is."""
    draft = begin_supply(cloud, offering=None, actor=by)
    facts = {"valid_until": localdate() + timedelta(days=365), **changes}
    return edit_supply(draft.public_id, SupplyChanges(facts=facts), actor=by)


def proposed_supply(cloud: Cloud, *, by: Person, **changes: Any) -> SupplyProfile:
    """The same, that waits for a decision."""
    return propose_supply(drafted_supply(cloud, by=by, **changes).public_id, actor=by)
