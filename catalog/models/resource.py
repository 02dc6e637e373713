"""What exists in a cloud because it was ordered, or was found there, until it is retired."""

from __future__ import annotations

from typing import Final

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Func, Q
from django.utils.translation import gettext_lazy as _

from portal.core.models import PublicIdModel


class CloudIdList(Func):
    """The ids in ``cloud_ids`` as a JSON list, so that a resource is found by any of them."""

    template = "jsonb_path_query_array(cloud_ids, '$.*')"
    output_field = models.JSONField()


class PeopleWithAccess(Func):
    """Public ids, as a JSON list, of people with a credential of their own."""

    template = "jsonb_path_query_array(facts, '$.credentials[*].person ? (@ != null)')"
    output_field = models.JSONField()


class ResourceState(models.TextChoices):
    PROVISIONING = "provisioning", _("Being made")
    ACTIVE = "active", _("Running")
    FAILED = "failed", _("Needs attention")
    RETIRING = "retiring", _("Being cleaned up")
    RETIRED = "retired", _("Cleaned up")


RESOURCE_TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    ResourceState.PROVISIONING: frozenset(
        {ResourceState.ACTIVE, ResourceState.FAILED, ResourceState.RETIRING}
    ),
    ResourceState.FAILED: frozenset({ResourceState.PROVISIONING, ResourceState.RETIRING}),
    ResourceState.ACTIVE: frozenset({ResourceState.RETIRING}),
    ResourceState.RETIRING: frozenset({ResourceState.RETIRED}),
    ResourceState.RETIRED: frozenset(),
}


class Resource(PublicIdModel):
    """One thing that somebody ordered, or that was found in the cloud.

    ``cloud_ids`` maps what was made to its id in the cloud ({"server": …, "volume": …}), by the
    names of the kind's steps. ``facts`` is what people want to know of it, as last seen
    (addresses, status). ``end_date`` is the last business day that it is needed. What
    ``is_protected`` is cleaned up by nobody. The claim and the placement decision are NOT NULL:
    nothing exists without both. Nor without an order line, or the difference as which it was found:
    what has that one is *unmanaged*, and is charged but follows no offering.
    """

    kind = models.CharField(max_length=40)
    name = models.CharField(max_length=63)
    project = models.ForeignKey(
        "identity.Project", on_delete=models.PROTECT, related_name="resources"
    )
    cloud_project = models.ForeignKey(
        "cloud.CloudProject", on_delete=models.PROTECT, related_name="resources"
    )
    order_line = models.OneToOneField(
        "catalog.OrderLine", null=True, on_delete=models.PROTECT, related_name="resource"
    )
    found_as = models.OneToOneField(
        "catalog.Difference", null=True, on_delete=models.PROTECT, related_name="adopted_as"
    )
    claim = models.OneToOneField(
        "catalog.QuotaClaim", on_delete=models.PROTECT, related_name="resource"
    )
    placement = models.ForeignKey(
        "catalog.PlacementDecision", on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(
        max_length=20, choices=ResourceState, default=ResourceState.PROVISIONING
    )
    spec = models.JSONField()
    cloud_ids = models.JSONField(default=dict)
    facts = models.JSONField(default=dict)
    end_date = models.DateField(null=True)
    is_protected = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "kind", "name"],
                condition=~Q(state="retired"),
                name="resource_name_unique_among_living",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ResourceState.values), name="resource_state_known"
            ),
            models.CheckConstraint(
                condition=Q(order_line__isnull=False, found_as=None)
                | Q(order_line=None, found_as__isnull=False),
                name="resource_was_ordered_or_found",
            ),
            models.CheckConstraint(
                condition=Q(state="retired", retired_at__isnull=False)
                | (~Q(state="retired") & Q(retired_at=None)),
                name="resource_retired_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(is_protected=False) | ~Q(state__in=["retiring", "retired"]),
                name="resource_protected_is_not_cleaned_up",
            ),
        ]
        indexes = [
            models.Index(fields=["project", "state"], name="resource_by_project"),
            GinIndex(CloudIdList(), name="resource_by_cloud_id"),
            models.Index(
                fields=["end_date"],
                condition=Q(state="active", end_date__isnull=False),
                name="resource_by_end_date",
            ),
            models.Index(
                fields=["id"],
                condition=Q(state__in=["active", "retiring"], facts__has_key="credentials"),
                name="resource_by_credentials",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_unmanaged(self) -> bool:
        """Nobody ordered it: it was found in the cloud."""
        return self.found_as_id is not None
