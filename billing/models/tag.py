"""Tags (key=value) that people give organizations, projects and resources."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce

from billing.models.moments import is_whole_second
from portal.core.models import DatedFact, PublicIdModel, no_overlap

TAG_LENGTH: Final = 40  # characters, of a key and of a value


class TagKey(PublicIdModel, DatedFact):
    """A key that an organization and everything below it may give values.

    Said anew (other values, required or not) it is a new row, and the old one ends: a trigger lets
    a row change in nothing but its end, once.

    Attributes:
        allowed_values: the only ones that there are; empty: any.
        is_required: whatever has no value counts as not yet tagged, and is shown as such.
    """

    organization = models.ForeignKey(
        "identity.Organization", on_delete=models.PROTECT, related_name="tag_keys"
    )
    name = models.CharField(max_length=TAG_LENGTH)
    allowed_values = models.JSONField(default=list)
    is_required = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "organization",
                "name",
                condition=Q(valid_until=None),
                name="tag_key_is_defined_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(name__regex=r"^[a-z][a-z0-9_-]*$"), name="tag_key_has_a_plain_name"
            ),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="tag_key_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TagFact(DatedFact):
    """Which value one key has, from when until when, of a node and what is below it, or of one
    resource.

    The nearest holds, as of ``AllocationFact``. It names its key by word, not by row: a project
    that moves keeps its tags, and the same word means the same wherever it is defined. A trigger
    lets a fact change in nothing but its end, and that only to an earlier one; of closed months
    nothing.
    """

    node = models.ForeignKey(
        "identity.Node", null=True, on_delete=models.PROTECT, related_name="tag_facts"
    )
    resource = models.ForeignKey(
        "billing.MeteredResource", null=True, on_delete=models.PROTECT, related_name="tag_facts"
    )
    key = models.CharField(max_length=TAG_LENGTH)
    value = models.CharField(max_length=TAG_LENGTH)

    class Meta:
        constraints = [
            # A NULL would exclude nothing, hence the zeros. Ranges are of numbers, hence the hash.
            no_overlap(
                "tag_one_value_at_a_time",
                Coalesce("node_id", Value(0)),
                Coalesce("resource_id", Value(0)),
                Func(
                    F("key"),
                    Value(0),
                    function="hashtextextended",
                    output_field=models.BigIntegerField(),
                ),
            ),
            models.CheckConstraint(
                condition=Q(node=None, resource__isnull=False)
                | Q(node__isnull=False, resource=None),
                name="tag_of_a_node_or_a_resource",
            ),
            models.CheckConstraint(
                condition=Q(key__regex=r"^[a-z][a-z0-9_-]*$"), name="tag_has_a_plain_key"
            ),
            models.CheckConstraint(condition=~Q(value=""), name="tag_has_a_value"),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")),
                name="tag_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=is_whole_second("valid_from", "valid_until"),
                name="tag_changes_on_a_whole_second",
            ),
        ]
        indexes = [models.Index(fields=["key"], name="tag_fact_by_key")]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"
