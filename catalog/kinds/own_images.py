"""A server from an image of the project itself: what it needs, and what its spec keeps of that.

The answer to ``image`` is then the image's public id. ``own_image`` says what that was when the
server was ordered: its name, and the disk and memory that it needs at least.
"""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext

from catalog.kinds.base import Spec
from catalog.kinds.steps.chosen_image import OWN, QUESTION
from catalog.kinds.steps.system_volume import SIZE as SYSTEM_SIZE
from catalog.models import OfferingVersion, Resource
from portal.cloud.models import Cloud, Flavor
from portal.core.errors import InvalidInput

SIZE: Final = "image_gib"
MEMORY: Final = "image_memory_mib"


def least_of(cloud: Cloud, server: Resource) -> dict[str, int]:
    """What a server needs at least that is made from an image of this one.

    Its whole disk: how much of that is used nobody knows before the image is there.
    """
    own = server.spec.get(OWN)
    image = None if own else cloud.images.filter(name=server.spec[QUESTION]).first()
    flavor = Flavor.objects.get(cloud=cloud, name=server.spec["flavor"])
    disk_gib, memory_mib = (own[SIZE], own[MEMORY]) if own else (0, 0)
    if image is not None:
        disk_gib, memory_mib = image.min_disk_gib, image.min_memory_mib
    return {SIZE: max(1, disk_gib, flavor.disk_gib), MEMORY: memory_mib}


def from_own_image(version: OfferingVersion, spec: Spec, image: Resource) -> dict[str, Any]:
    """The spec of a server that is made from an image of the project.

    Raises:
        InvalidInput: the image does not fit on it.
    """
    own = {"name": image.name, SIZE: image.spec[SIZE], MEMORY: image.spec[MEMORY]}
    flavor = Flavor.objects.get(cloud=version.cloud_id, name=spec["flavor"])
    if spec.get(SYSTEM_SIZE):
        at, disk_gib = SYSTEM_SIZE, spec[SYSTEM_SIZE]
    else:
        at, disk_gib = "flavor", flavor.disk_gib
    if disk_gib < own[SIZE]:
        text = gettext("{name} needs a disk of {size} GiB for the system. This one has {disk} GiB.")
        raise InvalidInput({at: [text.format(name=image.name, size=own[SIZE], disk=disk_gib)]})
    if flavor.memory_mib < own[MEMORY]:
        text = gettext("{name} needs {needed} MiB of memory. This size has {memory} MiB.")
        told = text.format(name=image.name, needed=own[MEMORY], memory=flavor.memory_mib)
        raise InvalidInput({"flavor": [told]})
    return {**spec, OWN: own}


def image_name(spec: Spec) -> str:
    """What the image is called, for people."""
    own = spec.get(OWN)
    return str(own["name"] if own else spec[QUESTION])
