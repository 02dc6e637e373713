"""From a name in the catalogue to the cloud's own id."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils.timezone import now

from catalog.kinds.base import StepContext
from portal.cloud.models.inventory import InventoryItem
from portal.cloud.ports import CloudRefused, CloudUnavailable

# A cloud that is still being built, or upgraded, lists its offer only in part for a while.
GONE_FOR_GOOD: Final = timedelta(minutes=10)


def openstack_id(model: type[InventoryItem], context: StepContext, name: str) -> str:
    """The cloud's id of the flavor, image or volume type with this name.

    Raises:
        CloudUnavailable: we have not seen it yet, or missed it only a moment ago.
        CloudRefused: the cloud does not have it (any more).
    """
    item = model._default_manager.filter(
        cloud__projects__public_id=context.cloud_project_id, name=name
    ).first()
    if item is None or (item.gone_at and item.gone_at < now() - GONE_FOR_GOOD):
        raise CloudRefused(f"the cloud has no {model._meta.verbose_name} {name!r}")
    if item.gone_at or not item.openstack_id:
        raise CloudUnavailable(
            f"the cloud does not list {model._meta.verbose_name} {name!r} at this moment"
        )
    return item.openstack_id
