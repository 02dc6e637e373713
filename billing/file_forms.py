"""What is asked about files by the clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.models import FileKind, FileRhythm
from portal.core.forms import RefusableForm
from portal.identity.models import Node

KEPT: Final = (
    (7, _("a week")),
    (31, _("a month")),
    (92, _("three months")),
    (366, _("a year")),
    (2557, _("seven years")),
)
USUALLY_KEPT: Final = 92


class FileScheduleForm(RefusableForm):
    """Which file, of which organization, when, and for how long."""

    organization = forms.ChoiceField(
        label=_("Organisation"), help_text=_("With everything below it.")
    )
    kind = forms.ChoiceField(label=_("File"), choices=FileKind.choices)
    rhythm = forms.ChoiceField(
        label=_("When"),
        choices=FileRhythm.choices,
        widget=forms.RadioSelect,
        initial=FileRhythm.CLOSING,
    )
    kept_days = forms.TypedChoiceField(
        label=_("Keep each file"), choices=KEPT, coerce=int, initial=USUALLY_KEPT
    )

    def __init__(self, data: Any = None, *, organizations: Sequence[Node], **options: Any) -> None:
        super().__init__(data, **options)
        self.fields["organization"].choices = [  # type: ignore[attr-defined]  # a choice field
            (str(node.public_id), node.name) for node in organizations
        ]
