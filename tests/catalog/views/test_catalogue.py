"""The catalogue: what it offers to whom, from what price, and how many queries that takes."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from catalog.models import Offering, OfferingVersionState
from catalog.placement_words import Score
from catalog.services.offers import starting_prices
from portal.identity.models import Role
from tests.factories import (
    UNKNOWN_ID,
    OfferingVersionFactory,
    PersonFactory,
    classify,
    grant,
    make_project,
)
from tests.logins import log_in

pytestmark = pytest.mark.django_db
CATALOGUE = "/catalogue"


def page(client, person, language="en", **query):
    return log_in(client, person).get(CATALOGUE, query, headers={"accept-language": language})


def shown(response):
    return response.content.decode()


def order_address(version):
    return reverse("catalog:order-form", args=[version.offering.code])


def other_version(code="big-server", **changes):
    offering = Offering.objects.create(code=code, kind="server")
    return OfferingVersionFactory(offering=offering, name_en=code, name_nl=code, **changes)


def test_nobody_gets_in_without_a_login(client, version):
    response = client.get(CATALOGUE)

    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("identity:login"))


def test_requester_sees_price_and_place_and_a_way_to_order(client, requester, project, version):
    response = page(client, requester)

    assert response.status_code == 200
    text = shown(response)
    assert f'href="{order_address(version)}?project={project.public_id}"' in text
    assert "€39.25" in text  # the smallest server with the smallest disk
    assert "Overheidsdatacenter Noord, SEAL-3" in text


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.REQUESTER])
def test_who_does_not_order_may_look(client, project, version, role):
    person = PersonFactory()
    grant(person, role, project)

    response = page(client, person)

    assert response.status_code == 200
    assert "Virtual server" in shown(response)
    assert order_address(version) not in shown(response)
    assert "You can look here" in shown(response)


def test_what_the_data_may_not_go_to_says_why(client, requester, project, version):
    classify(project, integrity=Score.HIGH)

    text = shown(page(client, requester))

    assert "The interest to protect is too high for this place." in text
    assert order_address(version) not in text


def test_what_has_no_price_cannot_be_ordered(client, requester, project):
    version = OfferingVersionFactory()

    text = shown(page(client, requester))

    assert order_address(version) not in text
    assert "It has no price, or nothing to choose from" in text


def test_what_the_cloud_no_longer_has_cannot_be_ordered(client, requester, project, version):
    version.cloud.flavors.update(gone_at=now())

    assert starting_prices([version], project) == {version.pk: None}
    assert order_address(version) not in shown(page(client, requester))


def test_starting_price_is_that_of_the_smallest_choice(project, version):
    assert starting_prices([version], project)[version.pk].monthly == Decimal("39.25")


@pytest.mark.parametrize("state", [OfferingVersionState.DRAFT, OfferingVersionState.WITHDRAWN])
def test_only_what_is_published_is_there(client, requester, version, state):
    hidden = other_version(state=state)

    assert hidden.offering.code not in shown(page(client, requester))


def test_another_project_may_be_chosen_from_ones_own(client, requester, project, version):
    second = make_project(project.parent, "Meetnet")
    grant(requester, Role.REQUESTER, second)

    text = shown(page(client, requester, project=second.public_id))

    assert f"{order_address(version)}?project={second.public_id}" in text


@pytest.mark.parametrize("chosen", [UNKNOWN_ID, "x", "\x00", "<b>", "1' OR '1'='1"])
def test_a_project_that_is_not_ones_own_is_not_found(client, requester, version, chosen):
    assert page(client, requester, project=chosen).status_code == 404


def test_the_project_of_another_tenant_is_not_found(client, requester, version):
    other = make_project(name="Geheim")

    response = page(client, requester, project=other.public_id)

    assert response.status_code == 404
    assert "Geheim" not in shown(page(client, requester))


def test_words_find_what_has_all_of_them(client, requester, version):
    other_version()

    found = shown(page(client, requester, q="BIG serv"))
    assert "big-server" in found
    assert "A server with" not in found
    assert "Nothing in the catalogue has these words" in shown(
        page(client, requester, q="<script>")
    )
    assert "<script>" not in shown(page(client, requester, q="<script>")).split("<main")[1]


def test_an_empty_catalogue_says_so(client, requester):
    assert "Nothing can be ordered yet" in shown(page(client, requester))


def test_dutch_speaks_dutch(client, requester, version):
    text = shown(page(client, requester, language="nl"))

    assert "Kies wat u nodig hebt" in text
    assert "€\xa039,25" in text
    assert "Choose" not in text


def test_query_count_does_not_grow_with_the_catalogue(client, requester, version):
    page(client, requester)
    with CaptureQueriesContext(connection) as few:
        client.get(CATALOGUE)
    for number in range(5):
        other_version(f"server-{number}")
    with CaptureQueriesContext(connection) as many:
        assert "server-4" in shown(client.get(CATALOGUE))

    assert len(many) == len(few)
