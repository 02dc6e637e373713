"""What somebody fills in about a test of an exit plan."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.models import SCENARIOS, STEP_EVIDENCE_LENGTH
from portal.core.forms import RefusableForm


class ExitTestForm(RefusableForm):
    """Which test is begun."""

    scenario = forms.ChoiceField(
        label=_("What do you test?"), choices=SCENARIOS, widget=forms.RadioSelect
    )


class ExitStepForm(RefusableForm):
    """What shows that a step was done."""

    evidence = forms.CharField(
        label=_("What shows that it was done"),
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": STEP_EVIDENCE_LENGTH}),
    )
