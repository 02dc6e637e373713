"""What was done on a node is read by who audited its place then, wherever it stands now."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import transaction

from catalog.services.tree import move_node
from portal.audit import services
from portal.audit.models import AuditEntry
from portal.audit.services import record
from portal.identity.models import NodeParent, Role
from portal.identity.services.ending import close_node
from portal.web.trail.access import Reach
from tests.factories import PersonFactory, grant, make_organization, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def ministry(db):
    return make_organization(name="Ministerie")


@pytest.fixture
def directorate(ministry):
    return make_organization(ministry, name="Directie")


@pytest.fixture
def project(directorate):
    return make_project(directorate)


@pytest.fixture
def elsewhere(db):
    return make_organization(name="Ander ministerie")


@pytest.fixture
def mover(ministry, elsewhere):
    person = PersonFactory()
    for node in (ministry, elsewhere):
        grant(person, Role.QUOTA_ADMINISTRATOR, node)
    return person


def auditor_of(node):
    person = PersonFactory()
    grant(person, Role.AUDITOR, node)
    return person


def write(node) -> AuditEntry:
    with transaction.atomic():
        return record("order.submitted", node, actor=None, node_id=node.pk)


def reads(auditor, entry) -> bool:
    return Reach.of(auditor).entries().filter(pk=entry.pk).exists()


def test_moved_node_leaves_what_was_done_there_behind(ministry, project, elsewhere, mover):
    """In one second, for the history of the tree counts in whole ones."""
    former, present = auditor_of(ministry), auditor_of(elsewhere)
    before = write(project)
    move_node(project.public_id, actor=mover, new_parent=elsewhere.public_id)
    after = write(project)
    moved = AuditEntry.objects.get(event="node.moved")

    assert [reads(former, entry) for entry in (before, moved, after)] == [True, False, False]
    assert [reads(present, entry) for entry in (before, moved, after)] == [False, True, True]


def test_what_stands_below_it_goes_along(ministry, directorate, project, elsewhere, mover):
    former, present, own = auditor_of(ministry), auditor_of(elsewhere), auditor_of(directorate)
    before = write(project)
    move_node(directorate.public_id, actor=mover, new_parent=elsewhere.public_id)
    after = write(project)

    assert (reads(former, before), reads(former, after)) == (True, False)
    assert (reads(present, before), reads(present, after)) == (False, True)
    assert (reads(own, before), reads(own, after)) == (True, True)


def test_node_that_comes_back_is_read_of_twice(ministry, directorate, project, elsewhere, mover):
    former, present = auditor_of(ministry), auditor_of(elsewhere)
    first = write(project)
    move_node(project.public_id, actor=mover, new_parent=elsewhere.public_id)
    second = write(project)
    move_node(project.public_id, actor=mover, new_parent=directorate.public_id)
    third = write(project)

    assert [reads(former, entry) for entry in (first, second, third)] == [True, False, True]
    assert [reads(present, entry) for entry in (first, second, third)] == [False, True, False]


def test_dropped_entry_about_a_move_leaves_the_history_of_the_tree(
    ministry, project, elsewhere, monkeypatch
):
    moment = datetime(2026, 11, 1, 12, tzinfo=UTC)
    NodeParent.objects.filter(node=project).update(
        valid_from=datetime(2026, 1, 1, tzinfo=UTC), valid_until=moment
    )
    NodeParent.objects.create(node=project, parent=elsewhere, valid_from=moment)
    monkeypatch.setattr(services, "now", lambda: datetime(2026, 10, 31, tzinfo=UTC))
    before = write(project)
    monkeypatch.setattr(services, "now", lambda: moment)
    after = write(project)

    former, present = auditor_of(ministry), auditor_of(elsewhere)
    assert (reads(former, before), reads(former, after)) == (True, False)
    assert (reads(present, before), reads(present, after)) == (False, True)


def test_ended_node_stays_where_it_was(ministry, project, mover):
    close_node(project, actor=mover, at=datetime.now(UTC))
    ended = AuditEntry.objects.get(event="node.ended")

    assert reads(auditor_of(ministry), ended)
    assert reads(auditor_of(ministry), write(project))


def test_auditor_of_everything_reads_both_times(ministry, project, elsewhere, mover):
    auditor = auditor_of(ministry)
    grant(auditor, Role.AUDITOR, elsewhere)
    before = write(project)
    move_node(project.public_id, actor=mover, new_parent=elsewhere.public_id)

    assert reads(auditor, before)
    assert reads(auditor, write(project))
    assert len(Reach.of(auditor).stays) == 1  # however often things moved
    assert set(Reach.of(auditor).entries()) == set(AuditEntry.objects.all())
