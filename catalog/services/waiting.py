"""What waits for something else: a part of a whole for the parts that it needs, or that need it.

Nothing holds a worker meanwhile. The rows say who waits; who ends the waiting rings.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.blueprints.design import results_in
from catalog.models import (
    LineNeed,
    Operation,
    OperationKind,
    OperationState,
    Resource,
    ResourceState,
    Step,
    StepState,
)
from portal.core.dispatch import enqueue_on_commit

REMOVING_KINDS: Final = frozenset({OperationKind.RETIRE.value, OperationKind.COMPENSATE.value})
_MAKES_KNOWN: Final = Step.objects.filter(
    name=OuterRef("after_step"),
    state=StepState.DONE,
    operation__kind=OperationKind.PROVISION,
    operation__resource__order_line=OuterRef("needed"),
    operation__resource__state__in=[ResourceState.PROVISIONING, ResourceState.FAILED],
)
_NOT_THERE_YET: Final = (
    LineNeed.objects.filter(line__resource=OuterRef("resource"))
    .exclude(needed__resource__state=ResourceState.ACTIVE)
    .exclude(Exists(_MAKES_KNOWN))
)
_STILL_THERE: Final = LineNeed.objects.filter(
    needed__resource=OuterRef("resource"), line__resource__isnull=False
).exclude(line__resource__state=ResourceState.RETIRED)
# True of an operation that may not begin yet, but for steps that go ahead.
HAS_TO_WAIT: Final = (Q(kind=OperationKind.PROVISION) & Q(Exists(_NOT_THERE_YET))) | (
    Q(kind__in=REMOVING_KINDS) & Q(Exists(_STILL_THERE))
)


# True of what is about a resource that something else needs which is not being cleaned up.
STILL_NEEDED: Final = Exists(
    LineNeed.objects.filter(
        needed__resource=OuterRef("resource"), line__resource__isnull=False
    ).exclude(line__resource__state__in=[ResourceState.RETIRING, ResourceState.RETIRED])
)


def ring_those_that_waited(resource: Resource, *, after_step: str = "") -> None:
    """Wake what waited for the resource to run, or to be gone, and waits for nothing else.

    Or what waited for one step of its delivery. Call inside the transaction that made it so, with
    its order locked: of two that come to their end at the same moment the second one then sees the
    first.
    """
    if resource.order_line is None or resource.order_line.assembly_id is None:
        return  # only parts of a whole wait for each other
    line = resource.order_line_id
    if after_step or resource.state == ResourceState.ACTIVE:
        needs = LineNeed.objects.filter(needed=line, after_step=after_step)
        waited = Q(kind=OperationKind.PROVISION, resource__order_line__needs__in=needs)
    else:
        waited = Q(kind__in=REMOVING_KINDS, resource__order_line__needed_by__line=line)
    running = Operation.objects.filter(waited, state=OperationState.RUNNING)
    for operation in running.exclude(HAS_TO_WAIT).order_by("pk"):
        enqueue_on_commit("catalog.run_operation", queue=operation.queue, operation_id=operation.pk)


def is_waited_for(step: Step) -> bool:
    """True of a step of a delivery that another part of the same whole waits for."""
    operation = step.operation
    line = operation.resource.order_line
    if operation.kind != OperationKind.PROVISION or line is None or line.assembly_id is None:
        return False
    return LineNeed.objects.filter(needed=line, after_step=step.name).exists()


def parameters_awaited(resource: Resource) -> Collection[str] | None:
    """The parameters that are filled in once other parts run; None when it waits for more.

    That is so where whoever made the blueprint wants another part to run first, for a reason of
    their own.
    """
    line = resource.order_line
    if line is None or line.assembly_id is None:
        return ()
    wiring: dict[str, str] = line.wiring
    taken_of = {key for template in wiring.values() for key, _name in results_in(template)}
    needed = line.needs.values_list("needed__part", flat=True)
    return wiring.keys() if taken_of.issuperset(needed) else None


def waited_for(operation: Operation) -> QuerySet[Resource]:
    """What must run, or be gone, before the operation may begin."""
    resource = operation.resource_id
    others = Resource.objects.order_by("pk")
    if operation.kind == OperationKind.PROVISION:
        needed = others.filter(order_line__needed_by__line__resource=resource)
        return needed.exclude(state=ResourceState.ACTIVE)
    if operation.kind in REMOVING_KINDS:
        needing = others.filter(order_line__needs__needed__resource=resource)
        return needing.exclude(state=ResourceState.RETIRED)
    return others.none()


def needed_by(resource: Resource) -> QuerySet[Resource]:
    """The living things that need the resource and are not being cleaned up."""
    gone = [ResourceState.RETIRING, ResourceState.RETIRED]
    needing = Resource.objects.filter(order_line__needs__needed__resource=resource)
    return needing.exclude(state__in=gone).order_by("pk")
