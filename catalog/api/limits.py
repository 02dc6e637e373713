"""Setting limits: one or several, all or none, or only looking what that would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers

from catalog.api.serializers import NodeOutput, Output
from catalog.models import LIMIT_REASON_LENGTH, Metric
from catalog.quota_policies import nodes_to_limit
from catalog.services.governing import refused
from catalog.services.limit_plans import MOST_LINES, PlanLine, Preview, apply_plan, preview_limits
from portal.core.api import (
    AmountField,
    Input,
    MomentField,
    PublicIdField,
    TextField,
    TruthField,
)
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.access import reached_nodes
from portal.identity.models import Person

LIMITS_EXAMPLE: Final = OpenApiExample(
    "Look at a temporary limit",
    value={
        "limits": [
            {
                "node": "5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01",
                "metric": "vcpus",
                "amount": "40",
                "valid_until": "2026-12-31T23:00:00Z",
            }
        ],
        "reason": "Migration of the case system",
        "dry_run": True,
    },
    request_only=True,
)


class RefusedLines(InvalidInput):
    """What is wrong with limits, by the number of their line."""

    code = "limits_refused"


class LimitInput(Input):
    """A limit of one part."""

    node = PublicIdField(help_text="An organization or project of which you set the limits.")
    metric = serializers.ChoiceField(choices=Metric.choices)
    amount = AmountField(allow_null=True, help_text="null is explicitly no limit.")
    valid_from = MomentField(required=False, allow_null=True, help_text="Left out: at once.")
    valid_until = MomentField(
        required=False,
        allow_null=True,
        help_text="Left out: it stays, and replaces what was planned. Otherwise what held for "
        "after that moment holds again from then on.",
    )


class LimitsInput(Input):
    """Limits to set, all or none."""

    limits = LimitInput(many=True, allow_empty=False, max_length=MOST_LINES)  # type: ignore[call-arg]  # of the list that ``many`` makes
    reason = TextField(max_length=LIMIT_REASON_LENGTH, help_text="The same for all of them.")
    dry_run = TruthField(required=False, default=False, help_text="Only look; nothing is set.")


class UndoneOutput(Output):
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True, help_text="null: for good.")
    limit = AmountField(allow_null=True)


class LimitEffectOutput(Output):
    """What a line does. ``before``, ``amount`` and ``free`` are null where there is no limit."""

    node = NodeOutput(source="line.node")
    metric = serializers.ChoiceField(source="line.metric", choices=Metric.choices)
    before = AmountField(allow_null=True, help_text="The limit at the beginning of its period.")
    amount = AmountField(source="line.amount", allow_null=True)
    claimed = AmountField()
    free = AmountField(allow_null=True, help_text="Below zero: new orders are blocked.")
    changes_something = serializers.BooleanField(source="is_new")
    undone = UndoneOutput(
        many=True,
        help_text="What was to follow in its period, as a limit ends by itself or another one is "
        "planned, and no longer does.",
    )


class LimitsOutput(Output):
    is_set = serializers.BooleanField(help_text="false: it was a dry run, or nothing changes.")
    effects = LimitEffectOutput(many=True)


def set_limits(asked: dict[str, Any], *, actor: Person) -> dict[str, Any]:
    """Set them, or only look.

    Raises:
        RefusedLines: something is wrong with a line.
        NotAllowed: the actor does not set the limits of a part.
        as ``governing.change_limits``.
    """
    lines = _lines(asked["limits"], actor)
    _check_rights(lines, actor)
    preview = preview_limits(lines, actor=actor)
    _check(preview)
    is_set = bool(preview.lines_to_set) and not asked["dry_run"]
    if is_set:
        apply_plan(preview.lines_to_set, seen=preview.seen, reason=asked["reason"], actor=actor)
    return {"is_set": is_set, "effects": preview.effects}


def _lines(limits: Sequence[dict[str, Any]], actor: Person) -> list[PlanLine]:
    reached = reached_nodes(actor).filter(
        public_id__in={limit["node"] for limit in limits}, ended_at=None
    )
    nodes = {node.public_id: node for node in reached}
    unknown = {
        f"limits.{number}.node": [_("There is no such part, or you do not see it.")]
        for number, limit in enumerate(limits, start=1)
        if limit["node"] not in nodes
    }
    if unknown:
        raise RefusedLines(unknown)
    return [
        PlanLine(
            node=nodes[limit["node"]],
            metric=Metric(limit["metric"]),
            amount=limit["amount"],
            valid_from=limit.get("valid_from"),
            valid_until=limit.get("valid_until"),
            number=number,
        )
        for number, limit in enumerate(limits, start=1)
    ]


def _check_rights(lines: Sequence[PlanLine], actor: Person) -> None:
    pks = {line.node.pk for line in lines}
    allowed = set(nodes_to_limit(actor).filter(pk__in=pks).values_list("pk", flat=True))
    denied = [line.node for line in lines if line.node.pk not in allowed]
    if denied:
        refused(denied[0], actor)
        raise NotAllowed()


def _check(preview: Preview) -> None:
    problems = {
        f"limits.{effect.line.number}": effect.problems
        for effect in preview.effects
        if effect.problems
    }
    if problems:
        raise RefusedLines(problems)
