"""What the order form asks of tags: a question for each that is required in the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django import forms
from django.utils.translation import gettext

from billing.models import TAG_LENGTH
from billing.services.order_tags import TagQuestion

TAG_FIELD: Final = "tag-"  # before the key; no parameter has a hyphen in its name


def tag_answers(tags: Mapping[str, str]) -> dict[str, str]:
    """What a form begins with that was answered so before."""
    return {TAG_FIELD + key: value for key, value in tags.items()}


def field_of(name: str) -> str:
    """The field of the form for what a refusal names: ``tags.fase`` is asked as ``tag-fase``."""
    return TAG_FIELD + name.removeprefix("tags.") if name.startswith("tags.") else name


def tag_field(question: TagQuestion) -> forms.Field:
    """Begins with what is inherited. The rule itself judges what is answered, as for programs."""
    hint = gettext("“{value}” is inherited.").format(value=question.inherited)
    if question.allowed_values:
        values = [*question.allowed_values]
        if question.inherited and question.inherited not in values:
            values.append(question.inherited)
        choices = [("", gettext("Choose a value")), *((value, value) for value in values)]
        widget: forms.Widget = forms.Select(choices=choices)
    else:
        attributes = {"autocomplete": "off", "spellcheck": "false", "maxlength": TAG_LENGTH}
        widget = forms.TextInput(attrs=attributes)
    return forms.CharField(
        label=question.key,
        initial=question.inherited,
        help_text=hint if question.inherited else "",
        widget=widget,
    )
