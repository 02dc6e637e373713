"""An offering for some organizations does not exist for the others, behind whatever door."""

from uuid import uuid4

import pytest
from django.test import Client

from catalog.errors import OfferingUnavailable
from catalog.policies import may_order_again, offerings_for, visible_offerings
from catalog.services.approvals import approve_order
from catalog.services.conditions import changed_conditions
from portal.identity.models import Role
from tests.catalog.views.ordering import HTMX
from tests.factories import (
    OfferingVersionFactory,
    PersonFactory,
    delivered,
    generous_limits,
    grant,
    make_organization,
    make_project,
    place,
    withdrawn,
)
from tests.logins import log_in

pytestmark = pytest.mark.django_db
SPEC = {"volume_gib": 5}


def requester_of(project):
    person = PersonFactory()
    grant(person, Role.REQUESTER, project)
    return person


@pytest.fixture
def tenant(project):
    """The organization above the one of the project, so that it reaches below."""
    return project.parent


@pytest.fixture
def narrow(disk, tenant):
    """The disk, in a version for one organization only."""
    withdrawn(disk)
    return OfferingVersionFactory(
        offering=disk.offering,
        name_nl="Schijf voor weinigen",
        name_en="Disk for few",
        choices=disk.choices,
        visible_to=[tenant.organization],
    )


@pytest.fixture
def outside(db):
    project = make_project(name="Systeem van een ander")
    generous_limits(project)
    return project


def browser_of(person):
    client = log_in(Client(), person)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def answers(project):
    return {
        "idempotency_key": str(uuid4()),
        "project": str(project.public_id),
        "name": "data",
        "purpose": "Opslag",
        "volume_gib": "5",
        "end_date": "",
    }


def api_order(client, project, version):
    body = {
        "project": str(project.public_id),
        "offering": str(version.offering.public_id),
        "name": "data",
        "purpose": "Opslag",
        "spec": SPEC,
    }
    headers = {"Idempotency-Key": str(uuid4())}
    return client.post("/api/v1/orders", body, content_type="application/json", headers=headers)


FORM = "/catalogue/disk/order"


def test_it_exists_below_the_organization_and_nowhere_else(project, outside, narrow, version):
    assert narrow in offerings_for(project)
    assert list(offerings_for(outside)) == [version]
    assert narrow in visible_offerings(requester_of(project))
    assert narrow not in visible_offerings(requester_of(outside))


@pytest.mark.parametrize("place_of_role", ["above", "organization", "below", "beside"])
def test_it_is_seen_from_every_node_that_reaches_it(narrow, project, tenant, place_of_role):
    below = make_organization(tenant)
    nodes = {"organization": tenant, "below": below, "beside": make_organization()}
    if place_of_role == "above":
        nodes["above"] = tenant.parent or tenant
    person = PersonFactory()
    grant(person, Role.AUDITOR, nodes[place_of_role])

    assert (narrow in visible_offerings(person)) == (place_of_role != "beside")


def test_who_has_no_role_sees_what_is_for_everybody(narrow, version):
    assert list(visible_offerings(PersonFactory())) == [version]


class TestDoors:
    def test_the_catalogue(self, project, outside, narrow):
        inside = browser_of(requester_of(project)).get("/catalogue").content.decode()
        assert "Disk for few" in inside
        assert (
            "Disk for few"
            not in browser_of(requester_of(outside)).get("/catalogue").content.decode()
        )

    def test_the_catalogue_of_the_chosen_project(self, project, outside, narrow):
        person = requester_of(project)
        grant(person, Role.REQUESTER, outside)
        browser = browser_of(person)

        for chosen, is_there in ((project, True), (outside, False)):
            page = browser.get("/catalogue", {"project": chosen.public_id}).content.decode()
            assert ("Disk for few" in page) == is_there

    def test_order_form_and_preview(self, project, outside, narrow):
        inside, other = browser_of(requester_of(project)), browser_of(requester_of(outside))

        assert inside.get(FORM).status_code == 200
        assert inside.post(FORM, answers(project)).status_code == 303
        for response in (
            other.get(FORM),
            other.post(FORM, answers(outside)),
            other.post(f"{FORM}/preview", answers(outside), headers=HTMX),
        ):
            assert response.status_code == 404
            assert "Disk for few" not in response.content.decode()

    def test_the_form_offers_no_project_where_it_does_not_exist(self, project, outside, narrow):
        person = requester_of(project)
        grant(person, Role.REQUESTER, outside)
        browser = browser_of(person)

        assert str(outside.public_id) not in browser.get(FORM).content.decode()
        assert browser.post(FORM, answers(outside)).status_code == 422

    def test_where_somebody_only_looks_it_is_not_ordered_elsewhere(self, project, outside, narrow):
        person = requester_of(outside)
        grant(person, Role.AUDITOR, project)

        assert browser_of(person).get(FORM).status_code == 404

    def test_the_interface_for_programs(self, project, outside, narrow):
        inside, other = browser_of(requester_of(project)), browser_of(requester_of(outside))
        address = f"/api/v1/offerings/{narrow.offering.public_id}"

        assert inside.get(address).status_code == 200
        assert other.get(address).status_code == 404
        codes = [row["code"] for row in other.get("/api/v1/offerings").json()["results"]]
        assert codes == ["virtual-server"]
        refused = api_order(other, outside, narrow)
        assert refused.status_code == 400
        assert api_order(inside, project, narrow).status_code == 201

    def test_a_program_that_reaches_both_orders_only_where_it_exists(
        self, project, outside, narrow
    ):
        person = requester_of(project)
        grant(person, Role.REQUESTER, outside)

        assert api_order(browser_of(person), outside, narrow).status_code == 400

    def test_its_description(self, project, narrow):
        text = browser_of(requester_of(project)).get("/api/v1/openapi.json").content.decode()

        assert "VirtualServerSpec" in text
        assert "DiskSpec" not in text

    def test_the_copy_of_an_order(self, project, outside, disk, tenant):
        person = requester_of(outside)
        order = place(person, outside, disk, spec=SPEC)
        assert may_order_again(person, order)
        withdrawn(disk)
        OfferingVersionFactory(
            offering=disk.offering, choices=disk.choices, visible_to=[tenant.organization]
        )

        assert not may_order_again(person, order)
        again = browser_of(person).get(FORM, {"copy-of": order.public_id})
        assert again.status_code == 404

    def test_the_service_itself(self, project, outside, narrow):
        with pytest.raises(OfferingUnavailable):
            place(requester_of(outside), outside, narrow, spec=SPEC)


def test_who_approves_hears_that_it_is_gone_there(
    outside, disk, tenant, version, approver, sent_tasks
):
    boss = PersonFactory()
    grant(boss, Role.APPROVER, outside)
    person = requester_of(outside)
    order = place(person, outside, disk, spec=SPEC)
    server = delivered(place(person, outside, version), approver=boss)
    withdrawn(disk)
    OfferingVersionFactory(
        offering=disk.offering, choices=disk.choices, visible_to=[tenant.organization]
    )

    assert len(changed_conditions(order)) == 1
    approve_order(order.public_id, approver=boss, accepts_changes=True)
    assert browser_of(person).get(f"/resources/{server.public_id}").status_code == 200
