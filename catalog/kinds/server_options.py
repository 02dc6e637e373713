"""What can be chosen for a server: sizes and operating systems, and the key to log in with."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.meters import Meter
from catalog.kinds.base import Spec
from catalog.kinds.own_images import MEMORY
from catalog.kinds.parameters import Option, Parameter, Widget
from catalog.kinds.steps.chosen_image import OWN
from catalog.models import OfferingVersion
from portal.cloud.models import Flavor, Image

MIB_PER_GIB: Final = Decimal(1024)
LONGEST_KEY: Final = 3000
# The second word repeats the type (RFC 4253, section 6.6), so the two must agree.
SSH_PUBLIC_KEY: Final = (
    r"(ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA"
    r"|ssh-rsa AAAAB3NzaC1yc2EAAAA"
    r"|ecdsa-sha2-nistp(256|384|521) AAAAE2VjZHNhLXNoYTItbmlzdHA"
    r"|sk-ssh-ed25519@openssh\.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAA)"
    r"[A-Za-z0-9+/]{20,}={0,2}( [^\r\n]*)?"
)


def offered_flavors(version: OfferingVersion) -> list[Flavor]:
    names: list[str] = version.choices["flavors"]
    offered = [item for item in version.cloud.seen_flavors if _is_offered(item, names)]
    return sorted(offered, key=lambda flavor: names.index(flavor.name))


def flavor_of(version: OfferingVersion, spec: Spec) -> Flavor:
    """The size that the spec names, also where it is offered no longer, or gone.

    Raises:
        Flavor.DoesNotExist: its cloud never had it.
    """
    for flavor in version.cloud.seen_flavors:
        if flavor.name == spec["flavor"]:
            return flavor
    raise Flavor.DoesNotExist(spec["flavor"])


def other_flavors(version: OfferingVersion, spec: Spec) -> list[Flavor]:
    """What a server may become: what it is, and what its disk and image fit on. Disks grow only."""
    present = version.cloud.flavors.get(name=spec["flavor"])
    own = spec.get(OWN)
    image = None if own else version.cloud.images.filter(name=spec["image"]).first()
    memory_mib = own[MEMORY] if own else 0
    others = [
        flavor
        for flavor in offered_flavors(version)
        if flavor.disk_gib >= present.disk_gib
        and flavor.memory_mib >= memory_mib
        and (image is None or _fits(image, flavor))
    ]
    return others if present in others else [present, *others]


def offered_images(version: OfferingVersion, flavors: list[Flavor]) -> list[Image]:
    """The images that fit on every size offered, so that each combination can be made."""
    names: list[str] = version.choices["images"]
    offered = [item for item in version.cloud.seen_images if _is_offered(item, names)]
    fitting = [image for image in offered if all(_fits(image, flavor) for flavor in flavors)]
    return sorted(fitting, key=lambda image: names.index(image.name))


def _is_offered(item: Flavor | Image, names: list[str]) -> bool:
    """Judged here and not by the database, so that a list of offerings can prefetch."""
    return item.gone_at is None and item.name in names


def _fits(image: Image, flavor: Flavor) -> bool:
    return image.min_disk_gib <= flavor.disk_gib and image.min_memory_mib <= flavor.memory_mib


def flavor_option(flavor: Flavor) -> Option:
    hint = gettext("{vcpus} processors, {memory} GiB memory, {disk} GiB disk").format(
        vcpus=flavor.vcpus, memory=f"{flavor.memory_mib / MIB_PER_GIB:g}", disk=flavor.disk_gib
    )
    return Option(
        value=flavor.name,
        label=flavor.name,
        hint=hint,
        meters=[Meter(f"server.{flavor.name}", Decimal(1))],
    )


def ssh_key_parameter() -> Parameter:
    return Parameter(
        name="ssh_public_key",
        label=_("SSH public key"),
        widget=Widget.TEXTAREA,
        section=_("Access"),
        hint=_(
            "With this key you log in. It is not secret. Leave it empty if you use another way."
        ),
        required=False,
        pattern=SSH_PUBLIC_KEY,
        pattern_hint=_(
            "Paste one public key on one line. It begins with ssh-ed25519, ssh-rsa or ecdsa-sha2."
        ),
        max_length=LONGEST_KEY,
    )
