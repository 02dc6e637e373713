"""How an order will be approved: found when it is placed, and kept on it as it was then.

On the order it stands in ``conditions["approval"]``: {"rule", "automatic": public ids of versions
of rules or None, "needed": humans, "steps": [{"node": public id or None, "people"}]}. An order
about which no rule speaks has none: one approver will do. Triggers read ``needed`` and
``automatic``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Q, Sum
from django.utils.timezone import now

from billing.services.budgets import BudgetPosition
from catalog.approval_rules import (
    ONE_APPROVER,
    ApprovalStep,
    LineFacts,
    OrderFacts,
    Route,
    Rule,
    find_route,
    judged_amount,
    step_at,
)
from catalog.models import (
    UNDECIDED_ORDER_STATES,
    Approval,
    ApprovalRuleVersion,
    Decision,
    OfferingVersion,
    Order,
    OrderLine,
    OrderState,
    Resource,
)
from portal.identity.four_eyes import logins_of
from portal.identity.models import Node, Person, Project
from portal.identity.models.proposed import DecisionState

ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Which of its steps an order waits in, counted from 1; ``node`` None: on its project."""

    number: int
    of: int
    node: Node | None
    people_left: int


def wholes_of(line: OrderLine | None) -> list[OfferingVersion]:
    """What was ordered as a whole with what the line asks for, or changes; nothing if it was not.

    A rule about the whole is about each of its parts, also later on.
    """
    origin = line.changes.order_line if line and line.changes else line
    return [origin.assembly.offering_version] if origin and origin.assembly else []


def route_for(
    project: Project,
    *,
    requested_by: Person,
    amount: Decimal,
    lines: Iterable[Collection[OfferingVersion]],
    budget: BudgetPosition | None,
    changes: Resource | None = None,
    placed: Order | None = None,
) -> Route:
    """How an order in the project is approved by the rules that hold now.

    Args:
        amount: what is judged of its price, in euros.
        lines: what each line asks for, and the whole that it is a part of.
        placed: the order itself, where it is there already.
    """
    rules = rules_for(project)
    if not rules:
        return ONE_APPROVER
    facts = OrderFacts(
        amount=amount,
        lines=tuple(
            LineFacts(
                kinds=frozenset(version.offering.kind for version in versions),
                offerings=frozenset(version.offering.public_id for version in versions),
            )
            for versions in lines
        ),
        protection_level=project.protection_level,
        has_personal_data=project.has_personal_data,
        is_delicate=bool((changes and changes.is_protected) or (budget and budget.free_after < 0)),
        let_through=_let_through(project, requested_by, changes, placed),
    )
    return find_route(rules, facts)


def _let_through(
    project: Project, person: Person, changes: Resource | None, placed: Order | None
) -> Decimal:
    """What rules approved, or are about to, of this human in the project since a day ago.

    What the order changes costs in a month what it says itself, so earlier orders of that do not
    count for it; what they pay once is paid beside what this one does.
    """
    by_rule = Approval.objects.filter(rule_version__isnull=False)
    others = Order.objects.filter(
        Q(pk__in=by_rule.values("order"))
        | Q(state=OrderState.PENDING_APPROVAL, conditions__approval__has_key="automatic")
        & ~Q(conditions__approval__automatic=None),
        project=project,
        requested_by__in=logins_of([person.pk]).values("pk"),
        submitted_at__gt=now() - ONE_DAY,
    )
    if placed is not None:  # of two that wait the first one goes first
        is_later = Q(state=OrderState.PENDING_APPROVAL, pk__gt=placed.pk)
        others = others.exclude(pk=placed.pk).exclude(is_later)
    of_it = OrderLine.objects.filter(Q(resource=changes) | Q(changes=changes))
    is_of_it = Q(pk__in=of_it.values("order")) if changes is not None else Q(pk__in=[])
    totals = others.aggregate(
        monthly=Sum(F("monthly_price") + F("expected_price"), filter=~is_of_it),
        one_off=Sum("one_off_price"),
        later=Sum("later_price"),
    )
    return judged_amount(**{price: total or Decimal(0) for price, total in totals.items()})


