"""A private network of the project is used by what is ordered later, and stays as long as that."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils.translation import override

from catalog.errors import ConditionsChanged, ResourceNeeded, SourceGone
from catalog.models import Derivation, Order, Resource, ResourceState
from catalog.services.approvals import approve_order
from catalog.services.offers import no_longer_offered
from portal.core.errors import InvalidInput
from tests.catalog.views.ordering import text_of
from tests.factories import make_project, place
from tests.factories.catalog import SPEC
from tests.logins import log_in

pytestmark = pytest.mark.django_db

CIDR = "192.168.30.0/24"
BALANCER = {"protocol": "HTTP", "port": 80, "members": "192.168.30.12:8080"}


@pytest.fixture
def network(deliver) -> Resource:
    return deliver("network", "achter", cidr=CIDR, way_out="outside")


@pytest.fixture
def inside(network):
    """The answers of a server that is to stand in it."""
    return {**SPEC, "volume_gib": 10, "network": str(network.public_id)}


@pytest.fixture
def within(deliver, inside) -> Resource:
    return deliver("server", "web-2", **inside)


def rules_in(cloud, resource):
    (group,) = cloud.of("security_group", resource.cloud_project.openstack_project_id)
    return [rule["remote_cidr"] for rule in group.details["rules"]]


def test_server_stands_in_it_and_is_reached_from_it(within, network, cloud):
    assert within.state == ResourceState.ACTIVE
    assert within.spec["network_cidr"] == CIDR
    assert within.cloud_ids["network"] == network.cloud_ids["network"]
    (port,) = cloud.of("port", network.cloud_project.openstack_project_id)
    assert port.details["network_id"] == network.cloud_ids["network"]
    assert rules_in(cloud, within) == [CIDR]
    assert cloud.count("network") == 1, "none is made beside it"
    limits = cloud.fetch_quota(network.cloud_project.openstack_project_id)
    assert (limits["networks"], limits["routers"]) == (1, 1), "those of the network itself"


def test_load_balancer_stands_in_it(deliver, network, cloud):
    made = deliver("load_balancer", "ingang", network=str(network.public_id), **BALANCER)

    assert made.state == ResourceState.ACTIVE
    assert made.cloud_ids["network"] == network.cloud_ids["network"]
    assert cloud.count("network") == 1


def test_network_stays_until_what_stands_in_it_is_gone(within, network, retire, engine, cloud):
    assert Derivation.objects.get(resource=within).source == network
    with pytest.raises(ResourceNeeded, match="web-2"):
        retire(network)

    retire(within)
    with pytest.raises(ResourceNeeded, match="web-2"):
        retire(network)
    engine.run()
    retire(network)
    engine.run()

    network.refresh_from_db()
    assert network.state == ResourceState.RETIRED
    assert cloud.count("network") == 0


@pytest.mark.parametrize(("kind", "spec"), [("server", {}), ("load_balancer", BALANCER)])
def test_network_of_another_project_cannot_be_chosen(kind, spec, inside, requester, offerings):
    other = make_project(name="Elders")
    asked = {**inside, **spec} if kind == "server" else {**spec, "network": inside["network"]}

    with pytest.raises(InvalidInput) as refusal:
        place(requester, other, offerings[kind], name="web-2", spec=asked)

    assert list(refusal.value.errors) == ["network"]


def test_network_that_does_not_run_cannot_be_chosen(ask, network, inside, retire):
    retire(network)

    with pytest.raises(InvalidInput) as refusal:
        ask("server", "web-2", **inside)

    assert list(refusal.value.errors) == ["network"]


def test_network_that_went_meanwhile_is_refused_at_the_decision(
    ask, network, inside, retire, engine, approver
):
    order = ask("server", "web-2", **inside)
    retire(network)
    engine.run()

    with pytest.raises(ConditionsChanged, match="Netwerk"):
        approve_order(order.public_id, approver=approver)
    with pytest.raises(SourceGone):
        approve_order(order.public_id, approver=approver, accepts_changes=True)


def test_network_of_which_the_range_is_not_known_is_refused(ask, network, inside):
    network.spec["cidr"] = ""
    network.save(update_fields=["spec"])

    with pytest.raises(InvalidInput) as refusal:
        ask("server", "web-2", **inside)

    assert "achter" in refusal.value.errors["network"][0]


def test_server_in_it_may_be_made_of_an_image_of_the_project(deliver, server, inside):
    image = deliver("server_image", "gouden", server=str(server.public_id))

    made = deliver("server", "web-2", **{**inside, "image": str(image.public_id)})

    assert made.state == ResourceState.ACTIVE
    assert (made.spec["own_image"]["name"], made.spec["network_cidr"]) == ("gouden", CIDR)


def test_the_same_can_be_ordered_again_as_long_as_it_runs(within, offerings, project):
    assert no_longer_offered(offerings["server"], within.spec, project) == {}


class TestPages:
    @pytest.fixture
    def browser(self, client, requester):
        log_in(client, requester)
        return client

    @pytest.mark.parametrize("kind", ["virtual-server", "load-balancer"])
    def test_form_offers_it_after_those_of_the_offering(self, browser, network, kind):
        address = reverse("catalog:order-form", args=[kind])
        form = browser.get(f"{address}?from={network.public_id}").context["form"]

        offered = next(item for item in form.parameters if item.name == "network").options
        assert [option.value for option in offered] == ["intern", str(network.public_id)]
        assert form["network"].value() == str(network.public_id)

    def test_form_that_is_sent_keeps_it(self, browser, network, project):
        answers = {
            "idempotency_key": "6d2c9f3e-9f3e-4d2c-8d2c-6d2c9f3e6d2e",
            "project": str(project.public_id),
            "cards_for": str(project.public_id),
            "name": "ingang",
            "purpose": "Bereikbaar zijn",
            "network": str(network.public_id),
            **BALANCER,
            "end_date": "",
        }
        form = reverse("catalog:order-form", args=["load-balancer"])
        refused = browser.post(form, {**answers, "network": "elders"})
        assert refused.status_code == 422
        assert list(refused.context["form"].errors) == ["network"]

        browser.post(form, answers)

        spec = Order.objects.latest("pk").lines.get().spec
        assert (spec["network"], spec["network_cidr"]) == (str(network.public_id), CIDR)

    def test_it_is_told_by_name_before_the_decision(self, client, approver, ask, inside, network):
        order = ask("server", "web-2", **inside)
        log_in(client, approver)

        for page in ("order", "approval"):
            text = text_of(client.get(reverse(f"catalog:{page}", args=[order.public_id])))
            assert f"achter ({CIDR}, Naar buiten, via een router)" in text
            assert str(network.public_id) not in text

    @pytest.mark.parametrize(
        ("language", "said"),
        [("nl", "Staat hierin web-2"), ("en", "Stands in this web-2")],
    )
    def test_both_name_each_other(self, browser, within, network, language, said):
        browser.defaults["HTTP_ACCEPT_LANGUAGE"] = language
        pages = [reverse("catalog:resource", args=[one.public_id]) for one in (network, within)]
        own, other = (text_of(browser.get(page)) for page in pages)

        with override(language):
            assert said in own
            assert f"achter ({CIDR}" in other
