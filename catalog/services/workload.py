"""What the engine has in hand: what needs a person, what waits, what runs."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from catalog.models import (
    OPEN_OPERATION_STATES,
    Operation,
    OperationState,
    Step,
    StepState,
)


class Group(models.TextChoices):
    """Where an unfinished operation stands."""

    STUCK = "stuck", _("Needs a person")
    WAITING = "waiting", _("Waits")
    RUNNING = "running", _("Runs")


_IN_GROUP: Final = {
    Group.STUCK: Q(state=OperationState.FAILED),
    # For its turn, for its next try, or for the cloud.
    Group.WAITING: Q(state=OperationState.RUNNING) & ~Q(current_state=StepState.RUNNING),
    Group.RUNNING: Q(state=OperationState.RUNNING, current_state=StepState.RUNNING),
}


def open_work(operations: QuerySet[Operation]) -> QuerySet[Operation]:
    """Those that are not finished, the oldest trouble first.

    Annotated with ``current_state``, of the step at which it is (None when all are done), and
    ``since``: it stopped, began that step, or began at all.
    """
    at_work = Step.objects.filter(operation=OuterRef("pk")).exclude(state=StepState.DONE)
    current = at_work.order_by("position")
    return (
        operations.filter(state__in=OPEN_OPERATION_STATES)
        .annotate(current_state=Subquery(current.values("state")[:1]))
        .annotate(
            since=Coalesce("failed_at", Subquery(current.values("started_at")[:1]), "started_at")
        )
        .order_by("since", "pk")
    )


def in_group(work: QuerySet[Operation], group: Group) -> QuerySet[Operation]:
    """Those of ``open_work`` that stand there."""
    return work.filter(_IN_GROUP[group])


def count_groups(work: QuerySet[Operation]) -> dict[Group, int]:
    """How many of ``open_work`` stand where, in one query."""
    counts = {group.value: Count("pk", filter=_IN_GROUP[group]) for group in Group}
    found = work.order_by().aggregate(**counts)
    return {group: found[group.value] for group in Group}
