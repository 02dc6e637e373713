"""The catalogue from behind: for the people of the one organization that governs it."""

from __future__ import annotations

from typing import Any, Final

from django.utils.timezone import now

from catalog.models import Offering, OfferingVersion, OfferingVersionState, Publication
from portal.cloud.models import Cloud
from portal.identity.models import Person, Role
from tests.authorisation.vocabulary import Change, Row, act, call, see
from tests.authorisation.world import Tenant
from tests.factories import OfferingVersionFactory

MAKERS: Final = {Role.OPERATOR}
DECIDERS: Final = {Role.OPERATOR, Role.QUOTA_ADMINISTRATOR}
READERS: Final = DECIDERS | {Role.AUDITOR}
TEXTS: Final = {
    "name_nl": "Regels",
    "name_en": "Rules",
    "description_nl": "Regels voor verkeer.",
    "description_en": "Rules for traffic.",
}
DRAFT: Final = {
    **TEXTS,
    "documentation_url": "https://docs.example.nl",
    "price_list_url": "",
    "approval_days": 7,
    "compensate_after_hours": 24,
    "maximum_term_days": 365,
    "grace_days": 14,
}
REASON: Final = {"reason": "Nog niet."}


def draft_offer(tenant: Tenant) -> OfferingVersion:
    """Waits for nobody, and can be published: what it offers costs nothing."""
    return _version(tenant, "ontwerp", OfferingVersionState.DRAFT)


def published_offer(tenant: Tenant) -> OfferingVersion:
    """For this tenant only."""
    return _version(tenant, "aanbod", OfferingVersionState.PUBLISHED)


def publication_of_colleague(tenant: Tenant) -> Publication:
    """Waits for another than the colleague who proposed it."""
    return _proposed(tenant, "voorstel", tenant.all_rounder)


def own_publication(tenant: Tenant) -> Publication:
    """Proposed by the operator who comes by."""
    return _proposed(tenant, "eigen", tenant.people[Role.OPERATOR])


def version_and_publication(tenant: Tenant) -> tuple[OfferingVersion, Publication]:
    """As ``publication_of_colleague``, for an address that names the version too."""
    publication = _proposed(tenant, "ander", tenant.all_rounder)
    return publication.version, publication


def version_and_own_publication(tenant: Tenant) -> tuple[OfferingVersion, Publication]:
    """As ``own_publication``, for an address that names the version too."""
    publication = _proposed(tenant, "terug", tenant.people[Role.OPERATOR])
    return publication.version, publication


def code_of_draft(tenant: Tenant) -> dict[str, str]:
    """The query that asks for the versions of one offering."""
    return {"code": tenant.named("ontwerp")}


def new_offer(tenant: Tenant) -> dict[str, Any]:
    """A form that makes an offering."""
    cloud = Cloud.objects.order_by("pk")[0]
    return {**TEXTS, "code": "nieuw-aanbod", "kind": "security_group", "cloud": cloud.pk}


def new_offer_by_program(tenant: Tenant) -> dict[str, Any]:
    return {**new_offer(tenant), "cloud": Cloud.objects.order_by("pk")[0].key}


def _version(tenant: Tenant, word: str, state: OfferingVersionState) -> OfferingVersion:
    offering = Offering.objects.create(code=tenant.named(word), kind="security_group", position=9)
    version: OfferingVersion = OfferingVersionFactory(
        offering=offering,
        state=state,
        name_nl="Regels",
        name_en="Rules",
        description_nl=tenant.named("regels"),
        description_en=tenant.named("rules"),
        choices={},
        visible_to=[tenant.directorate],
    )
    return version


def _proposed(tenant: Tenant, word: str, person: Person) -> Publication:
    draft = _version(tenant, word, OfferingVersionState.DRAFT)
    return Publication.objects.create(version=draft, proposed_by=person, proposed_at=now())


ROWS = [
    see("catalog:offerings", by=READERS, seen_by=READERS, unseen=403, shows_organizations=True),
    see("catalog:offering-new", by=MAKERS, seen_by=MAKERS, unseen=403),
    act("catalog:offering-new", body=new_offer, by=MAKERS, seen_by=MAKERS, unseen=403),
    see("catalog:offering-version", of=draft_offer, by=READERS, seen_by=READERS),
    see(
        "catalog:offering-version-edit",
        of=draft_offer,
        by=MAKERS,
        seen_by=READERS,
        shows_organizations=True,
    ),
    act("catalog:offering-version-edit", of=draft_offer, body=DRAFT, by=MAKERS, seen_by=READERS),
    act("catalog:offering-version-copy", of=published_offer, by=MAKERS, seen_by=READERS),
    act("catalog:offering-version-propose", of=draft_offer, by=MAKERS, seen_by=READERS),
    see("catalog:offering-version-withdraw", of=published_offer, by=DECIDERS, seen_by=READERS),
    act(
        "catalog:offering-version-withdraw",
        of=published_offer,
        by=DECIDERS,
        seen_by=READERS,
        is_strong=True,
    ),
    see("catalog:publication", of=publication_of_colleague, by=READERS, seen_by=READERS),
    act(
        "catalog:publication-publish",
        of=publication_of_colleague,
        by=DECIDERS,
        seen_by=READERS,
        is_strong=True,
    ),
    act(
        "catalog:publication-refuse",
        of=publication_of_colleague,
        body=REASON,
        by=DECIDERS,
        seen_by=READERS,
        is_strong=True,
    ),
    act("catalog:publication-take-back", of=own_publication, by=MAKERS, seen_by=READERS),
    # for programs
    see(
        "api:offering-version-list",
        query=code_of_draft,
        by=READERS,
        seen_by=READERS,
        unseen=403,
    ),
    call(
        "api:offering-version-list",
        body=new_offer_by_program,
        by=MAKERS,
        seen_by=MAKERS,
        unseen=403,
    ),
    see("api:offering-version-detail", of=draft_offer, by=READERS, seen_by=READERS),
    Row(
        method="PUT",
        route="api:offering-version-detail",
        of=draft_offer,
        body={**DRAFT, "choices": {}, "visible_to": []},
        by=MAKERS,
        changes=Change.FACTS,
        seen_by=READERS,
        unseen=404,
    ),
    call("api:offering-version-copies", of=published_offer, by=MAKERS, seen_by=READERS),
    call("api:offering-version-publications", of=draft_offer, by=MAKERS, seen_by=READERS),
    call(
        "api:offering-version-publication-decision",
        of=version_and_publication,
        body={"decision": "published"},
        by=DECIDERS,
        seen_by=READERS,
        answer=200,
        is_strong=True,
    ),
    call(
        "api:offering-version-publication-withdrawal",
        of=version_and_own_publication,
        by=MAKERS,
        seen_by=READERS,
        answer=200,
    ),
    call(
        "api:offering-version-withdrawal",
        of=published_offer,
        by=DECIDERS,
        seen_by=READERS,
        answer=200,
        is_strong=True,
    ),
]
