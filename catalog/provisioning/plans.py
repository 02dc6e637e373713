"""From a step's row to its definition in a kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Q

from catalog.kinds import all_kinds, get_kind
from catalog.kinds.base import Plan, StepDefinition
from catalog.models import OPEN_OPERATION_STATES, Operation, Step


def find_plan(operation: Operation) -> Plan | None:
    """The plan that the operation follows, or None when this code is too old or too new for it.

    An operation that an older plan began goes on with the steps that it was given.
    """
    kind_key, _, plan_name = operation.plan.partition(".")
    try:
        plan = get_kind(kind_key).named_plans()[plan_name]
    except KeyError:
        return None
    return plan if operation.plan_version <= plan.version else None


def get_definition(step: Step) -> StepDefinition:
    """What the step does. LookupError when the code lacks it; start-up refuses before that."""
    plan = find_plan(step.operation)
    if plan:
        is_older = step.operation.plan_version < plan.version
        for definition in [*(plan.former if is_older else ()), *plan.steps]:
            if definition.name == step.name:
                return definition
    raise LookupError(f"no step {step.name!r} in plan {step.operation.plan!r}")


def exclusive_steps() -> Q:
    """The rows of steps that make something that a whole cloud project shares.

    Plans that have the same of them share a condition: each is work for who asks and who answers.
    """
    plans = defaultdict(list)
    for kind in all_kinds():
        for plan_name, plan in kind.named_plans().items():
            steps = [*plan.steps, *plan.former]
            names = frozenset(definition.name for definition in steps if definition.exclusive)
            plans[names].append(f"{kind.key}.{plan_name}")
    condition = Q(pk__in=[])
    for names, having in plans.items():
        condition |= Q(operation__plan__in=having, name__in=names)
    return condition


def unknown_steps() -> Iterable[Step]:
    """Steps of unfinished operations that this code cannot carry out."""
    steps = Step.objects.select_related("operation").filter(
        operation__state__in=OPEN_OPERATION_STATES
    )
    for step in steps.iterator():
        try:
            get_definition(step)
        except LookupError:
            yield step
