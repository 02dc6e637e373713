"""What the disk of a server is written from: an image of the operator, or one of the project."""

from __future__ import annotations

from typing import Final

from catalog.kinds.base import StepContext
from catalog.kinds.steps.inventory import openstack_id
from portal.cloud.models import Image

QUESTION: Final = "image"
OWN: Final = "own_image"  # key of the spec; there where the image is one of the project
PART: Final = "server_image"  # what such an image is called among the ids of its resource


def image_id(context: StepContext) -> str:
    """The cloud's id of the image.

    Raises:
        CloudError: the cloud does not have it.
    """
    chosen = context.spec[QUESTION]
    if context.spec.get(OWN):
        return context.cloud_ids_of(chosen)[PART]
    return openstack_id(Image, context, chosen)
