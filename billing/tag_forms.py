"""What the pages about tags ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from billing.forms import CostFilter
from billing.models import TAG_LENGTH, TagKey
from billing.services.tag_keys import MOST_VALUES
from portal.core.calendar import Period
from portal.core.formats import DATE_FORMATS
from portal.core.forms import RefusableForm
from portal.identity.models import Node

_PLAIN = {"maxlength": TAG_LENGTH, "autocomplete": "off", "spellcheck": "false"}
_MOST_TYPED = MOST_VALUES * (TAG_LENGTH + 2)


class TagForm(RefusableForm):
    """Which value a key has from a day on."""

    key = forms.ChoiceField(label=_("Tag"))
    value = forms.CharField(
        label=_("Value"),
        required=False,
        help_text=_("Leave this empty to inherit from above again."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    starts_on = forms.DateField(
        label=_("From"),
        help_text=_("Day-month-year. The first day of this month, or later."),
        initial=localdate,
        input_formats=DATE_FORMATS,
        widget=forms.DateInput(format=DATE_FORMATS[0], attrs={"autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, keys: Sequence[str], **options: Any) -> None:
        super().__init__(data, **options)
        choices = [(key, key) for key in keys]
        self.fields["key"].choices = choices  # type: ignore[attr-defined]  # it is a ChoiceField


class TagKeyForm(RefusableForm):
    """A key, and what it allows."""

    name = forms.CharField(
        label=_("Name of the tag"),
        help_text=_("Small letters, digits, _ and -. For example: environment."),
        widget=forms.TextInput(attrs=_PLAIN),
    )
    allowed_values = forms.CharField(
        label=_("Values to choose from"),
        required=False,
        help_text=_("One on each line. Leave this empty to allow every value."),
        max_length=_MOST_TYPED,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
    )
    is_required = forms.BooleanField(
        label=_("Required"),
        required=False,
        help_text=_("What has no value is shown as not yet tagged."),
    )

    def values(self) -> list[str]:
        """What was filled in, line by line."""
        lines = self.cleaned_data["allowed_values"].splitlines()
        return [line for line in lines if line.strip()]

    @classmethod
    def to_change(cls, key: TagKey) -> TagKeyForm:
        """The form as the key is now."""
        known = {
            "name": key.name,
            "allowed_values": "\n".join(key.allowed_values),
            "is_required": key.is_required,
        }
        return cls(initial=known)


class TagCostFilter(CostFilter):
    """Which month, which part of the tree, and by which tag; the first one that there is."""

    key = forms.ChoiceField(
        label=_("Per"), error_messages={"invalid_choice": _("Choose one of these.")}
    )

    def __init__(
        self,
        data: Mapping[str, str],
        *,
        months: Sequence[Period],
        nodes: Sequence[Node],
        keys: Sequence[str],
    ) -> None:
        default: dict[str, Any] = {"key": keys[0]} if keys else {}
        super().__init__({**default, **data}, months=months, nodes=nodes)
        choices = [(key, key) for key in keys]
        self.fields["key"].choices = choices  # type: ignore[attr-defined]  # it is a ChoiceField
        self.has_keys = bool(keys)
        if not self.has_keys and "key" not in data:
            del self.fields["key"]  # there is nothing to choose, so nothing was chosen wrongly
