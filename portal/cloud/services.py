"""Keeping what we know about a cloud's offer up to date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TypeVar

from django.db import transaction
from django.utils.timezone import now

from portal.cloud import get_cloud
from portal.cloud.models import Cloud, Flavor, Image, VolumeType
from portal.cloud.models.inventory import InventoryItem
from portal.cloud.ports import FlavorFacts, ImageFacts, VolumeTypeFacts

Facts = FlavorFacts | ImageFacts | VolumeTypeFacts
Item = TypeVar("Item", bound=InventoryItem)


def sync_inventory(cloud: Cloud) -> None:
    """Note which flavors, images and volume types the cloud has now.

    A name stays a row for ever: gone when the cloud no longer has it, back when it returns,
    perhaps under another id. The call is made before the transaction.

    Raises:
        CloudUnavailable, CloudRefused: the cloud did not tell; nothing is changed then.
    """
    inventory = get_cloud(cloud.key).fetch_inventory()
    with transaction.atomic(durable=True):
        Cloud.objects.select_for_update().get(pk=cloud.pk)
        at = now()
        _note(Flavor, cloud, inventory.flavors, at)
        _note(Image, cloud, inventory.images, at)
        _note(VolumeType, cloud, inventory.volume_types, at)
        cloud.inventory_synced_at = at
        cloud.save(update_fields=["inventory_synced_at"])


def _note(model: type[Item], cloud: Cloud, seen: Sequence[Facts], at: datetime) -> None:
    """Write what was seen by name (of two with one name the last), and mark the rest as gone.

    A cloud that lists nothing at all is being furnished: then what we knew of it stays.
    """
    rows: dict[str, Item] = {}
    measures: set[str] = set()
    for facts in map(asdict, seen):
        openstack_id = facts.pop("id")
        rows[facts["name"]] = model(cloud=cloud, openstack_id=openstack_id, **facts)
        measures = facts.keys() - {"name"}
    if not rows:
        return
    items = model._default_manager.filter(cloud=cloud)
    model._default_manager.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["cloud", "name"],
        update_fields=["openstack_id", "gone_at", *measures],
    )
    items.filter(gone_at=None).exclude(name__in=rows).update(gone_at=at)
