"""What several apps' tables have in common. No table of its own."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.expressions import Combinable


class PublicIdModel(models.Model):
    """A row that the outside world knows by a random id; the primary key stays inside."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    class Meta:
        abstract = True


class TsTzRange(Func):
    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


class PointRange(Func):
    """A range of one integer: lets an exclusion constraint compare a key without btree_gist."""

    function = "INT8RANGE"
    template = "%(function)s(%(expressions)s, '[]')"

    def __init__(self, key: str | Combinable) -> None:
        value = F(key) if isinstance(key, str) else key
        super().__init__(value, value)


def no_overlap(
    name: str,
    *keys: str | Combinable,
    start: str = "valid_from",
    end: str = "valid_until",
    condition: Q | None = None,
) -> ExclusionConstraint:
    """A constraint: rows with equal integer ``keys`` never overlap in time.

    A key that may be NULL must be wrapped in ``Coalesce``, since a NULL range excludes nothing.
    """
    point_ranges: list[tuple[Any, str]] = [
        (PointRange(key), RangeOperators.OVERLAPS) for key in keys
    ]
    period = TsTzRange(start, end, RangeBoundary())
    return ExclusionConstraint(
        name=name,
        expressions=[*point_ranges, (period, RangeOperators.OVERLAPS)],
        condition=condition,
    )


class DatedFact(models.Model):
    """Something that was true from one moment until another (or until further notice)."""

    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True)

    class Meta:
        abstract = True


def end_from(rows: models.QuerySet[Any], at: Any) -> None:
    """None of these rows of a dated fact holds from the moment ``at`` on.

    What was to begin then or later never does: it keeps its row, with an end at its beginning.
    """
    lasting = Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from"))
    rows.filter(lasting, valid_from__gte=at).update(valid_until=F("valid_from"))
    held_then = Q(valid_until__isnull=True) | Q(valid_until__gt=at)
    rows.filter(held_then, valid_from__lt=at).update(valid_until=at)


def is_not_over(at: Any) -> Q:
    """The rows of a dated fact that hold at the moment ``at``, or will hold later.

    What was cut short before it began never does, however far away its beginning is.
    """
    begins_at_all = Q(valid_until__gt=F("valid_from"))
    return Q(valid_until__isnull=True) | Q(valid_until__gt=at) & begins_at_all


def is_in_force(at: Any, *, start: str = "valid_from", end: str = "valid_until") -> Q:
    """The rows of a dated fact that hold at the moment ``at``."""
    ended_later: Q = Q(**{f"{end}__isnull": True}) | Q(**{f"{end}__gt": at})
    return Q(**{f"{start}__lte": at}) & ended_later
