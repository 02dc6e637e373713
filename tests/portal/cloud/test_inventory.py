"""What pages offer is what the cloud offered when it was last asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from celery import current_app
from django.db import connection
from pytest_django.fixtures import Settings

from portal.cloud import forget_clouds, get_cloud
from portal.cloud.fake import FakeCloud
from portal.cloud.models import Cloud, Flavor, Image, VolumeType
from portal.cloud.ports import CloudUnavailable, FlavorFacts, ImageFacts, Inventory
from portal.cloud.services import sync_inventory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fake(settings: Settings) -> Iterator[FakeCloud]:
    settings.CLOUD_GATEWAY = "portal.cloud.fake.connect"
    forget_clouds()
    fake = get_cloud("sovereign")
    assert isinstance(fake, FakeCloud)
    yield fake
    forget_clouds()


@pytest.fixture
def cloud(fake: FakeCloud) -> Cloud:
    return Cloud.objects.create(key="sovereign", name="Noord", region="nl-west-1")


def test_first_look_fills_the_tables(cloud: Cloud) -> None:
    sync_inventory(cloud)

    flavor = Flavor.objects.get(cloud=cloud, name="gp.small")
    assert (flavor.openstack_id, flavor.vcpus, flavor.memory_mib) == ("flavor-1", 2, 4096)
    assert Image.objects.get(name="Debian 12").min_disk_gib == 10
    assert VolumeType.objects.filter(gone_at=None).count() == 2
    cloud.refresh_from_db()
    assert cloud.inventory_synced_at is not None


def test_what_the_offer_said_before_is_kept_under_its_row(cloud: Cloud) -> None:
    planned = Flavor.objects.create(cloud=cloud, name="gp.small", vcpus=1, memory_mib=1, disk_gib=1)

    sync_inventory(cloud)

    planned.refresh_from_db()
    assert (planned.openstack_id, planned.vcpus) == ("flavor-1", 2)


def test_what_is_gone_is_marked_and_may_come_back(cloud: Cloud, fake: FakeCloud) -> None:
    before = fake.inventory
    sync_inventory(cloud)

    other = ImageFacts(id="image-9", name="Plan 9", min_disk_gib=1, min_memory_mib=0)
    fake.inventory = replace(before, flavors=before.flavors[:1], images=[other])
    sync_inventory(cloud)

    assert set(Flavor.objects.filter(gone_at=None).values_list("name", flat=True)) == {"gp.small"}
    assert Image.objects.get(gone_at=None).name == "Plan 9"
    gone_since = Image.objects.get(name="Debian 12").gone_at
    sync_inventory(cloud)
    assert Image.objects.get(name="Debian 12").gone_at == gone_since

    returned = FlavorFacts(id="flavor-9", name="gp.medium", vcpus=4, memory_mib=8192, disk_gib=40)
    fake.inventory = replace(before, flavors=[*before.flavors[:1], returned])
    sync_inventory(cloud)

    medium = Flavor.objects.get(name="gp.medium")
    assert (medium.gone_at, medium.openstack_id, medium.disk_gib) == (None, "flavor-9", 40)


def test_cloud_that_is_still_being_furnished_takes_nothing_away(
    cloud: Cloud, fake: FakeCloud
) -> None:
    sync_inventory(cloud)

    fake.inventory = Inventory(flavors=[], images=[], volume_types=[])
    sync_inventory(cloud)

    for model in (Flavor, Image, VolumeType):
        assert not model.objects.exclude(gone_at=None).exists()


def test_of_two_images_with_one_name_the_last_counts(cloud: Cloud, fake: FakeCloud) -> None:
    images = [
        ImageFacts(id=image_id, name="Debian 12", min_disk_gib=10, min_memory_mib=0)
        for image_id in ("older", "newer")
    ]
    fake.inventory = replace(fake.inventory, images=images)

    sync_inventory(cloud)

    assert Image.objects.get(name="Debian 12").openstack_id == "newer"


def test_cloud_that_does_not_answer_changes_nothing(cloud: Cloud, fake: FakeCloud) -> None:
    sync_inventory(cloud)
    synced_at = cloud.inventory_synced_at
    fake.fail_next("fetch_inventory", CloudUnavailable("not now"))

    with pytest.raises(CloudUnavailable):
        sync_inventory(cloud)

    cloud.refresh_from_db()
    assert cloud.inventory_synced_at == synced_at
    assert Flavor.objects.filter(gone_at=None).count() == 2


def test_cloud_is_asked_outside_a_transaction(
    cloud: Cloud, fake: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_transaction: list[bool] = []

    def watch() -> Inventory:
        in_transaction.append(connection.in_atomic_block)
        return fake.inventory

    monkeypatch.setattr(fake, "fetch_inventory", watch)

    sync_inventory(cloud)

    assert in_transaction == [False]


def test_another_cloud_is_left_alone(cloud: Cloud, fake: FakeCloud) -> None:
    other = Cloud.objects.create(key="other", name="Zuid", region="nl-south-1")
    Flavor.objects.create(cloud=other, name="gp.huge", vcpus=64, memory_mib=1, disk_gib=1)

    sync_inventory(cloud)

    assert Flavor.objects.get(cloud=other).gone_at is None


def test_bug_that_one_cloud_brings_out_keeps_no_other_from_being_asked(
    cloud: Cloud, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Cloud.objects.create(key="other", name="Zuid", region="nl-south-1")
    settings.CLOUDS = ["sovereign", "other"]
    asked = []

    def meet_a_bug(one: Cloud) -> None:
        asked.append(one.key)
        if len(asked) == 1:
            raise KeyError("min_disk")

    monkeypatch.setattr("catalog.tasks.sync_inventory_of", meet_a_bug)

    with pytest.raises(ExceptionGroup, match="not everything"):
        current_app.tasks["catalog.sync_inventory"]()

    assert sorted(asked) == ["other", "sovereign"]
