"""Images of a server: what they hold, what they are made of, and a server made from one."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from billing.models import UsageSpan
from catalog.errors import ResourceNeeded, SourceChanged
from catalog.kinds import get_kind
from catalog.models import (
    Derivation,
    Difference,
    Metric,
    Offering,
    OperationState,
    Order,
    Resource,
    ResourceState,
)
from catalog.reconciliation.looking import look_at
from catalog.services.approvals import approve_order
from catalog.services.changes import changeable_parameters
from catalog.services.offers import no_longer_offered
from catalog.services.quotas import amounts_of
from catalog.services.resources import act_on_resource
from catalog.services.sources import offered_in
from portal.cloud.models import Flavor, Image
from portal.cloud.ports import CloudRefused, CloudUnavailable
from portal.core.errors import InvalidInput
from tests.factories import OfferingVersionFactory, make_project, place
from tests.factories.catalog import SPEC
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def image(deliver, server) -> Resource:
    Image.objects.filter(name=SPEC["image"]).update(min_memory_mib=512)
    return deliver("server_image", "gouden", server=str(server.public_id))


@pytest.fixture
def own(image):
    """The answers of a server that is made from it."""
    return {**SPEC, "volume_gib": 10, "image": str(image.public_id)}


def test_image_holds_and_costs_the_whole_disk_of_its_server(image, server, cloud):
    assert image.spec == {
        "server": str(server.public_id),
        "image_gib": 20,
        "image_memory_mib": 512,
    }
    assert amounts_of(image.claim)[Metric.OBJECT_GIB] == 20
    (span,) = UsageSpan.objects.filter(resource__public_id=image.public_id)
    assert (span.sku.code, span.quantity) == ("image", Decimal(20))
    (made,) = cloud.list_images(server.cloud_project.openstack_project_id)
    assert made.id == image.cloud_ids["server_image"]
    assert made.details["of_id"] == server.cloud_ids["server"]
    assert image.facts["kept_at"]


def test_image_outlives_its_server(image, server, retire, engine):
    retire(server)
    engine.run()

    server.refresh_from_db()
    image.refresh_from_db()
    assert (server.state, image.state) == (ResourceState.RETIRED, ResourceState.ACTIVE)


def test_server_is_made_from_an_image_of_the_project(deliver, image, own, cloud):
    made = deliver("server", "web-2", **own)

    assert made.state == ResourceState.ACTIVE
    assert made.spec["own_image"]["name"] == "gouden"
    assert Derivation.objects.get(resource=made).source == image
    assert cloud.count("server") == 2


def test_system_on_a_volume_begins_with_an_image_of_the_project(deliver, offerings, own):
    offered = offerings["server"]
    offerings["on-volume"] = OfferingVersionFactory(
        offering=Offering.objects.create(code="op-schijf", kind="server", position=3),
        cloud=offered.cloud,
        choices={**offered.choices, "extras": ["system_volume"]},
    )
    with pytest.raises(InvalidInput) as refusal:
        deliver("on-volume", "web-2", **own, system_gib=19)
    assert list(refusal.value.errors) == ["system_gib"]

    made = deliver("on-volume", "web-2", **own, system_gib=20)

    assert made.state == ResourceState.ACTIVE


def test_image_stays_as_long_as_a_server_needs_it_and_rebuilds_that(
    deliver, requester, image, own, retire, engine
):
    made = deliver("server", "web-2", **own)
    rebuilt = engine.call(
        act_on_resource, made.public_id, action="rebuild", actor=requester, confirmation="web-2"
    )
    engine.run()
    rebuilt.refresh_from_db()
    assert rebuilt.state == OperationState.SUCCEEDED
    with pytest.raises(ResourceNeeded, match="web-2"):
        retire(image)

    retire(made)
    engine.run()
    retire(image)
    engine.run()

    image.refresh_from_db()
    assert image.state == ResourceState.RETIRED


@pytest.mark.parametrize(
    ("facts", "said"),
    [({"disk_gib": 19}, "20 GiB"), ({"memory_mib": 256}, "256 MiB")],
)
def test_size_that_the_image_does_not_fit_on_is_refused(ask, own, facts, said):
    Flavor.objects.filter(name=own["flavor"]).update(**facts)

    with pytest.raises(InvalidInput) as refusal:
        ask("server", "web-2", **own)

    assert list(refusal.value.errors) == ["flavor"]
    assert "gouden" in refusal.value.errors["flavor"][0]
    assert said in refusal.value.errors["flavor"][0]


def test_server_from_an_image_is_not_made_smaller_than_that_needs(deliver, own):
    made = deliver("server", "web-2", **own)
    made.spec["own_image"]["image_memory_mib"] = 6000

    (size, *_rest) = changeable_parameters(made)

    assert [option.value for option in size.options] == ["gp.small"]


@pytest.mark.parametrize("boots_from", ["volume", "untold"])
def test_server_that_starts_from_a_volume_cannot_be_chosen(
    ask, server, offerings, project, boots_from
):
    """Nova would keep an empty image of it."""
    version = offerings["server_image"]

    def offered() -> list[str]:
        questions = get_kind("server_image").parameters(version)
        (asked,) = offered_in(questions, project, version.cloud)
        return [option.value for option in asked.options]

    assert offered() == [str(server.public_id)]
    server.facts["boots_from"] = boots_from
    server.save(update_fields=["facts"])
    assert offered() == []

    with pytest.raises(InvalidInput) as refusal:
        ask("server_image", "gouden", server=str(server.public_id))

    assert list(refusal.value.errors) == ["server"]


def test_image_of_another_project_cannot_be_chosen(own, requester, offerings):
    other = make_project(name="Elders")

    with pytest.raises(InvalidInput) as refusal:
        place(requester, other, offerings["server"], name="web-2", spec=own)

    assert "image" in refusal.value.errors


def test_order_whose_server_became_larger_meanwhile_cannot_be_approved(ask, server, approver):
    order = ask("server_image", "gouden", server=str(server.public_id))
    Flavor.objects.filter(name=server.spec["flavor"]).update(disk_gib=40)

    with pytest.raises(SourceChanged, match="web-1"):
        approve_order(order.public_id, approver=approver)


def test_what_is_no_longer_there_is_told_by_what_it_was(
    deliver, offerings, project, image, own, retire, engine
):
    spec = {**own, "own_image": {}}
    assert no_longer_offered(offerings["server"], spec, project) == {}
    retire(image)
    engine.run()

    gone = no_longer_offered(offerings["server"], spec, project)
    unoffered = no_longer_offered(offerings["server"], {**spec, "image": "Weg 1"}, project)

    assert "draait niet meer" in gone["image"]
    assert "Weg 1" in unoffered["image"]


def test_image_that_fails_is_made_again_and_a_refused_one_waits(deliver, server, cloud, engine):
    cloud.fail_next("create_image", CloudUnavailable("busy", status=409))
    assert deliver("server_image", "een", server=str(server.public_id)).state == (
        ResourceState.ACTIVE
    )
    cloud.fail_next("create_image", CloudRefused("no"))

    failed = deliver("server_image", "twee", server=str(server.public_id))

    assert failed.state == ResourceState.FAILED
    assert cloud.count("image") == 1


def test_image_whose_answer_was_lost_is_found_again(deliver, server, cloud, settings):
    settings.UNKNOWN_OUTCOME_WAIT = settings.UNKNOWN_OUTCOME_WAIT * 0
    cloud.lose_next_reply("create_image")

    made = deliver("server_image", "een", server=str(server.public_id))

    assert made.state == ResourceState.ACTIVE
    assert cloud.count("image") == 1


def test_image_that_nova_gave_up_is_made_anew(ask, approver, engine, server, cloud, monkeypatch):
    order = ask("server_image", "een", server=str(server.public_id))
    create, made = cloud.create_image, []

    def create_one_that_fails(project, spec, marker):
        thing = create(project, spec, marker)
        if not made:
            cloud.delete_image(project, thing.id)
        made.append(thing.id)
        return thing

    monkeypatch.setattr(cloud, "create_image", create_one_that_fails)
    engine.call(approve_order, order.public_id, approver=approver)
    engine.run()

    resource = Resource.objects.get(order_line__order=order)
    assert resource.state == ResourceState.ACTIVE
    assert resource.cloud_ids["server_image"] == made[1]


class TestPages:
    @pytest.fixture
    def browser(self, client, requester):
        log_in(client, requester)
        return client

    def test_page_of_a_server_leads_to_the_form_of_its_image(self, browser, server):
        page = browser.get(reverse("catalog:resource", args=[server.public_id]))
        address = f"{reverse('catalog:order-form', args=['server-image'])}?from={server.public_id}"
        assert f'href="{address}"' in page.content.decode()

        form = browser.get(address)

        assert form.context["form"]["server"].value() == str(server.public_id)
        assert "0,80" in form.content.decode()  # 20 GiB of image

    def test_form_of_a_server_offers_images_of_the_project_beside_those_of_the_cloud(
        self, browser, image, offerings, project
    ):
        code = offerings["server"].offering.code
        form = browser.get(f"{reverse('catalog:order-form', args=[code])}?from={image.public_id}")

        assert form.context["form"]["image"].value() == str(image.public_id)
        offered = [value for value, _label in form.context["form"]["image"].field.widget.choices]
        assert offered[0] == SPEC["image"]
        assert offered[-1] == str(image.public_id)

    def test_order_tells_the_image_by_its_name(self, browser, ask, image, own):
        order = ask("server", "web-2", **own)

        page = browser.get(reverse("catalog:order", args=[order.public_id])).content.decode()

        assert "gouden" in page
        assert str(image.public_id) not in page
        assert Order.objects.latest("pk") == order


class TestReconciliation:
    @pytest.fixture
    def looked_at(self, settings, image, cloud):
        """What differs after a change to the image in the cloud, once two looks agree."""
        settings.DRIFT_SECOND_LOOK_AFTER = timedelta(microseconds=1)
        settings.DRIFT_GRACE = timedelta()

        def look_after(change):
            change(cloud.things[image.cloud_ids["server_image"]])
            for _ in range(2):
                assert look_at(image.cloud_project.cloud).unanswered == []
            rows = Difference.objects.filter(listing="images", state="open")
            return sorted(rows.values_list("kind", "field"))

        return look_after

    def test_image_as_it_was_ordered_differs_in_nothing(self, looked_at):
        assert looked_at(lambda thing: None) == []

    def test_image_that_is_gone_is_told(self, looked_at, cloud):
        gone = looked_at(lambda thing: cloud.things.pop(thing.id))

        assert gone == [("charged_but_absent", "")]

    def test_image_that_nobody_ordered_is_told_and_so_is_a_second_copy(self, looked_at, cloud):
        def add(thing):
            for marker in ("", thing.marker):
                copy = cloud.add("image", thing.project, "vreemd", marker, **thing.details)
                copy.created_at = thing.created_at

        assert looked_at(add) == [("duplicate", ""), ("unknown", "")]

    def test_name_and_state_of_an_image_are_compared(self, looked_at):
        def spoil(thing):
            thing.name, thing.status = "anders", "DEACTIVATED"

        assert looked_at(spoil) == [("differs", "name"), ("differs", "status")]
