"""What is asked about a budget."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dates import MONTHS
from django.utils.translation import gettext_lazy as _

from billing.models import Budget
from billing.models.budget import REASON_LENGTH, USUAL_ALERTS
from billing.services.budget_changes import HIGHEST_AMOUNT, BudgetSays
from portal.core.forms import EuroField, RefusableForm
from portal.identity.models import Node

_PERCENTAGE: Final = re.compile(r"[0-9]{1,3}")


class PercentagesField(forms.CharField):
    """Whole percentages with commas or spaces between them; nothing is none."""

    def to_python(self, value: Any) -> list[int]:  # type: ignore[override]  # numbers, not text
        words = re.split(r"[\s,;%]+", super().to_python(value) or "")
        numbers = [word for word in words if word]
        if not all(_PERCENTAGE.fullmatch(word) for word in numbers):
            raise ValidationError(_("Give whole percentages, as 80, 100."), code="invalid")
        return [int(word) for word in numbers]

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(str(one) for one in value) if isinstance(value, list) else value


class BudgetForm(RefusableForm):
    """A budget of one year, and of each of its months if they differ.

    ``seen``: what stood there when the form was made.
    """

    amount = EuroField(
        min_value=0,
        max_value=HIGHEST_AMOUNT,
        label=_("Budget for the whole year"),
        help_text=_("Without VAT."),
    )
    alert_percentages = PercentagesField(
        label=_("Tell people at"),
        help_text=_(
            "Per cent of the budget, of what was used and of what is expected. Finance and the "
            "budget holders get an e-mail, once for each."
        ),
        required=False,
        initial=list(USUAL_ALERTS),
    )
    is_hard_stop = forms.BooleanField(
        label=_("Refuse orders that do not fit"),
        help_text=_("Here and in everything below it. Otherwise the budget holder decides."),
        required=False,
    )
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Colleagues read this, and so do auditors."),
        max_length=REASON_LENGTH,
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        for number, name in MONTHS.items():
            self.fields[f"month_{number}"] = EuroField(
                min_value=0, max_value=HIGHEST_AMOUNT, label=_capitalized(str(name)), required=False
            )

    @property
    def months(self) -> list[forms.BoundField]:
        return [self[f"month_{number}"] for number in MONTHS]

    @property
    def has_months(self) -> bool:
        """Whether any month has something in it, right or wrong."""
        return any(month.value() not in (None, "") or month.errors for month in self.months)

    def says(self) -> BudgetSays:
        """What was filled in; of a valid form. Months that are all empty are equal parts."""
        cleaned = self.cleaned_data
        months = [cleaned[f"month_{number}"] for number in MONTHS]
        given = [amount for amount in months if amount is not None]
        return BudgetSays(
            amount=cleaned["amount"],
            month_amounts=given or None,
            alert_percentages=cleaned["alert_percentages"],
            is_hard_stop=cleaned["is_hard_stop"],
        )


class EndForm(RefusableForm):
    """Why there is to be no budget any more."""

    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("Colleagues read this, and so do auditors."),
        max_length=REASON_LENGTH,
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, auto_id="end_%s", **options)  # it stands on one page with the other


class YearForm(forms.Form):
    """Of which year the budgets are shown."""

    year = forms.TypedChoiceField(
        label=_("Year"),
        coerce=int,
        error_messages={"invalid_choice": _("Choose one of these years.")},
    )

    def __init__(self, data: Any, *, years: Sequence[int], running: int) -> None:
        super().__init__({"year": running, **data})
        self.fields["year"].choices = [(year, str(year)) for year in years]  # type: ignore[attr-defined]  # a choice field


class PartForm(forms.Form):
    """Which part gets a budget, and for which year."""

    node = forms.ChoiceField(label=_("Part"))
    year = forms.TypedChoiceField(label=_("Year"), coerce=int)

    def __init__(
        self, data: Any = None, *, nodes: Sequence[Node], years: Sequence[int], **options: Any
    ) -> None:
        super().__init__(data, **options)
        self.fields["node"].choices = [(str(node.public_id), node.name) for node in nodes]  # type: ignore[attr-defined]  # a choice field
        self.fields["year"].choices = [(year, str(year)) for year in years]  # type: ignore[attr-defined]  # a choice field


def answers_of(budget: Budget) -> dict[str, Any]:
    """What a form about it begins with."""
    months: Sequence[Decimal | None] = budget.month_amounts or [None] * len(MONTHS)
    return {
        "amount": budget.amount,
        "alert_percentages": list(budget.alert_percentages),
        "is_hard_stop": budget.is_hard_stop,
        **{f"month_{number}": amount for number, amount in enumerate(months, start=1)},
    }


def _capitalized(name: str) -> str:
    return name[:1].upper() + name[1:]
