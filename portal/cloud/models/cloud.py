"""The clouds that resources can stand on, and our projects in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from portal.core.models import PublicIdModel

if TYPE_CHECKING:
    from portal.cloud.models.inventory import Flavor, Image


class Cloud(PublicIdModel):
    """One OpenStack region under one operator.

    ``key`` is the name in ``clouds.yaml``. ``operator_profile`` holds the facts that the
    placement rules judge by (docs/placement.md); a missing fact means no.
    """

    key = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    region = models.CharField(max_length=80)
    operator_profile = models.JSONField(default=dict)
    # Keystone domain that holds every project of this installation.
    domain_name = models.CharField(max_length=64, default="cloudloket")
    inventory_synced_at = models.DateTimeField(null=True)
    # When the next step may ask something of it: in its rhythm, or since it was asked too much.
    paced_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name

    @cached_property
    def seen_flavors(self) -> list[Flavor]:
        """Its sizes as last seen there, those that are gone too; read once. One query."""
        return list(self.flavors.all())

    @cached_property
    def seen_images(self) -> list[Image]:
        """Its images, likewise."""
        return list(self.images.all())


class CloudProjectPurpose(models.TextChoices):
    MANAGED = "managed", _("Managed by the portal")
    ENVIRONMENT = "environment", _("Self-service environment")


class CloudProject(PublicIdModel):
    """A portal project's Keystone project in one cloud.

    ``openstack_project_id`` is empty until the first operation made it there. While it waits
    for something, ``next_poll_at`` says when its one list call is due. ``limits_asked_at`` is when
    its limits in the cloud were last asked for: the projects take turns.
    """

    project = models.ForeignKey(
        "identity.Project", on_delete=models.PROTECT, related_name="cloud_projects"
    )
    cloud = models.ForeignKey(Cloud, on_delete=models.PROTECT, related_name="projects")
    purpose = models.CharField(
        max_length=20, choices=CloudProjectPurpose, default=CloudProjectPurpose.MANAGED
    )
    openstack_project_id = models.CharField(max_length=64, blank=True)
    next_poll_at = models.DateTimeField(null=True)
    limits_asked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "cloud"],
                condition=Q(purpose="managed"),
                name="cloud_project_one_managed_per_project",
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=CloudProjectPurpose.values),
                name="cloud_project_purpose_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project_id} in {self.cloud_id}"
