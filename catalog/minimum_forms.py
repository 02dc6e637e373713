"""What is asked about the lowest SEAL that is enough. The service judges the answers."""

from __future__ import annotations

from typing import Final

from django import forms
from django.utils.translation import gettext_lazy as _

from catalog.models.supply import HIGHEST_SEAL
from catalog.placement_words import Objective, choices_of
from catalog.services.placement.minimums import LEVELS
from portal.core.forms import RefusableForm

_CHOOSE: Final = ("", _("Make a choice"))
_OTHERS: Final = "others"


class MinimumForm(RefusableForm):
    """Another lowest SEAL for data of one protection level."""

    protection_level = forms.TypedChoiceField(
        label=_("For data with TBB"),
        help_text=_("1 is the highest interest."),
        choices=[_CHOOSE, *((level, str(level)) for level in LEVELS)],
        coerce=int,
    )
    objective = forms.TypedChoiceField(
        label=_("In which objective"),
        choices=[
            _CHOOSE,
            (_OTHERS, _("All that have no level of their own")),
            *choices_of(Objective),
        ],
        coerce=lambda word: None if word == _OTHERS else Objective(word),
    )
    seal = forms.TypedChoiceField(
        label=_("At least"),
        choices=[_CHOOSE, *((seal, f"SEAL-{seal}") for seal in range(HIGHEST_SEAL + 1))],
        coerce=int,
    )
