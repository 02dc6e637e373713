"""What costs fall under: who sets it from when, what is inherited, and what it does to charges."""

from __future__ import annotations

from datetime import date, datetime
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection

from billing.models import AllocationFact, AllocationKey, MeteredResource
from billing.services.allocations import (
    Place,
    allocations_of,
    allocations_of_each,
    earliest_change,
    set_allocation,
)
from billing.services.charging import costs, list_charges
from portal.audit.models import AuditEntry
from portal.core.calendar import month, start_of_day
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.errors import NodeEnded
from portal.identity.models import CostCentre, Node, NodeParent, Organization, Person, Project, Role
from tests.constraints import refused_by
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.factories.billing import LONG_AGO, MeteredResourceFactory, UsageSpanFactory, set_price

NOVEMBER = month(2026, 11)
CENTER, OBJECT, COMMITMENT = AllocationKey
pytestmark = pytest.mark.django_db


def november(day: int) -> datetime:
    return start_of_day(date(2026, 11, day))


@pytest.fixture(autouse=True)
def mid_november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.services.allocations.now", lambda: november(16))
    monkeypatch.setattr("billing.services.allocations.localdate", lambda: date(2026, 11, 16))


@pytest.fixture
def ministry() -> Organization:
    return make_organization(name="Ministerie")


@pytest.fixture
def project(ministry: Organization) -> Project:
    project = make_project(make_organization(ministry, "Dienst"))
    NodeParent.objects.update(valid_from=LONG_AGO)
    return project


@pytest.fixture
def server(project: Project) -> MeteredResource:
    """Runs all of November, for ten euros a day."""
    set_price("300.00")
    server: MeteredResource = MeteredResourceFactory(project=project, name="zaak-app-01")
    UsageSpanFactory(resource=server, started_at=NOVEMBER.start)
    return server


@pytest.fixture
def finance(ministry: Organization) -> Person:
    return member(Role.FINANCE, ministry)


def member(role: Role, node: Node) -> Person:
    person: Person = PersonFactory()
    grant(person, role, node)
    return person


def set_from(
    day: int, place: Place, key: AllocationKey, value: str, actor: Person, month: int = 11
) -> None:
    set_allocation(place, key, value=value, starts_on=date(2026, month, day), actor=actor)


def current(place: Place, key: AllocationKey) -> tuple[str | None, Node | None]:
    """What holds, and the node on which it was said."""
    (one,) = [one for one in allocations_of(place) if one.key == key]
    return (one.current.value if one.current else None), one.source


def days_of(project: Project) -> list[tuple[int, str | None, str | None, str | None]]:
    """Of each line of November the days, and what they fall under."""
    found = costs([project.pk], period=NOVEMBER, as_of=NOVEMBER.end)
    return [
        (
            int(line.quantity_seconds) // 86400,
            line.cost_center,
            line.cost_object,
            line.commitment_number,
        )
        for line in found.lines
    ]


class TestCharges:
    def test_without_anything_said_nothing_changes(self, server: MeteredResource) -> None:
        assert days_of(server.project) == [(30, None, None, None)]

    def test_the_nearest_holds_per_key(
        self, server: MeteredResource, ministry: Organization, finance: Person
    ) -> None:
        project = server.project
        set_from(1, ministry, CENTER, "100", finance)
        set_from(1, ministry, OBJECT, "beleid", finance)
        set_from(1, project.parent, CENTER, "200", finance)
        set_from(1, project, COMMITMENT, "V-7", finance)
        set_from(1, server, OBJECT, "zaken", finance)

        assert days_of(project) == [(30, "200", "zaken", "V-7")]

    def test_what_held_at_the_moment_of_use_counts(
        self, server: MeteredResource, finance: Person
    ) -> None:
        set_from(11, server.project, CENTER, "100", finance)
        set_from(21, server, CENTER, "200", finance)

        assert days_of(server.project) == [
            (10, "100", None, None),
            (10, "200", None, None),
            (10, None, None, None),
        ]

    def test_a_resource_with_its_own_is_not_cut_where_only_its_project_changes(
        self, server: MeteredResource, finance: Person
    ) -> None:
        set_from(1, server, CENTER, "100", finance)
        set_from(11, server.project, CENTER, "200", finance)

        (charge,) = list_charges([server.project.pk], period=NOVEMBER, as_of=NOVEMBER.end)
        assert (charge.cost_center, charge.seconds) == ("100", NOVEMBER.seconds)

    def test_what_was_inherited_stays_where_the_project_was(
        self, server: MeteredResource, finance: Person, ministry: Organization
    ) -> None:
        project = server.project
        other = make_organization(ministry, "Andere dienst")
        set_from(1, project.parent, CENTER, "100", finance)
        set_from(1, other, CENTER, "200", finance)
        stay = NodeParent.objects.filter(node=project)
        stay.update(valid_until=november(11))
        NodeParent.objects.create(node=project, parent=other, valid_from=november(11))

        assert days_of(project) == [(10, "100", None, None), (20, "200", None, None)]

    def test_parts_add_up_to_the_whole_at_six_decimals(
        self, server: MeteredResource, finance: Person
    ) -> None:
        set_from(11, server.project, CENTER, "100", finance)

        found = costs([server.project.pk], period=NOVEMBER, as_of=NOVEMBER.end)
        parts = found.by_allocation(CENTER)
        assert {value: str(part.total) for value, part in parts.items()} == {
            "100": "200.00",
            None: "100.00",
        }


