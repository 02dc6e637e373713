"""What the template of a form field needs to know, worked out from any bound field of Django."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.safestring import SafeString

from portal.core.choices import ChoiceCard


@dataclass(frozen=True)
class Option:
    """One radio button or checkbox of a group."""

    input_type: str
    name: str
    value: str
    input_id: str
    is_checked: bool
    is_disabled: bool
    card: ChoiceCard


class FieldView:
    """A bound field as ``components/field.html`` draws it.

    Args:
        unit: shown behind the control, such as GiB.
        hint_first: put the hint above the control, because it helps to answer. A hint about
            format stands below it.
    """

    def __init__(self, bound: BoundField, *, unit: str = "", hint_first: bool = False) -> None:
        self.bound = bound
        self.unit = unit
        self.hint_first = hint_first

    @property
    def widget(self) -> forms.Widget:
        widget: forms.Widget = self.bound.field.widget
        return widget

    @property
    def shape(self) -> str:
        """``group`` (radio, checkboxes), ``checkbox``, ``hidden`` or ``single``."""
        if self.widget.is_hidden:
            return "hidden"
        if isinstance(self.widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
            return "group"
        return "checkbox" if isinstance(self.widget, forms.CheckboxInput) else "single"

    @property
    def hint_id(self) -> str:
        return f"{self.bound.auto_id}_helptext"

    @property
    def error_id(self) -> str:
        return f"{self.bound.auto_id}_error"

    @property
    def described_by(self) -> str:
        """The ids of error and hint, the error first because it matters most."""
        error = self.error_id if self.bound.errors else ""
        hint = self.hint_id if self.bound.help_text else ""
        return f"{error} {hint}".strip()

    @cached_property
    def control(self) -> SafeString:
        """The input element itself, with the classes of the design system."""
        attributes: dict[str, str | bool] = {"class": self._css_classes()}
        if self.described_by:
            attributes["aria-describedby"] = self.described_by
        return self.bound.as_widget(attrs=attributes)

    def _css_classes(self) -> str:
        if isinstance(self.widget, forms.Select):
            base = "utrecht-select utrecht-select--html-select"
        elif isinstance(self.widget, forms.Textarea):
            base = "utrecht-textarea utrecht-textarea--html-textarea"
        else:
            base = "utrecht-textbox utrecht-textbox--html-input"
        invalid = f" {base.split()[0]}--invalid" if self.bound.errors else ""
        own = self.widget.attrs.get("class", "")
        return f"{base}{invalid} {own}".strip()

    @cached_property
    def options(self) -> list[Option]:
        """The options of a group; a plain label becomes a card with only a title."""
        return [self._option(choice.data) for choice in self.bound]

    def _option(self, data: dict[str, Any]) -> Option:
        label = data["label"]
        card = label if isinstance(label, ChoiceCard) else ChoiceCard(label)
        return Option(
            input_type=data["type"],
            name=data["name"],
            value=str(data["value"]),
            input_id=data["attrs"]["id"],
            is_checked=bool(data["selected"]),
            is_disabled=bool(card.refusal or data["attrs"].get("disabled")),
            card=card,
        )

    @property
    def checkbox(self) -> Option:
        """The one option of a yes-or-no question. Its label may be a ``ChoiceCard``."""
        label = self.bound.field.label
        card = label if isinstance(label, ChoiceCard) else ChoiceCard(self.bound.label)
        return Option(
            input_type="checkbox",
            name=self.bound.html_name,
            value="on",
            input_id=self.bound.id_for_label,
            is_checked=bool(self.bound.value()),
            is_disabled=bool(card.refusal or self.bound.field.disabled),
            card=card,
        )

    @property
    def first_input_id(self) -> str:
        """Where a link from the list of errors leads."""
        return self.options[0].input_id if self.shape == "group" and self.options else self._id

    @property
    def _id(self) -> str:
        return self.bound.id_for_label or self.bound.auto_id


@dataclass(frozen=True)
class FormError:
    """A line in the list above a form. Without ``label`` it is about the form as a whole."""

    message: str
    label: str = ""
    input_id: str = ""


def list_errors(form_list: Iterable[forms.BaseForm]) -> Iterator[FormError]:
    """Yield what is wrong with the forms of a page, in the order in which a person meets it."""
    for form in form_list:
        for message in form.non_field_errors():
            yield FormError(str(message))
        for bound in form:
            view = FieldView(bound)
            for message in bound.errors:
                if view.shape == "hidden":  # nothing to fill in there, so nowhere to lead
                    yield FormError(str(message))
                else:
                    yield FormError(str(message), str(bound.label), view.first_input_id)
