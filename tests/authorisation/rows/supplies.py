"""Assessments of places, and which sovereignty is enough."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.utils.timezone import localdate, now

from catalog.models import SealMinimum, SupplyOwner, SupplyProfile
from catalog.placement_words import Objective
from portal.cloud.models import Cloud
from portal.core.formats import DATE_FORMATS
from portal.identity.models import Person, Role
from tests.authorisation.rows.offerings import DECIDERS, MAKERS, READERS, REASON
from tests.authorisation.vocabulary import EVERYBODY, Change, Row, act, call, see
from tests.authorisation.world import Tenant
from tests.factories import CloudFactory

OF_DRAFT: Final[dict[str, Any]] = {"by": MAKERS, "seen_by": READERS}
OF_PROPOSAL: Final[dict[str, Any]] = {"by": DECIDERS, "seen_by": READERS}
NEW_MINIMUM: Final = {"protection_level": "4", "objective": "others", "seal": "1"}
GENERAL: Final = {
    "hosting": "government",
    "locations": "NL",
    "framework": "guidance-2026-06",
    "valid_until": localdate().strftime(DATE_FORMATS[0]),
}


def supply_in_force(tenant: Tenant) -> SupplyProfile:
    """Everybody sees what is known of a place."""
    return CloudFactory(key=_key(tenant, "gekend")).supply_profiles.get(state="confirmed")


def drafted_supply(tenant: Tenant) -> SupplyProfile:
    """Can be proposed as it is."""
    return _made(tenant, "concept", tenant.all_rounder)


def supply_of_colleague(tenant: Tenant) -> SupplyProfile:
    """Waits for another than the colleague who proposed it."""
    return _proposed(tenant, "voorgesteld", tenant.all_rounder)


def own_supply(tenant: Tenant) -> SupplyProfile:
    """Proposed by the operator who comes by."""
    return _proposed(tenant, "van-mij", tenant.people[Role.OPERATOR])


def new_supply(tenant: Tenant) -> dict[str, Any]:
    """A form that begins an assessment of a whole cloud."""
    return {"cloud": Cloud.objects.order_by("pk")[0].pk, "offering": ""}


def minimum_of_colleague(tenant: Tenant) -> SealMinimum:
    """Waits for another than the colleague who proposed it."""
    return _minimum(tenant.all_rounder)


def own_minimum(tenant: Tenant) -> SealMinimum:
    """Proposed by the operator who comes by."""
    return _minimum(tenant.people[Role.OPERATOR])


def _minimum(person: Person) -> SealMinimum:
    """The next of those about which nothing waits: each is about another objective."""
    objective = list(Objective)[SealMinimum.objects.count()]
    return SealMinimum.objects.create(
        protection_level=1,
        objective=objective,
        seal=4,
        proposed_by=person,
        proposed_at=now(),
    )


def new_supply_by_program(tenant: Tenant) -> dict[str, Any]:
    return {"cloud": Cloud.objects.order_by("pk")[0].key}


def cloud_in_force(tenant: Tenant) -> dict[str, str]:
    """The query that asks for what is known of one cloud."""
    return {"cloud": _key(tenant, "gekend")}


def _key(tenant: Tenant, word: str) -> str:
    """Of a cloud of this tenant's rows; everybody reads it, so it names nobody."""
    return f"{word}-{tenant.directorate.pk}"


def _made(tenant: Tenant, word: str, person: Person) -> SupplyProfile:
    draft = SupplyProfile.objects.create(
        cloud=CloudFactory(key=_key(tenant, word)),
        number=2,
        hosting="government",
        locations=["NL"],
        valid_until=localdate() + timedelta(days=365),
        proposed_by=person,
        proposed_at=now(),
    )
    SupplyOwner.objects.create(
        profile=draft, position=0, name=tenant.named("rijk"), jurisdiction="NL"
    )
    return draft


