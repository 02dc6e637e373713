"""The database itself keeps what was published, and wants two people for it."""

from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from catalog.models import (
    Offering,
    OfferingVersion,
    OfferingVersionState,
    Publication,
    PublicationState,
)
from tests.factories import (
    PersonFactory,
    make_organization,
    published,
    with_longest_term,
    withdrawn,
)

pytestmark = pytest.mark.django_db
STATES = OfferingVersionState


def refused(match):
    return pytest.raises(IntegrityError, match=match)


def proposal(version, **facts):
    moment = now()
    return Publication.objects.create(
        **{"version": version, "proposed_by": PersonFactory(), "proposed_at": moment, **facts}
    )


def run(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_nothing_is_published_without_a_second_person(draft):
    withdrawn(draft.offering.versions.get(state=STATES.PUBLISHED))

    with refused("a second person confirmed"), transaction.atomic():
        OfferingVersion.objects.filter(pk=draft.pk).update(state=STATES.PUBLISHED)
    proposal(draft)
    with refused("a second person confirmed"):
        OfferingVersion.objects.filter(pk=draft.pk).update(state=STATES.PUBLISHED)


def test_nobody_confirms_their_own_proposal(draft):
    publication = proposal(draft)

    with refused("publication_decided_by_another_person"):
        Publication.objects.filter(pk=publication.pk).update(
            state=PublicationState.CONFIRMED,
            decided_by=publication.proposed_by,
            decided_at=now(),
        )


@pytest.mark.parametrize("state", [STATES.PUBLISHED, STATES.WITHDRAWN])
def test_a_version_begins_as_a_draft(version, state):
    version.pk, version.number, version.state = None, 7, state
    version.public_id = "5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01"

    with refused("begins as a draft"):
        version.save(force_insert=True)


@pytest.mark.parametrize(
    "change",
    [
        {"name_nl": "Anders"},
        {"choices": {}},
        {"approval_days": 1},
        {"documentation_url": "https://elders.example.nl"},
        {"number": 9},
    ],
)
@pytest.mark.parametrize("stage", ["published", "withdrawn", "proposed", "confirmed"])
def test_what_was_proposed_published_or_withdrawn_never_changes(version, draft, stage, change):
    if stage == "withdrawn":
        withdrawn(version)
    target = version if stage in {"published", "withdrawn"} else draft
    if target is draft:
        publication = proposal(draft)
    if stage == "confirmed":
        Publication.objects.filter(pk=publication.pk).update(
            state=PublicationState.CONFIRMED, decided_by=PersonFactory(), decided_at=now()
        )

    with refused("never changes"):
        OfferingVersion.objects.filter(pk=target.pk).update(**change)


def test_nor_does_it_while_it_is_published(draft):
    withdrawn(draft.offering.versions.get(state=STATES.PUBLISHED))
    publication = proposal(draft)
    Publication.objects.filter(pk=publication.pk).update(
        state=PublicationState.CONFIRMED, decided_by=PersonFactory(), decided_at=now()
    )

    with refused("never changes"):
        OfferingVersion.objects.filter(pk=draft.pk).update(
            state=STATES.PUBLISHED, name_nl="Iets anders"
        )


@pytest.mark.parametrize("state", [STATES.DRAFT, STATES.PUBLISHED])
def test_what_was_withdrawn_does_not_come_back(version, state):
    withdrawn(version)

    with refused("never changes|no draft again"):
        OfferingVersion.objects.filter(pk=version.pk).update(
            state=state, withdrawn_by=None, withdrawn_at=None
        )


def test_what_is_published_is_no_draft_again(version):
    with refused("no draft again"):
        OfferingVersion.objects.filter(pk=version.pk).update(state=STATES.DRAFT)


def test_a_version_is_withdrawn_by_somebody(version):
    with refused("somebody withdraws a version"):
        OfferingVersion.objects.filter(pk=version.pk).update(state=STATES.WITHDRAWN)


def test_a_draft_is_not_dropped_while_it_waits(draft):
    proposal(draft)

    with refused("not while it waits"):
        OfferingVersion.objects.filter(pk=draft.pk).update(
            state=STATES.WITHDRAWN, withdrawn_by=PersonFactory(), withdrawn_at=now()
        )


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "volume"},
        {"code": "anders"},
        {"public_id": "5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01"},
    ],
)
def test_an_offering_stays_what_it_is(version, change):
    offerings = Offering.objects.filter(pk=version.offering_id)
    offerings.update(position=7)

    with refused("keeps its code and its kind"):
        offerings.update(**change)


def test_a_version_is_never_deleted(draft):
    with refused("never deleted"):
        run("DELETE FROM catalog_offeringversion WHERE id = %s", draft.pk)


def test_for_whom_it_exists_is_settled_with_it(version, draft):
    tenant = make_organization()
    draft.visible_to.set([tenant])
    proposal(draft)

    with refused("who sees what was proposed"), transaction.atomic():
        version.visible_to.add(tenant)
    with refused("who sees what was proposed"), transaction.atomic():
        draft.visible_to.clear()
    with refused("who sees what was proposed"):
        run("UPDATE catalog_offeringversion_visible_to SET offeringversion_id = %s", version.pk)


def test_one_draft_and_one_published_version_of_an_offering(version, draft):
    draft.pk, draft.number = None, 8
    draft.public_id = "5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01"

    with refused("offering_has_one_draft"), transaction.atomic():
        draft.save(force_insert=True)
    with refused("offering_has_one_published_version"):
        published(version.offering.versions.get(state=STATES.DRAFT))


@pytest.mark.parametrize("address", ["http://example.nl", "javascript:alert(1)", "x\nhttps://a"])
def test_a_link_begins_with_https(draft, address):
    with refused("offering_version_links_are_https"):
        OfferingVersion.objects.filter(pk=draft.pk).update(documentation_url=address)


def test_only_a_draft_is_proposed_and_once_at_a_time(version, draft):
    proposal(draft)

    for target in (version, draft):
        with refused("begins by waiting for a decision on a draft"), transaction.atomic():
            proposal(target)
    with refused("begins by waiting"):
        proposal(draft, state=PublicationState.CONFIRMED)


def test_a_settled_publication_stays_settled_and_nothing_of_it_changes(version, draft):
    settled = version.publications.get()
    waiting = proposal(draft)

    for change in ({"state": "refused"}, {"decision_reason": "x"}):
        with refused("settled stays"), transaction.atomic():
            Publication.objects.filter(pk=settled.pk).update(**change)
    with refused("what was proposed never changes"), transaction.atomic():
        Publication.objects.filter(pk=waiting.pk).update(proposed_by=PersonFactory())
    with refused("settled stays"):
        run("DELETE FROM catalog_publication WHERE id = %s", waiting.pk)


def test_a_longest_term_that_nobody_chose_is_taken_away_and_given_back(version):
    """By the migration, also of what is published."""
    migration = import_module("catalog.migrations.0033_no_longest_term")
    old = with_longest_term(version, days=1096)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as at the end of its transaction

    for days, sql in (
        (None, migration.SQL.format(to="NULL", of="= 1096")),
        (1096, migration.SQL.format(to="1096", of="IS NULL")),
    ):
        with connection.cursor() as cursor:
            cursor.execute(sql)
        old.refresh_from_db()
        assert old.maximum_term_days == days
