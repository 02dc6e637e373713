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
    """Those that are not finished, as ``by_age``."""
    return by_age(operations.filter(state__in=OPEN_OPERATION_STATES))


def by_age(operations: QuerySet[Operation]) -> QuerySet[Operation]:
    """The oldest trouble first, annotated with where they are.

    ``current_state`` is that of the step at which it is, None when all are done; ``since`` the
    moment at which it stopped, began that step, or began at all.
    """
    undone = Step.objects.filter(operation=OuterRef("pk")).exclude(state=StepState.DONE)
    current = undone.order_by("position")
    began = Subquery(current.values("started_at")[:1])
    annotated = operations.annotate(
        current_state=Subquery(current.values("state")[:1]),
        since=Coalesce("failed_at", began, "started_at"),
    )
    return annotated.order_by("since", "pk")


def in_group(work: QuerySet[Operation], group: Group) -> QuerySet[Operation]:
    """Those of ``open_work`` that stand there."""
    return work.filter(_IN_GROUP[group])


def count_groups(work: QuerySet[Operation]) -> dict[Group, int]:
    """How many of ``open_work`` stand where, in one query."""
    counts = {group.value: Count("pk", filter=_IN_GROUP[group]) for group in Group}
    found = work.order_by().aggregate(**counts)
    return {group: found[group.value] for group in Group}
