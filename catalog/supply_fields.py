"""Kinds of questions about a place where data can stand."""

from __future__ import annotations

from typing import Any

from django import forms

from portal.core.formats import DATE_FORMATS


class _Later:
    """Kept empty in a draft, but no assessment is proposed without it: so it is not optional."""

    empty_values: Any

    def validate(self, value: Any) -> None:
        if value not in self.empty_values:
            super().validate(value)  # type: ignore[misc]  # the field beside it


class LaterText(_Later, forms.CharField):
    """A text that is filled in before it is proposed."""


class LaterDay(_Later, forms.DateField):
    """A day that is filled in before it is proposed."""


def lines_field(
    label: Any, help_text: Any, rows: int = 4, field: type[forms.CharField] = forms.CharField
) -> forms.CharField:
    """A list that is typed as lines; see ``supply_lines``."""
    attributes = {"rows": rows, "spellcheck": "false", "autocomplete": "off"}
    return field(
        label=label,
        help_text=help_text,
        required=field is LaterText,
        widget=forms.Textarea(attrs=attributes),
    )


def day_field(
    label: Any, help_text: Any = "", field: type[forms.DateField] = forms.DateField
) -> forms.DateField:
    """A day, typed as people write it."""
    return field(
        label=label,
        help_text=help_text,
        required=field is LaterDay,
        input_formats=DATE_FORMATS,
        widget=forms.DateInput(format=DATE_FORMATS[0], attrs={"autocomplete": "off"}),
    )
