"""What the page of a difference asks. The services judge the answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from catalog.models.difference import REASON_LENGTH
from portal.core.calendar import day_of
from portal.core.formats import DATE_FORMATS
from portal.core.forms import RefusableForm

USUAL_IGNORING: Final = timedelta(days=14)


def _reason(label: Any, hint: Any, *, prefix: str) -> forms.CharField:
    attributes = {"rows": 2, "maxlength": REASON_LENGTH, "id": f"id_{prefix}_reason"}
    return forms.CharField(label=label, help_text=hint, widget=forms.Textarea(attrs=attributes))


class IgnoreForm(RefusableForm):
    """Until when a difference is left alone, and why."""

    until = forms.DateField(
        label=_("Until and including"),
        help_text=_("Day-month-year, for example 31-12-2026. At most 90 days away."),
        input_formats=DATE_FORMATS,
        widget=forms.DateInput(format=DATE_FORMATS[0], attrs={"autocomplete": "off"}),
    )
    reason = _reason(_("Reason"), _("Colleagues read this, and so do auditors."), prefix="ignore")

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["until"].initial = day_of(now()) + USUAL_IGNORING


class RepairForm(RefusableForm):
    """Why a repair that changes money is right."""

    reason = _reason(_("Reason"), _("The second operator reads this."), prefix="repair")


class DecisionForm(RefusableForm):
    """Why a repair is not right."""

    reason = _reason(_("Reason"), _("Only needed when you refuse."), prefix="decision")

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["reason"].required = False
