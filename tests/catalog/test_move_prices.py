"""Before a move it is said what is in use and would have no price at the new place."""

import pytest
from django.utils.timezone import now
from django.utils.translation import override

from catalog.services.tree import preview_move
from tests.billing.visits import visit_as
from tests.factories import administrator_of, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory, set_price

pytestmark = pytest.mark.django_db


@pytest.fixture
def ministry():
    return make_organization(name="Ministerie")


@pytest.fixture
def old(ministry):
    return make_organization(ministry, name="Oud")


@pytest.fixture
def new(ministry):
    return make_organization(ministry, name="Nieuw")


@pytest.fixture
def project(old):
    return make_project(old, name="Zaaksysteem")


@pytest.fixture(autouse=True)
def server(project):
    return UsageSpanFactory(resource=MeteredResourceFactory(project=project))


def unpriced(node, parent):
    return [sku.code for sku in preview_move(node, parent).unpriced]


def test_a_price_of_the_old_place_does_not_come_along(old, new, project):
    set_price("38.40", organization=old)

    assert unpriced(project, new) == ["server.gp.small"]


@pytest.mark.parametrize("whose", ["everybody", "ministry", "new"])
def test_a_price_that_holds_there_is_one(ministry, new, project, whose):
    set_price("38.40", organization={"everybody": None, "ministry": ministry, "new": new}[whose])

    assert unpriced(project, new) == []


def test_what_moves_takes_its_own_prices_along(old, new):
    set_price("38.40", organization=old)

    assert unpriced(old, new) == []


def test_of_a_branch_all_projects_count(old, new):
    part = make_organization(old, name="Onderdeel")
    UsageSpanFactory(resource=MeteredResourceFactory(project=make_project(part)))
    set_price("38.40", organization=part)

    assert unpriced(old, new) == ["server.gp.small"]


def test_what_ended_needs_no_price(new, project, server):
    server.ended_at = now().replace(microsecond=0)
    server.save(update_fields=["ended_at"])

    assert unpriced(project, new) == []


@override("en")
def test_the_page_says_it_and_the_move_stays_possible(ministry, new, project):
    client = visit_as(administrator_of(ministry))

    page = client.get(f"/organizations/{project.public_id}/move", {"parent": str(new.public_id)})

    text = page.content.decode()
    assert "Not everything has a price below Nieuw" in text
    assert "server.gp.small (en)." in text
    assert "Move to Nieuw" in text
