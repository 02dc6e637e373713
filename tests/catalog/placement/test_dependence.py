"""Shares of spending and of projects, and what stops with a supplier, by what was assessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from catalog.placement import Dependency, Link
from catalog.placement_words import DependencyKind
from catalog.services.placement.dependence import UNKNOWN, dependence_of
from catalog.services.placement.spending import spend_by_place
from catalog.services.resource_costs import (
    ResourceCostList,
    ResourceCostOrder,
    ResourceFilter,
    branches_for,
)
from portal.core.calendar import month_of
from portal.identity.models import Role
from tests.catalog.placement.test_register import adopted
from tests.factories import (
    CloudFactory,
    PersonFactory,
    assessed,
    delivered,
    grant,
    make_organization,
    make_project,
    place,
    unassessed,
)
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory, metered_since

pytestmark = pytest.mark.django_db
AMERICAN = (
    Link(name="Cloud BV", jurisdiction="NL", is_operator=True),
    Link(name="Cloud Inc", jurisdiction="US"),
)


def thing(key, supplier, *needs, is_critical=True, jurisdiction="NL"):
    return Dependency(
        key=key,
        name=key.title(),
        kind=DependencyKind.SERVICE,
        supplier=supplier,
        jurisdiction=jurisdiction,
        is_critical=is_critical,
        needs=needs,
    )


@pytest.fixture
def server(requester, approver, project, version, sent_tasks):
    """Runs since the month began, at the government's own."""
    resource = delivered(place(requester, project, version), approver=approver)
    metered_since(resource.public_id, month_of(now()).start)
    return resource


@pytest.fixture
def own(server):
    return server.cloud_project.cloud


@pytest.fixture
def foreign(server, project):
    """A second cloud, where a disk of another project stands."""
    cloud = CloudFactory(key="wolk", name="Wolk")
    assessed(cloud, chain=AMERICAN, locations=("IE", "US"))
    adopted(make_project(project.parent, name="Archief"), cloud)
    return cloud


@pytest.fixture
def finance(project):
    person = PersonFactory()
    grant(person, Role.FINANCE, project.parent)
    return person


def asked(person, node=None):
    moment = now()
    return dependence_of(person, node=node, month=month_of(moment), at=moment)


class TestSpending:
    def test_is_together_what_the_costs_per_resource_come_to(self, server, foreign, finance):
        month, moment = month_of(now()), now()
        page, _pieces = ResourceCostList(
            node_ids=branches_for(finance, None),
            month=month,
            at=moment,
            filter=ResourceFilter(),
            order=ResourceCostOrder.DEAREST,
        ).page(1, size=25)

        found = spend_by_place(finance, node=None, month=month, at=moment)

        assert found.total == page.exact > 0
        assert asked(finance).total >= found.total  # of a moment later

    def test_of_what_is_no_resource_here_nobody_knows_where(self, server, project, finance):
        UsageSpanFactory(
            resource=MeteredResourceFactory(project=project, name="van-vroeger"),
            started_at=month_of(now()).start,
        )

        found = asked(finance)

        assert found.amounts["?"] > 0
        assert {row.name for row in found.by_operator.rows} == {"Overheidsdatacenter", UNKNOWN}

    def test_nobody_sees_that_of_another_tenant(self, server):
        stranger = PersonFactory()
        grant(stranger, Role.FINANCE, make_organization())

        assert asked(stranger).total == 0
        assert asked(stranger).places == {}

    def test_of_one_part(self, server, foreign, project, finance):
        assert set(asked(finance, node=project).projects) == {
            key
            for key in asked(finance).projects
            if key.startswith(f"{server.cloud_project.cloud_id}/")
        }

    @pytest.mark.parametrize("role", [Role.REQUESTER, Role.APPROVER, Role.OPERATOR])
    def test_who_does_not_read_the_register_gets_nothing(self, server, project, role):
        person = PersonFactory()
        grant(person, role, project.parent)

        assert asked(person).places == {}


