"""What is filled in so far of an order: what the price depends on, right or not yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.kinds import get_kind
from catalog.kinds.parameters import Parameter, clean_spec
from catalog.models import OfferingVersion
from catalog.services.order_lines import check_end_date
from catalog.services.sources import find_sources
from portal.core.errors import InvalidInput
from portal.core.formats import DATE_FORMATS
from portal.identity.models import Project


class TermField(forms.DateField):
    """Until when something is needed; what a version does not bound may be left open."""

    def __init__(self, version: OfferingVersion) -> None:
        super().__init__(
            label=_("Needed up to and including"),
            required=version.maximum_term_days is not None,
            input_formats=DATE_FORMATS,
            error_messages={
                "required": _("Fill this in."),
                "invalid": _("Fill in a date as 31-12-2026."),
            },
            widget=forms.DateInput(format=DATE_FORMATS[0], attrs={"autocomplete": "off"}),
        )


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a form says so far, as far as the price depends on it.

    ``problems``: what is missing or wrong, in words; then ``spec`` or ``project`` may be None, and
    ``answers`` has what is right already.
    """

    project: Project | None
    spec: dict[str, Any] | None
    end_date: date | None
    problems: list[str]
    answers: Mapping[str, Any]


def read_draft(
    version: OfferingVersion,
    parameters: Sequence[Parameter],
    project: Project | None,
    typed: Mapping[str, Any],
) -> Draft:
    """What can be read now from what was typed, by the names of the fields of the form.

    One query where an answer names what runs in the project, else none.
    """
    problems: list[str] = []
    spec: dict[str, Any] | None = None
    answers: dict[str, Any] = {}
    raw = {item.name: typed.get(item.name) for item in parameters}
    try:
        spec = _settled(version, project, parameters, clean_spec(parameters, raw))
    except InvalidInput as error:
        labels = {item.name: item.label for item in parameters}
        problems += [_problem(labels[name], texts) for name, texts in error.errors.items()]
        right = [item for item in parameters if item.name not in error.errors]
        answers = clean_spec(right, {item.name: raw[item.name] for item in right})
    if project is None:
        problems.append(gettext("Choose one of your projects."))
    end_date, wrong = _read_term(version, typed.get("end_date"))
    return Draft(
        project=project, spec=spec, end_date=end_date, problems=problems + wrong, answers=answers
    )


def _settled(
    version: OfferingVersion,
    project: Project | None,
    parameters: Sequence[Parameter],
    spec: dict[str, Any],
) -> dict[str, Any]:
    """With what follows from what runs in the chosen project."""
    sources = find_sources(parameters, spec, project, version.cloud) if project else {}
    return get_kind(version.offering.kind).settle(version, spec, sources)


def _read_term(version: OfferingVersion, typed: object) -> tuple[date | None, list[str]]:
    """The last day, and what is wrong with it."""
    field = TermField(version)
    try:
        end_date: date | None = field.clean(typed)
        check_end_date(version, end_date)
    except InvalidInput as error:
        return None, [_problem(field.label, texts) for texts in error.errors.values()]
    except ValidationError as invalid:
        return None, [_problem(field.label, invalid.messages)]
    return end_date, []


def _problem(label: object, texts: Sequence[str]) -> str:
    return f"{label}: {' '.join(texts)}"
