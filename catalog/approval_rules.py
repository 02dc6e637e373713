"""How an order is approved: by whom, by how many, or by itself. Arithmetic; knows no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID


def judged_amount(*, monthly: Decimal, one_off: Decimal, later: Decimal) -> Decimal:
    """What rules and limits of approvers look at: what it binds to, in euros.

    Args:
        monthly: the price of a month.
        one_off: what falls due once, when the use begins.
        later: what of minimum terms falls due after the first month, come what may.
    """
    return monthly + one_off + later


@dataclass(frozen=True, kw_only=True)
class LineFacts:
    """What a line asks for; of a part also the whole that it belongs to."""

    kinds: frozenset[str]
    offerings: frozenset[UUID]


@dataclass(frozen=True, kw_only=True)
class OrderFacts:
    """What a rule may ask about an order.

    Attributes:
        amount: what is judged of all that it costs (``judged_amount``), in euros.
        protection_level: of the project's data, 1 (highest) to 4; None is not known.
        is_delicate: it changes something protected, or goes beyond the budget.
        let_through: the same of what rules approved of the same human in the project since a day
            ago: a large order is not small in pieces.
    """

    amount: Decimal
    lines: tuple[LineFacts, ...]
    protection_level: int | None
    has_personal_data: bool | None
    is_delicate: bool
    let_through: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule in force, for every project below its node.

    Attributes:
        amount_from: it is about orders of this much and more.
        kinds: about orders with one of these; any when empty.
        offering: about orders with this one, in whichever version; any when None.
        protection_level: about data of this level and higher ones; any when None. What is not
            known counts as the highest.
        personal_data: about projects with personal data alone; what is not known counts as that.
        automatic_below: no person is needed below this amount, for all that one human orders in a
            day; None: always one.
        people: how many approvers of the project; of the node: how many who have the role on the
            rule's node or above it.
        height: how far the node is above the project; 0 is the project itself.
    """

    id: UUID
    node: UUID
    height: int
    amount_from: Decimal
    kinds: frozenset[str]
    offering: UUID | None
    protection_level: int | None
    personal_data: bool
    automatic_below: Decimal | None
    people_of_project: int
    people_of_node: int

    @property
    def people(self) -> int:
        return self.people_of_project + self.people_of_node


@dataclass(frozen=True, kw_only=True)
class ApprovalStep:
    """So many humans, who approve on ``node`` or above it; None is the project itself."""

    node: UUID | None
    people: int


@dataclass(frozen=True, kw_only=True)
class Route:
    """How an order is approved: ``steps`` one after another, or by ``automatic``, a rule.

    ``rule``: the one that asks the most people; None where no rule speaks and one approver will
    do. The steps of an order that is approved automatically are for when that can no longer be.
    """

    steps: tuple[ApprovalStep, ...]
    rule: UUID | None = None
    automatic: UUID | None = None

    @property
    def people(self) -> int:
        return sum(step.people for step in self.steps)


ONE_APPROVER = Route(steps=(ApprovalStep(node=None, people=1),))


def is_about(rule: Rule, order: OrderFacts) -> bool:
    """Whether the rule speaks about the order."""
    if order.amount < rule.amount_from:
        return False
    if not any(_is_about_line(rule, line) for line in order.lines):
        return False
    if rule.personal_data and order.has_personal_data is False:
        return False
    if rule.protection_level is None or order.protection_level is None:
        return True
    return order.protection_level <= rule.protection_level


def _is_about_line(rule: Rule, line: LineFacts) -> bool:
    if rule.kinds and rule.kinds.isdisjoint(line.kinds):
        return False
    return rule.offering is None or rule.offering in line.offerings


def find_route(rules: Sequence[Rule], order: OrderFacts) -> Route:
    """How the order is approved by the rules of its project and everything above.

    All that speak about it get what they ask, by as few people as that takes. By itself only where
    each of them agrees, no line is without one, and nothing about the order is delicate.
    """
    speaking = [rule for rule in rules if is_about(rule, order)]
    if not speaking:
        return ONE_APPROVER
    automatic = None
    if not order.is_delicate and _all_agree(speaking, order):
        strictest = min(speaking, key=lambda rule: (rule.automatic_below or 0, rule.id))
        automatic = strictest.id
    demanding = max(speaking, key=lambda rule: (rule.people, rule.people_of_node, rule.id))
    return Route(steps=_steps(speaking), rule=demanding.id, automatic=automatic)


def _all_agree(speaking: Sequence[Rule], order: OrderFacts) -> bool:
    """What no rule is about waits for a person, also beside what a rule lets through."""
    return all(_lets_through(rule, order) for rule in speaking) and all(
        any(_is_about_line(rule, line) for rule in speaking) for line in order.lines
    )


def _lets_through(rule: Rule, order: OrderFacts) -> bool:
    together = order.let_through + order.amount
    return rule.automatic_below is not None and together < rule.automatic_below


def _steps(rules: Sequence[Rule]) -> tuple[ApprovalStep, ...]:
    """From the project up. Who approves for a higher node counts for every lower one as well."""
    steps: list[ApprovalStep] = []
    asked = 0
    for rule in sorted(rules, key=lambda rule: (-rule.height, -rule.people_of_node, rule.node)):
        if rule.people_of_node > asked:
            steps.insert(0, ApprovalStep(node=rule.node, people=rule.people_of_node - asked))
            asked = rule.people_of_node
    of_project = max(rule.people for rule in rules) - asked
    if of_project > 0:
        steps.insert(0, ApprovalStep(node=None, people=of_project))
    return tuple(steps) or ONE_APPROVER.steps


def step_at(steps: Sequence[ApprovalStep], given: int) -> int | None:
    """Index of the step that waits when so many humans approved; None when all did."""
    for number, step in enumerate(steps):
        given -= step.people
        if given < 0:
            return number
    return None
