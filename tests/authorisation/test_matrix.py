"""Every cell of the table: each operation, tried by each visitor."""

from __future__ import annotations

from collections import Counter

import pytest
from django.test import override_settings

from portal.core.problem import API_PREFIX
from portal.identity import middleware
from portal.identity.oidc import discovery, session, transport
from tests.authorisation.contents import AUDIT
from tests.authorisation.routes import METHODS, routes
from tests.authorisation.rows import MATRIX
from tests.authorisation.visits import Visits, rolled_back, tenants_of
from tests.authorisation.vocabulary import (
    ASKER,
    HERE,
    MINISTRY,
    NOBODY,
    STRANGER,
    VISITORS,
    Change,
    Outcome,
    names_of,
)
from tests.authorisation.world import make_world
from tests.portal.identity.oidc.fake_provider import FakeProvider

pytestmark = pytest.mark.django_db

WHERE = "tests/authorisation/rows"
ROUTES = dict(routes())


@pytest.fixture(scope="module")
def visits(django_db_setup, django_db_blocker):
    """One world for all cells, in a transaction around those of the tests."""
    with (
        django_db_blocker.unblock(),
        rolled_back(),
        override_settings(SECURITY_CONTACT="mailto:veiligheid@example.nl"),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(transport, "fetch", FakeProvider().fetch)
        patch.setattr(discovery, "_directories", {})
        patch.setattr(middleware, "NOTICE_SECONDS", 3600)  # no notes of visits in between
        # Everybody logs in once, and all cells take longer than such a login is fresh.
        patch.setattr(session, "CLOCK_LEEWAY_SECONDS", 3600)
        world = make_world()
        for tenant in world.tenants:
            tenant.furnish(row.of for row in MATRIX if row.of)
        with override_settings(CATALOGUE_ORGANIZATION=world.here.directorate.code):
            yield Visits.prepare(world)


# --- the table is whole ------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES)
def test_every_address_stands_in_the_table(route):
    assert any(row.route == route for row in MATRIX), (
        f"{route} (/{ROUTES[route]}) has no row: say in {WHERE} who may use it"
    )


def test_no_two_addresses_have_the_same_name():
    """The second of them would escape the table."""
    assert repeated(name for name, _path in routes()) == []


def test_every_row_is_about_an_address_that_exists():
    assert {row.route for row in MATRIX} <= ROUTES.keys()


def test_no_row_stands_there_twice():
    assert repeated(map(str, MATRIX)) == []


@pytest.mark.parametrize("route", sorted({row.route for row in MATRIX} & ROUTES.keys()))
def test_method_without_a_row_is_refused_to_everybody(visits, route):
    rows = [row for row in MATRIX if row.route == route]
    address = visits.address(rows[0])
    login = 401 if address.startswith(API_PREFIX) else 302
    for_strangers = login if rows[0].stranger is None else 405
    for method in set(METHODS) - {row.method for row in rows}:
        for visitor in (STRANGER, NOBODY, ASKER):
            status = visits.request(method, address, visitor).status_code

            assert status == (for_strangers if visitor == STRANGER else 405), (
                f"{method} {route} answers {visitor}: it needs a row in {WHERE}, or a 405"
            )
    assert visits.watch.changed_tables() == set()


def repeated(names):
    return [name for name, count in Counter(names).items() if count > 1]


def is_about_one_tenant(row):
    return row.method == "GET" and row.of and row.unseen and row.seen_from == HERE


# --- each cell ---------------------------------------------------------------------------------


@pytest.mark.parametrize("row", MATRIX, ids=str)
def test_everybody_hears_what_the_table_says(visits, row):
    wrong = {}
    for visitor in VISITORS:
        with rolled_back():
            response = visits.send(row, visitor)
            changed = visits.watch.changed_tables()
        problems = list(problems_of(response, changed, visits, row, visitor))
        if problems:
            wrong[str(visitor)] = problems

    assert wrong == {}


def problems_of(response, changed, visits, row, visitor):
    """What is not as the table says."""
    outcome = row.outcome_for(visitor, is_api=visits.address(row).startswith(API_PREFIX))
    heard, text = Outcome(response.status_code, kind_of(changed)), text_of(response)
    if heard != outcome:
        yield f"{heard}, changing {sorted(changed)}, instead of {outcome}: {text[-500:]}"
    is_sent_on = visitor == STRANGER and row.stranger is None and heard.status == 302
    if is_sent_on and not response["Location"].startswith("/login?next="):
        yield f"is sent to {response['Location']} instead of the login"
    known = {tenant.marker for tenant in tenants_of(visitor, visits.world)}
    if row.shows_colleagues and visitor.place in MINISTRY:
        known |= {visits.world.here.marker, visits.world.next_door.marker}
    governs = visitor.place in HERE and bool(names_of(visitor) & row.shows_organizations_to)
    if (row.shows_organizations or governs) and outcome.status == row.answer:
        known |= {tenant.marker for tenant in visits.world.tenants}
    if row.shows_platform and outcome.status == row.answer:
        known |= {visits.world.here.marker}
    for tenant in visits.world.tenants:
        if tenant.marker not in known and tenant.marker in text:
            yield f"reads about {tenant.marker}"


@pytest.mark.parametrize("row", [row for row in MATRIX if is_about_one_tenant(row)], ids=str)
def test_who_reaches_the_thing_sees_its_name(visits, row):
    """Else nothing would be proven by its absence from what others see."""
    visitor = somebody_who_may(row)

    assert visits.world.here.marker in text_of(visits.send(row, visitor))


@pytest.mark.parametrize("row", [row for row in MATRIX if row.method != "GET"], ids=str)
def test_weak_login_is_enough_only_where_the_table_says_so(visits, row):
    visitor = somebody_who_may(row)
    response = visits.send(row, visitor, is_weak=True)
    changed = visits.watch.changed_tables()

    if not row.is_strong:
        assert (response.status_code, kind_of(changed)) == (row.answer, row.changes)
    elif visits.address(row).startswith(API_PREFIX):
        assert (response.status_code, kind_of(changed)) == (403, Change.RECORD)
        assert response.json()["code"] == "assurance_required"
    else:
        assert (response.status_code, kind_of(changed)) == (302, Change.RECORD)
        assert "level=substantial" in response["Location"]


def somebody_who_may(row):
    return next(v for v in VISITORS if v.place in HERE and names_of(v) & row.by)


def kind_of(changed):
    """What kind of change that is."""
    audited = {table for table in changed if table.startswith(AUDIT)}
    if not changed:
        return Change.NOTHING
    if changed == audited:
        return Change.RECORD
    return Change.FACTS if audited else Change.UNSEEN


def text_of(response):
    return response.getvalue().decode(errors="replace").casefold()