def _proposed(tenant: Tenant, word: str, person: Person) -> SupplyProfile:
    profile = _made(tenant, word, person)
    profile.is_draft, profile.assessed_on = False, localdate()
    profile.save()
    return profile


ROWS: list[Row] = [
    see("catalog:supplies"),
    see("catalog:supply-list-sheet", arguments=("csv",)),
    see("catalog:supply", of=supply_in_force, by=EVERYBODY, unseen=None),
    see("catalog:supply", case="draft", of=drafted_supply, by=READERS, seen_by=READERS),
    see(
        "catalog:supply-sheet",
        of=supply_in_force,
        arguments=("csv",),
        by=EVERYBODY,
        unseen=None,
    ),
    see("catalog:supply-new", by=MAKERS, seen_by=MAKERS, unseen=403),
    act("catalog:supply-new", body=new_supply, by=MAKERS, seen_by=MAKERS, unseen=403),
    see("catalog:supply-edit", of=drafted_supply, arguments=("chain",), **OF_DRAFT),
    act("catalog:supply-edit", of=drafted_supply, arguments=("general",), body=GENERAL, **OF_DRAFT),
    act(
        "catalog:supply-copy",
        of=supply_in_force,
        by=MAKERS,
        seen_by=MAKERS,
        unseen=403,
    ),
    act("catalog:supply-drop", of=drafted_supply, **OF_DRAFT),
    act("catalog:supply-propose", of=drafted_supply, **OF_DRAFT),
    act("catalog:supply-take-back", of=own_supply, by=MAKERS, seen_by=READERS),
    act("catalog:supply-confirm", of=supply_of_colleague, is_strong=True, **OF_PROPOSAL),
    act(
        "catalog:supply-refuse",
        of=supply_of_colleague,
        body=REASON,
        is_strong=True,
        **OF_PROPOSAL,
    ),
    # which sovereignty is enough
    see("catalog:seal-minimums", shows_organizations_to=READERS),
    act("catalog:seal-minimums", body=NEW_MINIMUM, by=MAKERS, seen_by=MAKERS, unseen=403),
    see("catalog:seal-minimum", of=minimum_of_colleague, by=READERS, seen_by=READERS),
    act("catalog:seal-minimum-take-back", of=own_minimum, by=MAKERS, seen_by=READERS),
    act("catalog:seal-minimum-confirm", of=minimum_of_colleague, is_strong=True, **OF_PROPOSAL),
    act(
        "catalog:seal-minimum-refuse",
        of=minimum_of_colleague,
        body=REASON,
        is_strong=True,
        **OF_PROPOSAL,
    ),
    # for programs
    see("api:supply-profile-list", query=cloud_in_force),
    call(
        "api:supply-profile-list",
        body=new_supply_by_program,
        by=MAKERS,
        seen_by=MAKERS,
        unseen=403,
    ),
    see("api:supply-profile-detail", of=supply_in_force, by=EVERYBODY, unseen=None),
    see(
        "api:supply-profile-detail",
        case="draft",
        of=drafted_supply,
        by=READERS,
        seen_by=READERS,
    ),
    Row(
        method="PATCH",
        route="api:supply-profile-detail",
        of=drafted_supply,
        body={"keys": "customer"},
        changes=Change.FACTS,
        unseen=404,
        **OF_DRAFT,
    ),
    Row(
        method="DELETE",
        route="api:supply-profile-detail",
        of=drafted_supply,
        answer=204,
        changes=Change.FACTS,
        unseen=404,
        **OF_DRAFT,
    ),
    call("api:supply-profile-proposal", of=drafted_supply, **OF_DRAFT),
    call(
        "api:supply-profile-decision",
        of=supply_of_colleague,
        body={"decision": "confirmed"},
        answer=200,
        is_strong=True,
        **OF_PROPOSAL,
    ),
    call(
        "api:supply-profile-withdrawal",
        of=own_supply,
        by=MAKERS,
        seen_by=READERS,
        answer=200,
    ),
]
