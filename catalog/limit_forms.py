"""What is asked about the limit of one part."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from catalog.horizon import find_far
from catalog.limit_files import read_amount
from catalog.models import LIMIT_REASON_LENGTH
from portal.core.calendar import end_of_day
from portal.core.formats import DATE_FORMATS
from portal.core.forms import RefusableForm


class UntilField(forms.DateField):
    """The last day of a limit, if it has one; cleaned, the moment at which that day ends."""

    def __init__(self) -> None:
        super().__init__(
            label=gettext_lazy("Until and including"),
            help_text=gettext_lazy(
                "Leave it empty if it stays. After that day the limit of before holds again."
            ),
            required=False,
            input_formats=DATE_FORMATS,
            widget=forms.DateInput(format=DATE_FORMATS[0], attrs={"autocomplete": "off"}),
        )

    def clean(self, value: Any) -> datetime | None:
        day: date | None = super().clean(value)
        if day is None:
            return None
        if problem := find_far(day):
            raise forms.ValidationError(problem)
        return end_of_day(day)


class LimitAmountField(forms.DecimalField):
    """A limit as people type it, read as in files.

    Django drops what it takes for a separator of thousands, wherever it stands: “3,5” in English
    would be 35.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            localize=True,
            widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
            **options,
        )

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]  # its parent's
        if value in self.empty_values:
            return None
        try:
            amount = read_amount(str(value))
        except ValueError:
            amount = None
        if amount is None:  # also the word “unlimited”, for which there is a box
            raise forms.ValidationError(gettext_lazy("Fill in a number."), code="invalid")
        return amount


class LimitForm(RefusableForm):
    """A new limit from now on. The services judge the amount."""

    amount = LimitAmountField(label=gettext_lazy("New limit"))
    is_unlimited = forms.BooleanField(label=gettext_lazy("Unlimited"), required=False)
    until = UntilField()
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Colleagues read this, and so do auditors."),
        max_length=LIMIT_REASON_LENGTH,
    )

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        if data and data.get("is_unlimited"):
            self.fields["amount"].required = False

    def limit(self) -> Decimal | None:
        """None is unlimited."""
        amount: Decimal | None = self.cleaned_data["amount"]
        return None if self.cleaned_data["is_unlimited"] else amount

    def ends(self) -> datetime | None:
        """The end of the last day; None is for good."""
        until: datetime | None = self.cleaned_data["until"]
        return until
