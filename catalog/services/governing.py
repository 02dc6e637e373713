"""What quota administrators do: setting limits, and what may be handed out."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from catalog.amounts import HIGHEST_LIMIT, step_of
from catalog.models import LIMIT_REASON_LENGTH, Metric, Quota
from catalog.quota_errors import LimitsRefused
from catalog.quota_policies import governed_nodes, nodes_to_limit
from catalog.services.limits import NewLimit, allow_overcommit, set_limits
from portal.audit.services import record_refusal
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.locks import lock_tree_shared
from portal.core.text import clean_text
from portal.identity.models import Node, Person
from portal.identity.sensitive import sensitive


@sensitive("quota.set_limit")
def change_limits(
    limits: Sequence[NewLimit], *, reason: str, actor: Person, seen: str = ""
) -> list[Quota]:
    """Set limits, all or none. They hold from their ``valid_from`` on.

    Args:
        seen: what was there when the actor looked, as ``try_limits`` says it.

    Raises:
        NotAllowed: the actor does not govern a level that gives one of them.
        InvalidInput: about the reason.
        LimitsRefused: about a limit; also that a level would hand out more than it has.
        LimitsChanged: something else is there than the actor saw.
    """
    because = clean_reason(reason)
    check_amounts(limits)
    with transaction.atomic(durable=True):
        lock_tree_shared()  # what is allowed stays so until it is done
        allowed = set(
            nodes_to_limit(actor)
            .filter(pk__in={new.node.pk for new in limits})
            .values_list("pk", flat=True)
        )
        denied = [new.node for new in limits if new.node.pk not in allowed]
        if not denied:
            return set_limits(limits, reason=because, actor=actor, seen=seen)
    refused(denied[0], actor)
    raise NotAllowed()


@sensitive("quota.allow_overcommit")
def permit_overcommit(node: Node, metric: Metric, *, is_allowed: bool, actor: Person) -> None:
    """Let what is below a node hold more together than the node has, or no longer more of that.

    Raises:
        NotAllowed: the actor does not govern it.
    """
    with transaction.atomic(durable=True):
        lock_tree_shared()
        if governed_nodes(actor).filter(pk=node.pk).exists():
            allow_overcommit(node, metric, is_allowed=is_allowed, actor=actor)
            return
    refused(node, actor)
    raise NotAllowed()


def clean_reason(reason: str) -> str:
    """The reason of a limit, fit to keep.

    Raises:
        InvalidInput: it is empty, too long, or holds what no text holds.
    """
    try:
        cleaned = clean_text(reason, max_length=LIMIT_REASON_LENGTH)
    except ValueError as error:
        raise InvalidInput({"reason": [str(error)]}) from error
    if not cleaned:
        raise InvalidInput({"reason": [_("Fill this in.")]})
    return cleaned


def check_amounts(limits: Sequence[NewLimit]) -> None:
    """Raise LimitsRefused with every amount that cannot be a limit."""
    problems = {
        number: [problem]
        for number, new in enumerate(limits)
        if (problem := find_amount_problem(new.metric, new.amount))
    }
    if problems:
        raise LimitsRefused(problems)


def find_amount_problem(metric: Metric, amount: Decimal | None) -> str:
    """Why that cannot be a limit; empty when it can."""
    if amount is None:
        return ""
    if not amount.is_finite() or not 0 <= amount <= HIGHEST_LIMIT or amount % step_of(metric):
        if metric is Metric.MONTHLY_COST_EUR:
            return _("Fill in an amount in euros, such as 250.")
        return _("Fill in a whole number, from 0 on.")
    return ""


def refused(node: Node, actor: Person) -> None:
    """Write down that somebody who does not govern there tried to."""
    record_refusal("quota.limit_refused", node, actor=actor, node_id=node.pk, code=NotAllowed.code)