class TestTime:
    @pytest.mark.parametrize("day", [date(2026, 10, 31), date(2025, 1, 1), date(2032, 1, 1)])
    def test_settled_months_and_a_far_future_are_refused(
        self, project: Project, finance: Person, day: date
    ) -> None:
        with pytest.raises(InvalidInput) as refused:
            set_allocation(project, OBJECT, value="zaken", starts_on=day, actor=finance)

        assert list(refused.value.errors) == ["starts_on"]
        assert not AllocationFact.objects.exists()

    def test_a_month_that_is_not_closed_yet_may_still_be_allocated(
        self, project: Project, finance: Person
    ) -> None:
        UsageSpanFactory(
            resource=MeteredResourceFactory(project=project), started_at=month(2026, 9).start
        )

        assert earliest_change() == date(2026, 9, 1)

    def test_the_month_is_that_of_amsterdam(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("billing.services.allocations.now", lambda: month(2026, 12).start)

        assert earliest_change() == date(2026, 12, 1)

    def test_a_later_word_overtakes_what_was_planned_and_keeps_it_readable(
        self, project: Project, finance: Person
    ) -> None:
        set_from(1, project, OBJECT, "a", finance)
        set_from(20, project, OBJECT, "b", finance)
        set_from(10, project, OBJECT, "c", finance)

        (shown,) = [one for one in allocations_of(project) if one.key == OBJECT]
        assert [(one.value, one.valid_from, one.valid_until) for one in shown.periods] == [
            ("b", november(20), november(20)),
            ("c", november(10), None),
            ("a", november(1), november(10)),
        ]
        assert [one.never_held for one in shown.periods] == [True, False, False]

    def test_a_correction_of_the_same_day_leaves_the_last(
        self, project: Project, finance: Person
    ) -> None:
        for value in ("a", "b"):
            set_from(1, project, OBJECT, value, finance)

        assert current(project, OBJECT) == ("b", project.node_ptr)

    @pytest.mark.parametrize("key", AllocationKey)
    def test_nothing_means_what_is_inherited(
        self, project: Project, ministry: Organization, finance: Person, key: AllocationKey
    ) -> None:
        set_from(1, ministry, key, "100", finance)
        set_from(1, project, key, "200", finance)
        assert current(project, key) == ("200", project.node_ptr)

        set_from(5, project, key, "", finance)

        assert current(project, key) == ("100", ministry.node_ptr)


class TestInheritance:
    def test_a_resource_inherits_from_its_project_and_above(
        self, server: MeteredResource, ministry: Organization, finance: Person
    ) -> None:
        assert current(server, OBJECT) == (None, None)
        set_from(1, ministry, OBJECT, "a", finance)
        assert current(server, OBJECT) == ("a", ministry.node_ptr)
        set_from(1, server, OBJECT, "b", finance)
        assert current(server, OBJECT) == ("b", None)

    def test_the_cost_centre_of_a_node_is_that_of_the_tree(
        self, project: Project, finance: Person
    ) -> None:
        CostCentre.objects.create(
            node=project.parent, code="410210", name="Water", valid_from=LONG_AGO
        )
        set_from(3, project, CENTER, "410210", finance)

        row = CostCentre.objects.get(node=project)
        assert (row.code, row.name, row.valid_from) == ("410210", "Water", november(3))
        assert not AllocationFact.objects.exists()

    def test_queries_do_not_depend_on_the_number_of_nodes(
        self, project: Project, ministry: Organization, django_assert_num_queries: Any
    ) -> None:
        few: list[Node] = [project]
        many = [make_project(project.parent) for _ in range(5)]
        for nodes in (few, [*few, ministry, *many]):
            with django_assert_num_queries(3):
                allocations_of_each(nodes)


class TestWho:
    @pytest.mark.parametrize("role", sorted(set(Role) - {Role.FINANCE}))
    def test_other_roles_set_nothing(
        self, server: MeteredResource, ministry: Organization, role: Role
    ) -> None:
        person = member(role, ministry)

        for place in (server, server.project):
            with pytest.raises(NotAllowed):
                set_from(1, place, OBJECT, "zaken", person)
        assert not AllocationFact.objects.exists()
        assert AuditEntry.objects.filter(event="node.change_refused").count() == 2

    def test_finance_of_a_part_sets_nothing_above_or_beside_it(
        self, project: Project, ministry: Organization
    ) -> None:
        own = member(Role.FINANCE, project)

        for node in (ministry, make_organization(ministry)):
            with pytest.raises(NotAllowed):
                set_from(1, node, OBJECT, "zaken", own)

    def test_nothing_is_set_on_what_has_ended(self, project: Project, finance: Person) -> None:
        Node.objects.filter(pk=project.pk).update(ended_at=november(2))

        with pytest.raises(NodeEnded):
            set_from(1, project, OBJECT, "zaken", finance)

    @pytest.mark.parametrize("is_resource", [True, False])
    def test_the_trail_says_what_from_when(
        self, server: MeteredResource, finance: Person, is_resource: bool
    ) -> None:
        place = server if is_resource else server.project
        set_from(3, place, OBJECT, "zaken", finance)

        entry = AuditEntry.objects.get(event="allocation.set")
        assert entry.subject_public_id == place.public_id
        assert (entry.node_id, entry.actor_id) == (server.project_id, finance.pk)
        assert entry.data == {
            "key": "cost_object",
            "value": "zaken",
            "from": november(3).isoformat(),
        }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (OBJECT, "x" * 41),
        (CENTER, "x" * 21),
        (OBJECT, "=1+1"),
        (OBJECT, "-1"),
        (OBJECT, "@zaken"),
        (OBJECT, "zaken\x00"),
        (OBJECT, "zaken\nnog een"),
        (OBJECT, "ж"),
        (OBJECT, "<b>zaken</b>"),
    ],
)
def test_what_is_no_number_of_a_ledger_is_refused(
    project: Project, finance: Person, key: AllocationKey, value: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        set_from(1, project, key, value, finance)

    assert list(refused.value.errors) == ["value"]
    assert not AllocationFact.objects.exists()
    assert not CostCentre.objects.exists()


class TestDatabase:
    def fact(self, place: dict[str, Any], **changes: Any) -> AllocationFact:
        asked = {"key": OBJECT, "value": "zaken", "valid_from": november(1), **changes}
        return AllocationFact.objects.create(**place, **asked)

    def test_one_value_at_a_time(self, server: MeteredResource) -> None:
        for place in ({"node": server.project}, {"resource": server}):
            self.fact(place)
            self.fact(place, key=COMMITMENT)
            with refused_by("allocation_one_cost_object_at_a_time"):
                self.fact(place, valid_from=november(5))

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"value": ""}, "allocation_has_a_value"),
            ({"key": "colour"}, "allocation_key_known"),
            ({"key": "cost_center"}, "allocation_of_a_node_or_a_resource"),
            ({"valid_until": LONG_AGO}, "allocation_ends_after_it_begins"),
            (
                {"valid_from": november(1).replace(microsecond=1)},
                "allocation_changes_on_a_whole_second",
            ),
        ],
    )
    def test_nonsense_is_refused(
        self, project: Project, changes: dict[str, Any], constraint: str
    ) -> None:
        with refused_by(constraint):
            self.fact({"node": project}, **changes)

    def test_a_fact_is_about_one_place(self, server: MeteredResource) -> None:
        for place in ({}, {"node": server.project, "resource": server}):
            with refused_by("allocation_of_a_node_or_a_resource"):
                self.fact(place)

    @pytest.mark.parametrize(
        "changes", [{"value": "anders"}, {"valid_from": LONG_AGO}, {"valid_until": None}]
    )
    def test_a_fact_never_changes(self, project: Project, changes: dict[str, Any]) -> None:
        fact = self.fact({"node": project}, valid_until=november(9))

        with refused_by("allocation_fact_may_only_end"):
            AllocationFact.objects.filter(pk=fact.pk).update(**changes)
        with refused_by("allocation_fact_may_only_end"):
            fact.delete()

    def test_a_fact_ends_or_sooner_never_later(self, project: Project) -> None:
        rows = AllocationFact.objects.filter(pk=self.fact({"node": project}).pk)

        rows.update(valid_until=november(9))
        rows.update(valid_until=november(5))
        with refused_by("allocation_fact_may_only_end"):
            rows.update(valid_until=november(6))


@pytest.mark.django_db(transaction=True)
def test_two_at_once_leave_one_value(project: Project, finance: Person) -> None:
    together = Barrier(2)

    def set_one(value: str) -> None:
        together.wait()
        try:
            set_from(1, project, OBJECT, value, finance)
        finally:
            connection.close()

    threads = [Thread(target=set_one, args=[value]) for value in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    rows = AllocationFact.objects.order_by("pk")
    assert len(rows) == 2  # nobody was refused
    assert [row.valid_until for row in rows] == [november(1), None]
