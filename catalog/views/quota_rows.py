"""The lines of the page of quotas: what each part has, holds and hands out of one metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db.models import (
    Case,
    F,
    FilteredRelation,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from catalog.amounts import amount_in_words, limit_in_words
from catalog.models import NEARLY_FULL, Metric, Quota
from catalog.services.quota_counts import handed_out_below, reserved_by_node
from portal.identity.models import Node, NodeKind

NOTHING: Final = Decimal(0)
ENDLESS: Final = Value(Decimal("1e15"))  # as an unlimited limit is compared

# What the page can be sorted by; the tree itself is no key.
SORTS: Final = {
    "name": ("name", "pk"),
    "full": ("-fullness", "name", "pk"),
    "used": ("-held", "name", "pk"),
    "free": ("free", "name", "pk"),
    "limit": ("-allowed", "name", "pk"),
}


@dataclass(frozen=True, kw_only=True)
class QuotaRow:
    """One level of the tree for one metric. Without a quota nothing may be ordered there.

    Attributes:
        level: 0 for the topmost shown.
        used: held by what was approved.
        reserved: held by orders that wait.
        limit: None is unlimited.
        handed_out: what the levels directly below may hold together; None is unlimited.
        below: how many levels have a limit directly below it.
    """

    node: Node
    level: int
    metric: Metric
    used: Decimal
    reserved: Decimal
    limit: Decimal | None
    handed_out: Decimal | None = NOTHING
    below: int = 0
    overcommit_allowed: bool = False

    @property
    def claimed(self) -> Decimal:
        return self.used + self.reserved

    @property
    def free(self) -> Decimal | None:
        """Below zero when more is claimed than the limit; None is unlimited."""
        return None if self.limit is None else self.limit - self.claimed

    @property
    def left(self) -> Decimal | None:
        """What the levels below may still get; None is unlimited."""
        if self.limit is None:
            return None
        return NOTHING if self.handed_out is None else max(NOTHING, self.limit - self.handed_out)

    @property
    def over(self) -> Decimal:
        """By how much the limit is passed; zero when it is not."""
        return NOTHING if self.limit is None else max(NOTHING, self.claimed - self.limit)

    @property
    def is_overcommitted(self) -> bool:
        """True when more is handed out than there is."""
        if self.limit is None:
            return False
        return self.handed_out is None or self.handed_out > self.limit

    @property
    def is_organization(self) -> bool:
        return self.node.kind == NodeKind.ORGANIZATION

    @property
    def used_text(self) -> str:
        return self._shown(self.used)

    @property
    def reserved_text(self) -> str:
        return self._shown(self.reserved)

    @property
    def claimed_text(self) -> str:
        """With its unit: it stands in a sentence."""
        return amount_in_words(self.metric, self.claimed)

    @property
    def free_text(self) -> str:
        return limit_in_words(self.metric, self.free, with_unit=False)

    @property
    def limit_text(self) -> str:
        return limit_in_words(self.metric, self.limit, with_unit=False)

    @property
    def plain_limit(self) -> Decimal | None:
        """As it stands in a field: without the places that the database keeps."""
        if self.limit is None:
            return None
        places = Decimal("0.01") if self.metric is Metric.MONTHLY_COST_EUR else Decimal(1)
        return self.limit.quantize(places)

    @property
    def handed_out_text(self) -> str:
        """Empty where there is nobody to hand out to."""
        if not self.below:
            return ""
        return limit_in_words(self.metric, self.handed_out, with_unit=False)

    @property
    def left_to_hand_out(self) -> str:
        """``left`` with its unit; empty where either is unlimited."""
        if self.left is None or self.handed_out is None:
            return ""
        return amount_in_words(self.metric, self.left)

    @property
    def over_text(self) -> str:
        return amount_in_words(self.metric, self.over)

    @property
    def bar_label(self) -> str:
        """What the bar shows, for who does not see it."""
        words = _("{claimed} of {limit} in use or reserved")
        return words.format(claimed=self._shown(self.claimed), limit=self.limit_text)

    def _shown(self, amount: Decimal) -> str:
        return amount_in_words(self.metric, amount, with_unit=False)


def find_nodes(
    nodes: QuerySet[Node], metric: Metric, *, words: str = "", only_full: bool = False, sort: str
) -> QuerySet[Node]:
    """These parts without their tree: with a name, nearly full, in an order of ``SORTS``."""
    found = nodes.annotate(
        own=FilteredRelation("quotas", condition=Q(quotas__metric=metric))
    ).annotate(
        held=Coalesce("own__claimed", NOTHING),
        allowed=Case(
            When(own__limit_now=None, own__id__isnull=False, then=ENDLESS),
            default=Coalesce("own__limit_now", NOTHING),
        ),
    )
    found = found.annotate(
        free=F("allowed") - F("held"),
        fullness=Case(
            When(held=NOTHING, then=Value(NOTHING)),
            When(allowed=NOTHING, then=ENDLESS),
            default=F("held") / F("allowed"),
        ),
    )
    if words:
        found = found.filter(name__icontains=words)
    if only_full:
        found = found.filter(held__gt=0, held__gte=F("allowed") * NEARLY_FULL)
    return found.order_by(*SORTS[sort])


def make_rows(lines: Sequence[tuple[int, Node]], metric: Metric) -> list[QuotaRow]:
    """The counters of these parts. Three queries."""
    pks = [node.pk for _level, node in lines]
    quotas = {quota.node_id: quota for quota in Quota.objects.filter(node__in=pks, metric=metric)}
    reserved = reserved_by_node(pks, metric)
    handed_out = handed_out_below(pks, metric)
    rows = []
    for level, node in lines:
        quota, waiting = quotas.get(node.pk), reserved.get(node.pk, NOTHING)
        given, below = handed_out.get(node.pk, (NOTHING, 0))
        rows.append(
            QuotaRow(
                node=node,
                level=level,
                metric=metric,
                used=quota.claimed - waiting if quota else NOTHING,
                reserved=waiting,
                limit=quota.limit_now if quota else NOTHING,
                handed_out=given,
                below=below,
                overcommit_allowed=quota.overcommit_allowed if quota else False,
            )
        )
    return rows
