"""A ministry with a directorate, its administrators, and a clock that stands where a test says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from portal.core.calendar import start_of_day
from portal.identity.models import (
    Node,
    Person,
    ProposalState,
    ReviewCampaign,
    ReviewItem,
    ReviewScope,
    Role,
    RoleGrant,
    RoleProposal,
)
from portal.identity.services import reviews
from tests.factories import PersonFactory, give_identity, make_organization, make_project
from tests.logins import log_in

ISSUER = "https://idp.example.nl"
LONG_AGO = start_of_day(date(2024, 1, 1))


@pytest.fixture
def ministry(db: None) -> Node:
    return make_organization(name="Ministerie")


@pytest.fixture
def directorate(ministry: Node) -> Node:
    return make_organization(ministry, name="Directie")


@pytest.fixture
def project(directorate: Node) -> Node:
    return make_project(directorate)


@pytest.fixture
def elsewhere(db: None) -> Node:
    return make_organization(name="Gemeente")


def give(
    person: Person, role: Role, node: Node, *, by: Person | None = None, **facts: Any
) -> RoleGrant:
    """A role since long: from a claim of today, or for a year to come, as somebody decided."""
    term = timedelta(days=365 if by else 1)
    facts = {"valid_from": LONG_AGO, "valid_until": now() + term} | facts
    if by is None:
        login = facts["valid_until"] - timedelta(days=1)
        person.last_login = max(person.last_login or login, login)
        person.save(update_fields=["last_login"])
        give_identity(person, ISSUER)
        return RoleGrant.objects.create(person=person, role=role, node=node, issuer=ISSUER, **facts)
    proposal = RoleProposal.objects.create(
        person=person,
        role=role,
        node=node,
        reason="Nieuw in het team",
        proposed_by=PersonFactory(),
        proposed_at=facts["valid_from"],
        expires_at=facts["valid_from"] + timedelta(days=14),
        **facts,
    )
    decision = {"state": ProposalState.GRANTED, "decided_by": by, "decided_at": facts["valid_from"]}
    RoleProposal.objects.filter(pk=proposal.pk).update(**decision)
    return RoleGrant.objects.create(
        person=person, role=role, node=node, granted_by=by, proposal=proposal, **facts
    )


@pytest.fixture
def boss(db: None) -> Person:
    """Who granted what was granted in the portal; has no role."""
    return PersonFactory(name="Boss")


@pytest.fixture
def administrator(ministry: Node, boss: Person) -> Person:
    person = PersonFactory(name="Aafke Beheer", email="aafke@example.nl")
    give(person, Role.QUOTA_ADMINISTRATOR, ministry, by=boss)
    return person


@pytest.fixture
def colleague(ministry: Node, boss: Person) -> Person:
    person = PersonFactory(name="Bram Beheer", email="bram@example.nl")
    give(person, Role.QUOTA_ADMINISTRATOR, ministry, by=boss)
    return person


@pytest.fixture
def auditor(ministry: Node) -> Person:
    person = PersonFactory(name="Carla Controle")
    give(person, Role.AUDITOR, ministry)
    return person


@pytest.fixture
def worker(project: Node, boss: Person) -> Person:
    person = PersonFactory(name="Daan de Vries", last_login=None)
    give(person, Role.REQUESTER, project, by=boss)
    return person


@pytest.fixture
def opened(ministry: Node) -> Callable[..., ReviewCampaign]:
    """Open a review as the clock does."""

    def open_it(
        at: datetime | None = None, scope: ReviewScope = ReviewScope.ALL, root: Node = ministry
    ) -> ReviewCampaign:
        return reviews._open(root, scope, None, at or now())

    return open_it


def item_of(campaign: ReviewCampaign, person: Person, role: Role | None = None) -> ReviewItem:
    items = campaign.items.filter(person=person)
    return (items.filter(role=role) if role else items).get()


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the clock by which people decide."""

    def set_clock(moment: datetime) -> None:
        monkeypatch.setattr(reviews, "now", lambda: moment)

    return set_clock


@pytest.fixture
def browse() -> Callable[..., Client]:
    def as_person(person: Person, **login: Any) -> Client:
        return log_in(Client(headers={"accept-language": "nl"}), person, **login)

    return as_person
