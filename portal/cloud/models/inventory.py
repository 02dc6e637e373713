"""What a cloud offers, as last seen there. Pages read this; they never call the cloud."""

from __future__ import annotations

from django.db import models

from portal.cloud.models.cloud import Cloud


class InventoryItem(models.Model):
    """Something that the cloud's operator made, known by its name.

    ``openstack_id`` is empty until the cloud was seen for the first time; ``gone_at`` tells
    since when the cloud no longer has it.
    """

    cloud = models.ForeignKey(Cloud, on_delete=models.CASCADE, related_name="%(class)ss")
    name = models.CharField(max_length=120)
    openstack_id = models.CharField(max_length=64, blank=True)
    gone_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["cloud", "name"], name="%(class)s_name_unique_in_cloud")
        ]

    def __str__(self) -> str:
        return self.name


class Flavor(InventoryItem):
    vcpus = models.PositiveIntegerField()
    memory_mib = models.PositiveIntegerField()
    disk_gib = models.PositiveIntegerField()


class Image(InventoryItem):
    min_disk_gib = models.PositiveIntegerField(default=0)
    min_memory_mib = models.PositiveIntegerField(default=0)


class VolumeType(InventoryItem):
    pass
