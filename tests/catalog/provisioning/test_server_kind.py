"""What a virtual server asks, holds, uses and tells its first boot."""

from decimal import Decimal

import pytest
import yaml

from billing.meters import Meter
from catalog.kinds import get_kind
from catalog.kinds.parameters import clean_spec
from catalog.kinds.steps.first_start import user_data
from catalog.models import Metric
from portal.cloud.models import Flavor, Image
from portal.core.errors import InvalidInput
from tests.factories.catalog import SPEC

pytestmark = pytest.mark.django_db
SERVER = get_kind("server")
BODY = "AAAAC3NzaC1lZDI1NTE5AAAAIGr8Yx0pL1z5nVtqJ8o3cM0s2rR9hQf7uW4bKe6dTgHa"
KEY = f"ssh-ed25519 {BODY} beheer@zaaksysteem"


def cleaned(version, **changes):
    return clean_spec(SERVER.parameters(version), {**SPEC, **changes})


def refused(version, **changes):
    with pytest.raises(InvalidInput) as refusal:
        cleaned(version, **changes)
    return set(refusal.value.errors)


def options(version, name):
    (parameter,) = (one for one in SERVER.parameters(version) if one.name == name)
    return [option.value for option in parameter.options]


def with_choices(version, **changes):
    version.choices = {**version.choices, **changes}
    return version


def test_spec_holds_every_answer(version):
    assert cleaned(version) == {**SPEC, "ssh_public_key": None}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("flavor", "gp.huge"),
        ("image", "Plan 9"),
        ("network", "elsewhere"),
        ("volume_gib", 9),
        ("volume_gib", 501),
        ("volume_gib", 0),
        ("volume_type", "standard"),
    ],
)
def test_what_is_not_offered_is_refused(version, name, value):
    assert refused(version, **{name: value}) == {name}


def test_kind_of_disk_is_asked_where_there_is_a_choice(version):
    version = with_choices(version, volume_types=["standard", "fast"])

    spec = cleaned(version, volume_type="fast")

    assert SERVER.meters(version, spec)[1] == Meter("volume.fast", Decimal(40))


def test_options_stand_in_the_order_of_the_offering(version):
    Flavor.objects.create(
        cloud=version.cloud, name="gp.big", vcpus=8, memory_mib=16384, disk_gib=40
    )

    assert options(with_choices(version, flavors=["gp.big", "gp.small"]), "flavor") == [
        "gp.big",
        "gp.small",
    ]


def test_image_that_does_not_fit_on_every_size_is_not_offered(version):
    Image.objects.create(cloud=version.cloud, name="Large", min_disk_gib=21)
    version = with_choices(version, images=["Large", "Debian 12"])

    assert options(version, "image") == ["Debian 12"]


def test_what_the_cloud_no_longer_has_is_not_offered(version):
    Flavor.objects.update(gone_at="2026-01-01T00:00:00Z")

    assert options(version, "flavor") == []


def test_it_holds_what_its_size_says(version):
    assert SERVER.quota_demand(version, cleaned(version)) == {
        Metric.SERVERS: 1,
        Metric.VCPUS: 2,
        Metric.MEMORY_GIB: 4,
        Metric.VOLUMES: 1,
        Metric.VOLUME_GIB: 40,
    }


def test_it_uses_its_size_once_and_its_disk_by_the_gib(version):
    assert SERVER.meters(version, cleaned(version)) == [
        Meter("server.gp.small", Decimal(1)),
        Meter("volume.standard", Decimal(40)),
    ]


@pytest.mark.parametrize("key", [KEY, f"ssh-ed25519 {BODY}"])
def test_public_key_reaches_the_first_boot(version, key):
    spec = cleaned(version, ssh_public_key=f" {key}\n")

    told = user_data(spec["ssh_public_key"], None)

    assert told.startswith("#cloud-config\n")
    assert yaml.safe_load(told) == {"ssh_authorized_keys": [key]}


@pytest.mark.parametrize(
    "key",
    [
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        f"ssh-rsa {BODY}",
        f"ssh-ed25519 {BODY}\nssh-ed25519 {BODY}",
        f'command="rm -rf /" ssh-ed25519 {BODY}',
        f"ssh-ed25519 {BODY[:-4]}!!!!",
        "ssh-ed25519",
    ],
)
def test_anything_else_than_one_public_key_is_refused(version, key):
    assert refused(version, ssh_public_key=key) == {"ssh_public_key"}


def test_without_a_key_there_is_nothing_to_tell():
    assert user_data(None, None) == ""
