"""What is asked to set several limits at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.limit_files import read_amount
from catalog.limit_forms import UntilField
from catalog.models import LIMIT_REASON_LENGTH, Metric
from catalog.services.governing import find_amount_problem
from catalog.services.limit_plans import PlanLine
from portal.core.forms import RefusableForm
from portal.identity.models import Node

LARGEST_RAISE: Final = 1_000  # percent


class LimitInput(forms.CharField):
    """A limit as people type it; None when it was left empty, ``UNLIMITED`` for the word."""

    def __init__(self, metric: Metric, **options: Any) -> None:
        widget = forms.TextInput(
            attrs={"inputmode": "decimal", "autocomplete": "off", "class": "cl-input-short"}
        )
        super().__init__(required=False, max_length=40, widget=widget, **options)
        self._metric = metric

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            amount = read_amount(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        if problem := find_amount_problem(self._metric, amount):
            raise forms.ValidationError(problem)
        return UNLIMITED if amount is None else amount


UNLIMITED: Final = object()


@dataclass(frozen=True)
class PartFields:
    """The two questions about one part."""

    node: Node
    limit: BoundField
    unlimited: BoundField


class BulkForm(RefusableForm):
    """A new limit for each part, where it is filled in, and until when."""

    until = UntilField()
    percent = forms.IntegerField(
        label=gettext_lazy("Raise all by, in percent"),
        help_text=gettext_lazy("Such as 10. With -10 you lower them."),
        required=False,
        min_value=-100,
        max_value=LARGEST_RAISE,
        widget=forms.TextInput(
            attrs={"inputmode": "numeric", "autocomplete": "off", "class": "cl-input-short"}
        ),
    )

    def __init__(
        self, data: Any = None, *, nodes: Sequence[Node], metric: Metric, **options: Any
    ) -> None:
        super().__init__(data, **options)
        self._nodes = nodes
        self._metric = metric
        self.fields["percent"].error_messages["invalid"] = _("Fill in a whole number.")
        for node in nodes:
            label = _("New limit of {name}").format(name=node.name)
            self.fields[_limit_name(node)] = LimitInput(metric, label=label)
            self.fields[_unlimited_name(node)] = forms.BooleanField(
                label=_("Unlimited: {name}").format(name=node.name), required=False
            )

    def parts(self) -> list[PartFields]:
        return [
            PartFields(node, self[_limit_name(node)], self[_unlimited_name(node)])
            for node in self._nodes
        ]

    def clean(self) -> dict[str, Any]:
        answers = super().clean() or {}
        for node in self._nodes:
            if answers.get(_limit_name(node)) is not None and answers.get(_unlimited_name(node)):
                text = _("Fill in a limit, or choose unlimited; not both.")
                self.add_error(_limit_name(node), text)
        return answers

    def lines(self) -> list[PlanLine]:
        """What was filled in; of a valid form."""
        end = self.cleaned_data["until"]
        return [line for node in self._nodes if (line := self._line(node, end))]

    def _line(self, node: Node, end: datetime | None) -> PlanLine | None:
        limit = self.cleaned_data[_limit_name(node)]
        is_unlimited = self.cleaned_data[_unlimited_name(node)] or limit is UNLIMITED
        if limit is None and not is_unlimited:
            return None
        return PlanLine(
            node=node,
            metric=self._metric,
            amount=None if is_unlimited else limit,
            valid_until=end,
        )


class PlanReasonForm(RefusableForm):
    """Why the limits are set; the same for all of them."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Colleagues read this, and so do auditors."),
        max_length=LIMIT_REASON_LENGTH,
    )


class FileForm(RefusableForm):
    """The file with limits."""

    file = forms.FileField(
        label=gettext_lazy("File with limits"),
        help_text=gettext_lazy("CSV (UTF-8) or XLSX, at most 1 MiB and 2,000 lines."),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.xlsx"}),
    )

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["file"].error_messages["required"] = _("Choose a file.")


def raised(
    limits: Mapping[int, Decimal | None], nodes: Sequence[Node], metric: Metric, percent: int
) -> dict[str, str]:
    """What the fields hold when all limits are so much higher; rounded down.

    Where nothing is limited, or nothing allowed, there is nothing to raise.

    Args:
        limits: what holds now, by primary key of the node.
    """
    step = Decimal("0.01") if metric is Metric.MONTHLY_COST_EUR else Decimal(1)
    return {
        _limit_name(node): format(
            (limit * (100 + percent) / 100).quantize(step, rounding=ROUND_DOWN), "f"
        )
        for node in nodes
        if (limit := limits.get(node.pk))
    }


def _limit_name(node: Node) -> str:
    return f"limit-{node.public_id}"


def _unlimited_name(node: Node) -> str:
    return f"unlimited-{node.public_id}"