class TestShares:
    def test_by_operator_and_by_the_law_of_the_ultimate_owner(self, server, foreign, finance):
        found = asked(finance)

        operators = {row.name: row for row in found.by_operator.rows}
        assert set(operators) == {"Overheidsdatacenter", "Cloud BV"}
        assert sum(row.amount for row in operators.values()) == found.total
        assert sum(row.amount_percent for row in operators.values()) == 100
        assert operators["Cloud BV"].projects_percent == 50
        assert found.by_operator.projects_hhi == 5000
        assert {row.name: row.projects for row in found.by_jurisdiction.rows} == {"NL": 1, "US": 1}

    def test_one_that_has_all(self, server, finance):
        assert asked(finance).by_operator.amount_hhi == 10_000

    def test_without_anything_there_is_no_index(self, project, finance):
        assert asked(finance).by_operator.amount_hhi is None

    def test_who_nobody_assessed_is_a_name_of_its_own(self, server, foreign, own, finance):
        unassessed(own)

        assert {row.name for row in asked(finance).by_operator.rows} == {UNKNOWN, "Cloud BV"}

    def test_what_delivers_to_all_touches_all(self, server, foreign, own, finance):
        chips = thing("chips", "Chipmaker", jurisdiction="TW")
        assessed(own, dependencies=(chips, thing("dns", "Naamdienst")))
        assessed(foreign, chain=AMERICAN, dependencies=(chips,))

        found = asked(finance)

        touched = {row.name: row for row in found.by_supplier}
        assert (touched["Chipmaker"].amount_percent, touched["Chipmaker"].projects) == (100, 2)
        assert touched["Naamdienst"].projects_percent == 50
        assert {row.name for row in found.by_dependency_jurisdiction} == {"TW", "NL"}

    def test_a_project_in_more_places_counts_in_each_and_touches_once(
        self, server, foreign, own, project, finance
    ):
        adopted(project, foreign)
        chips = thing("chips", "Chipmaker")
        assessed(own, dependencies=(chips,))
        assessed(foreign, chain=AMERICAN, dependencies=(chips,))

        found = asked(finance)

        assert {row.name: row.projects for row in found.by_operator.rows} == {
            "Overheidsdatacenter": 1,
            "Cloud BV": 2,
        }
        assert found.by_supplier[0].projects == 2


class TestSoil:
    def test_a_place_counts_where_all_its_locations_do(self, server, foreign, finance):
        found = asked(finance).soil

        assert (found.projects.dutch, found.projects.european) == (50, 50)
        assert found.amount.dutch == found.amount.european
        assert found.projects.unknown == 0

    def test_unknown_is_neither(self, server, own, finance):
        unassessed(own)

        found = asked(finance).soil

        assert (found.projects.european, found.projects.unknown) == (0, 100)


class TestWhatStops:
    def test_with_an_operator_all_that_stands_there(self, server, foreign, project, finance):
        stops, weakens = asked(finance).without("Overheidsdatacenter")

        assert stops.places == [server.cloud_project.cloud.name]
        assert stops.projects == [project]
        assert stops.resources == 1
        assert stops.amount > 0
        assert (weakens.places, weakens.amount) == ([], 0)

    def test_what_needs_something_critical_stops_with_it(self, server, own, project, finance):
        assessed(
            own, dependencies=(thing("login", "Inlogdienst", "dns"), thing("dns", "Naamdienst"))
        )

        stops, _weakens = asked(finance).without("Naamdienst")

        assert stops.dependencies == [(own.name, "Dns"), (own.name, "Login")]
        assert stops.projects == [project]

    def test_without_what_is_not_critical_it_goes_on(self, server, own, project, finance):
        assessed(own, dependencies=(thing("mail", "Postdienst", is_critical=False),))

        stops, weakens = asked(finance).without("Postdienst")

        assert (stops.places, stops.projects) == ([], [])
        assert stops.dependencies == [(own.name, "Mail")]
        assert weakens.projects == [project]

    def test_who_can_be_asked_about(self, server, own, foreign, finance):
        assessed(own, dependencies=(thing("dns", "Naamdienst"),))

        assert asked(finance).suppliers == ["Cloud BV", "Naamdienst", "Overheidsdatacenter"]

    def test_of_what_nobody_listed_it_says_so(self, server, own, finance):
        assessed(own, dependencies=None)

        assert asked(finance).unlisted == [own.name]


def test_queries_do_not_grow_with_what_there_is(server, foreign, project, finance):
    def count():
        with CaptureQueriesContext(connection) as queries:
            found = asked(finance)
            assert found.by_operator.rows
        return len(queries)

    before = count()
    for number in range(3):
        adopted(make_project(project.parent), CloudFactory(key=f"cloud-{number}"))
    assert count() == before
    assert isinstance(asked(finance).total, Decimal)