def rules_for(project: Project) -> list[Rule]:
    """What the rules of the project and everything above it say now. One query."""
    versions = ApprovalRuleVersion.objects.filter(
        state=DecisionState.CONFIRMED,
        ended_at=None,
        ends_rule=False,
        rule__node__in=project.lineage_ids,
    )
    return [
        Rule(
            id=version.public_id,
            node=version.rule.node.public_id,
            height=len(project.ancestor_ids) - len(version.rule.node.ancestor_ids),
            amount_from=version.amount_from,
            kinds=frozenset(version.kinds),
            offering=version.offering.public_id if version.offering else None,
            protection_level=version.protection_level,
            personal_data=version.personal_data,
            automatic_below=version.automatic_below,
            people_of_project=version.people_of_project,
            people_of_node=version.people_of_node,
        )
        for version in versions.select_related("rule__node", "offering").order_by("pk")
    ]


def as_conditions(route: Route) -> dict[str, Any]:
    """What an order keeps of its route."""
    if route.rule is None:
        return {}
    return {
        "approval": {
            "rule": str(route.rule),
            "automatic": str(route.automatic) if route.automatic else None,
            "needed": route.people,
            "steps": [
                {"node": str(step.node) if step.node else None, "people": step.people}
                for step in route.steps
            ],
        }
    }


def route_of(order: Order) -> Route:
    """The route that the order was placed with."""
    kept = order.conditions.get("approval")
    if kept is None:
        return ONE_APPROVER
    return Route(
        steps=tuple(
            ApprovalStep(node=UUID(step["node"]) if step["node"] else None, people=step["people"])
            for step in kept["steps"]
        ),
        rule=UUID(kept["rule"]),
        automatic=UUID(kept["automatic"]) if kept["automatic"] else None,
    )


def waiting_node(project: Project, steps: Sequence[ApprovalStep], given: int) -> Node | None:
    """On which node the next to approve must have the role; None: on the project.

    Of a project that was moved away from under that node it is what it stands under now.
    """
    number = step_at(steps, given)
    asked = steps[number].node if number is not None else None
    if asked is None:
        return None
    node = Node.objects.get(public_id=asked)
    return node if node.pk in project.lineage_ids else project.parent


def wait_where_they_stand(projects: Collection[int]) -> None:
    """Let the undecided orders of projects that were moved wait for who decides there now.

    Call inside the transaction that moves them, with the tree locked.
    """
    orders = Order.objects.filter(
        project__in=projects, state__in=UNDECIDED_ORDER_STATES, waits_for__isnull=False
    )
    for order in orders.select_related("project__parent").order_by("pk"):
        given = len(humans_who_approved(order))
        order.waits_for = waiting_node(order.project, route_of(order).steps, given)
        order.save(update_fields=["waits_for"])


def humans_who_approved(order: Order) -> list[int]:
    """Primary keys of who said yes already."""
    said = order.approvals.filter(decision=Decision.APPROVED, approver__isnull=False)
    return list(said.values_list("approver", flat=True))


def is_one_of(people: Sequence[int], given: Sequence[int]) -> bool:
    """Whether one of these humans, with whichever login, is among those."""
    return bool(people) and logins_of(people).filter(pk__in=given).exists()


def waiting_step(order: Order) -> Waiting | None:
    """In which step the order waits; None where one approver will do."""
    steps = route_of(order).steps
    given = len(humans_who_approved(order))
    number = step_at(steps, given)
    if number is None or sum(step.people for step in steps) == 1:
        return None
    before = sum(step.people for step in steps[:number])
    return Waiting(
        number=number + 1,
        of=len(steps),
        node=order.waits_for,
        people_left=before + steps[number].people - given,
    )
