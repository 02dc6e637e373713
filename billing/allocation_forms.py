"""What the pages about cost allocation ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from billing.forms import OverviewFilter
from billing.models import AllocationKey
from billing.services.allocations import CODE_LENGTH
from portal.core.formats import DATE_FORMATS
from portal.core.forms import RefusableForm


class AllocationForm(RefusableForm):
    """What costs fall under from a day on."""

    key = forms.ChoiceField(
        label=_("What do you set?"),
        choices=AllocationKey.choices,
        initial=AllocationKey.COST_CENTER,
        widget=forms.RadioSelect,
    )
    value = forms.CharField(
        label=_("Number"),
        required=False,
        help_text=_("Leave this empty to inherit from above again."),
        widget=forms.TextInput(
            attrs={"maxlength": CODE_LENGTH, "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    starts_on = forms.DateField(
        label=_("From"),
        help_text=_("Day-month-year. The first day of this month, or later."),
        initial=localdate,
        input_formats=DATE_FORMATS,
        widget=forms.DateInput(format=DATE_FORMATS[0], attrs={"autocomplete": "off"}),
    )


class CostCenterFilter(OverviewFilter):
    """Which month, part of the tree and tag, and by which key; by default the cost centre."""

    key = forms.ChoiceField(
        label=_("Per"),
        choices=AllocationKey.choices,
        error_messages={"invalid_choice": _("Choose one of these.")},
    )

    def __init__(self, data: Mapping[str, str], **options: Any) -> None:
        default: dict[str, Any] = {"key": AllocationKey.COST_CENTER.value}
        super().__init__({**default, **data}, **options)
