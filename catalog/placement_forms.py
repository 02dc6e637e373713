"""What is asked about the data of a project."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, cast

from django import forms
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from catalog.models.workload import OUTAGES_HOURS
from catalog.placement_words import (
    BaseRegister,
    PersonalData,
    Rubricering,
    Score,
    choices_of,
)
from catalog.services.placement import Answers
from portal.core.formats import DATE_FORMATS
from portal.core.forms import RefusableForm
from portal.identity.models import Project

_NOT_KNOWN: Final = _("I do not know yet")
_YES_OR_NO: Final = (("yes", _("Yes")), ("no", _("No")))
_A_ROW: Final = 3  # of that many answers all stand beside each other, with not knowing
_HOURS_A_DAY: Final = 24
_USUAL_REVIEW: Final = timedelta(days=365)


class Question(forms.TypedChoiceField):
    """One answer out of some. Not knowing is one of them, so no question is optional.

    ``columns``: how many stand beside each other on a wide screen; None: as many as short ones
    fit. ``unknown``: what not knowing is called.
    """

    widget = forms.RadioSelect

    def __init__(
        self,
        label: Any,
        choices: Sequence[tuple[str, Any]],
        coerce: Callable[[str], Any],
        help_text: Any = "",
        unknown: Any = _NOT_KNOWN,
        columns: int | None = None,
    ) -> None:
        super().__init__(
            label=label,
            help_text=help_text,
            choices=[*choices, ("", unknown)],
            coerce=coerce,
            empty_value=None,
        )
        self.columns = columns or (4 if len(choices) == _A_ROW else 3)

    def validate(self, value: Any) -> None:
        """Nothing chosen is not known either."""
        if value not in self.empty_values:
            super().validate(value)


def yes_or_no(label: Any, help_text: Any = "") -> Question:
    """Yes, no, or not known: None."""
    return Question(label, _YES_OR_NO, lambda answer: answer == "yes", help_text)


def one_of_words(label: Any, words: type[StrEnum], help_text: Any = "") -> Question:
    """One of these words, or not known: None."""
    return Question(label, choices_of(words), words, help_text)


def _outage(hours: int) -> Any:
    days, rest = divmod(hours, _HOURS_A_DAY)
    if rest:
        return ngettext_lazy("%d hour", "%d hours", hours) % hours
    return ngettext_lazy("%d day", "%d days", days) % days


@dataclass(frozen=True)
class Section:
    """Questions about one subject."""

    title: str | Promise
    questions: list[forms.BoundField]


_SECTIONS: Final[Sequence[tuple[Promise, Sequence[str]]]] = (
    (
        _("Your application"),
        (
            *("is_core_task", "personal_data", "has_special_data"),
            *("base_register", "is_workplace", "is_vital"),
        ),
    ),
    (
        _("When things go wrong"),
        ("availability", "integrity", "confidentiality", "longest_outage_hours"),
    ),
    (_("What was decided"), ("rubricering", "review_on")),
)


class WorkloadForm(RefusableForm):
    """The questions about the data of a project; each but the last may be left open."""

    is_core_task = yes_or_no(
        _("Is it about a core task of your organisation?"),
        _("Such as permits, supervision or benefits."),
    )
    personal_data = one_of_words(_("Do you process personal data?"), PersonalData)
    has_special_data = yes_or_no(
        _("Are there special personal data among them?"),
        _("About health, religion, race, politics, a criminal record or biometrics."),
    )
    base_register = one_of_words(_("Is it a base register, or the source of one?"), BaseRegister)
    is_workplace = yes_or_no(_("Is it mail, documents, storage of files or a workplace?"))
    is_vital = yes_or_no(
        _("Is your organisation vital, or essential by law?"),
        _("By the Cyberbeveiligingswet or the Wet weerbaarheid kritieke entiteiten."),
    )
    availability = one_of_words(
        _("How bad is it when the service stands still for a day?"),
        Score,
        _(
            "Look at five interests: the democratic order, relations with other countries, safety, "
            "sensitive policy and reliable service. The highest counts."
        ),
    )
    integrity = one_of_words(_("How bad is it when data is wrong?"), Score)
    confidentiality = one_of_words(_("How bad is it when data gets out?"), Score)
    longest_outage_hours = Question(
        _("For how long may it stand still?"),
        [(str(hours), _outage(hours)) for hours in OUTAGES_HOURS],
        int,
    )
    rubricering = one_of_words(
        _("Marking (rubricering)"),
        Rubricering,
        _("Decided on by your department. It is never chosen for you here."),
    )
    review_on = forms.DateField(
        label=_("When do you look at this again?"),
        help_text=_("Day-month-year, within a year from now."),
        initial=lambda: localdate() + _USUAL_REVIEW,
        input_formats=DATE_FORMATS,
        widget=forms.DateInput(format=DATE_FORMATS[0], attrs={"autocomplete": "off"}),
    )

    @property
    def sections(self) -> list[Section]:
        """The questions, by subject."""
        return [
            Section(title, [self[name] for name in names if name in self.fields])
            for title, names in _SECTIONS
        ]

    def answers(self) -> Answers:
        """What was filled in; of a valid form."""
        return Answers(**self.cleaned_data)


_NOT_TRIED: Final = ("longest_outage_hours", "review_on")  # decides nothing, or is today


class WhatIfForm(WorkloadForm):
    """The questions that decide where data may stand, about a project or about nothing yet."""

    project = forms.ModelChoiceField(
        label=_("For project"),
        queryset=Project.objects.none(),
        to_field_name="public_id",
        required=False,
        empty_label=_("No project"),
        help_text=_("Then its evidence counts, and you see what is offered to it."),
    )

    def __init__(self, projects: QuerySet[Project], data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        for name in _NOT_TRIED:
            del self.fields[name]
        cast("forms.ModelChoiceField[Project]", self.fields["project"]).queryset = projects

    def answers(self) -> Answers:
        """What was filled in, as looked at today; of a valid form."""
        facts = {name: value for name, value in self.cleaned_data.items() if name != "project"}
        return Answers(**facts, review_on=localdate())


def as_tried(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What the page of the questions shows of answers that were tried: each, or none at all."""
    return {name: sent.get(name, "") for name in WorkloadForm.base_fields if name not in _NOT_TRIED}


def initial_of(answers: Answers) -> dict[str, Any]:
    """What the form shows of answers that were given; the day of the next look is chosen anew."""
    found = {name: _as_choice(value) for name, value in vars(answers).items()}
    del found["review_on"]
    return found


def _as_choice(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
