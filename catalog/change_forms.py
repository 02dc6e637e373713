"""What the page of a change asks: what may be otherwise, as it is now. The services judge it."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import Any
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.forms import WIDE, Block, Effects, ParameterField, Section
from catalog.models import Resource
from catalog.services.changes import Wanted, changeable_parameters, check_new_end_date
from portal.core.errors import InvalidInput
from portal.core.formats import DATE_FORMATS
from portal.core.forms import RefusableForm


class PurposeField(forms.CharField):
    """Asked for; whether it may be left out depends on what changes, and the service says so."""

    def validate(self, value: Any) -> None:
        """Accept it empty."""


class ChangeForm(RefusableForm):
    """The questions that a resource may have answered otherwise, and its end date."""

    idempotency_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    end_date = forms.DateField(
        label=_("Needed up to and including"),
        help_text=_("Day-month-year, for example 31-12-2026."),
        required=False,
        input_formats=DATE_FORMATS,
        widget=forms.DateInput(format=DATE_FORMATS[0], attrs={"autocomplete": "off"}),
    )
    purpose = PurposeField(
        label=_("Purpose"),
        help_text=_("One sentence is enough. The budget holder reads this."),
        strip=False,
    )

    def __init__(self, data: Any = None, *, resource: Resource, **options: Any) -> None:
        super().__init__(data, **options)
        self._resource = resource
        self.parameters = changeable_parameters(resource)
        for parameter in self.parameters:
            item = ParameterField(parameter)
            item.initial = resource.spec[parameter.name]
            item.error_messages["required"] = _("Fill this in.")
            self.fields[parameter.name] = item
        self.fields["end_date"].initial = resource.end_date

    def draw_cards(self, effects: Effects) -> None:
        """Show on each card what the option costs."""
        for item in self.fields.values():
            if isinstance(item, ParameterField) and item.has_cards:
                item.draw_cards(effects)

    def sections(self) -> list[Section]:
        """The questions as the page shows them."""
        sections = []
        for title, parameters in groupby(self.parameters, lambda item: str(item.section)):
            blocks = [Block([self[item.name]], is_wide=item.widget in WIDE) for item in parameters]
            sections.append(Section(title, blocks))
        term = Section(gettext("Term"), [Block([self["end_date"]], is_wide=False)])
        why = Section(gettext("Why"), [Block([self["purpose"]], is_wide=True)])
        return [*sections, term, why]

    def clean_end_date(self) -> date | None:
        end_date: date | None = self.cleaned_data["end_date"]
        try:
            check_new_end_date(self._resource, end_date)
        except InvalidInput as error:
            raise ValidationError(error.errors["end_date"]) from error
        return end_date

    def answers(self) -> dict[str, Any]:
        """The answers to the questions of the kind; of a valid form."""
        return {item.name: self.cleaned_data[item.name] for item in self.parameters}

    def wanted(self) -> Wanted:
        """How the resource would become; of a valid form."""
        spec = {**self._resource.spec, **self.answers()}
        return Wanted(spec=spec, end_date=self.cleaned_data["end_date"])
