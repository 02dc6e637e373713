"""What every form of the portal can do."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from portal.core.amounts import read_amount
from portal.core.errors import DomainError, InvalidInput


class EuroField(forms.DecimalField):
    """Euros in whole cents, as people type them.

    Django drops what it takes for a separator of thousands, wherever it stands: “3,5” in English
    would be 35 euros.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            decimal_places=2,
            localize=True,
            widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
            **options,
        )

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]  # its parent's
        if value in self.empty_values:
            return None
        try:
            return read_amount(str(value), places=2)
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from error


class RefusableForm(forms.Form):
    """A form that shows what a service said about its answers, in our own words."""

    use_required_attribute = False

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        for item in self.fields.values():
            is_choice = isinstance(item, forms.ChoiceField)
            words = _("Choose one of these.") if is_choice else _("Fill this in.")
            item.error_messages["required"] = words
            item.error_messages["invalid_choice"] = words
            if isinstance(item, forms.DateField):
                item.error_messages["invalid"] = _("Fill in a date as 31-12-2026.")

    def typed(self, name: str) -> str:
        """What was typed in a field, right or not: a service says what is wrong with it."""
        self.is_valid()  # so that the form has room for that
        return str(self.data.get(name, ""))

    def show(self, refusal: DomainError) -> None:
        """Put the refusal at the fields that it is about, or above the form."""
        if isinstance(refusal, InvalidInput):
            messages = refusal.errors
        else:
            messages = {refusal.field or "": [str(refusal)]}
        for name, texts in messages.items():
            for text in texts:
                self.add_error(name if name in self.fields else None, text)
