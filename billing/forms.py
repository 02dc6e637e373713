"""What the cost pages ask."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext_lazy as _

from billing.kinds import kind_choices
from billing.models import TAG_LENGTH
from billing.models.dispute import DISPUTE_LENGTH
from billing.models.statement import REASON_LENGTH
from billing.services.charge_lists import ChargeFilter
from billing.services.tag_keys import TagChoice
from portal.core.calendar import Period, month
from portal.core.forms import EuroField, RefusableForm
from portal.identity.models import Node
from portal.identity.models.proposed import DECISION_LENGTH

EVERYTHING: Final = "all"
UNALLOCATED: Final = "-"  # no code of a cost centre begins with it
_MONTH: Final = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


def month_key(period: Period) -> str:
    """A business month in an address: ``2026-11``."""
    return period.start.strftime("%Y-%m")


def read_month(text: str) -> Period:
    """The business month that ``month_key`` wrote.

    Raises:
        ValidationError: the text is not a month.
    """
    match = _MONTH.fullmatch(text)
    if match is None:
        raise ValidationError(_("Give a month as 2026-11."), code="invalid")
    return month(int(match[1]), int(match[2]))


def name_of_month(period: Period) -> str:
    """A business month in the language of the page: ``November 2026``."""
    return format_date(period.start, "F Y").capitalize()


class CostFilter(forms.Form):
    """Which month, of which part of the tree, beside which other month.

    By default the running month and everything, beside the month before.
    """

    month = forms.ChoiceField(
        label=_("Month"), error_messages={"invalid_choice": _("Choose one of these months.")}
    )
    node = forms.ChoiceField(label=_("Part"))
    other = forms.ChoiceField(
        label=_("Compare with"),
        required=False,
        error_messages={"invalid_choice": _("Choose one of these months.")},
    )

    def __init__(
        self,
        data: Mapping[str, str],
        *,
        months: Sequence[Period],
        nodes: Sequence[Node],
        **options: Any,
    ) -> None:
        defaults = {"month": month_key(months[0]), "node": EVERYTHING}
        super().__init__({**defaults, **data}, **options)
        # Newest first. The names of months follow the language of the page.
        named = [(month_key(period), name_of_month(period)) for period in months]
        self.fields["month"].choices = named  # type: ignore[attr-defined]  # it is a ChoiceField
        self.fields["other"].choices = [  # type: ignore[attr-defined]
            ("", _("The month before")),
            *named[1:],  # the first one runs: part of a month beside a whole one says nothing
        ]
        self.fields["node"].choices = [  # type: ignore[attr-defined]
            (EVERYTHING, _("Everything you see")),
            *((str(node.public_id), node.name) for node in nodes),
        ]


class OverviewFilter(CostFilter):
    """The same, of everything or of what had one tag."""

    tag = forms.CharField(
        label=_("Tag"), required=False, max_length=2 * TAG_LENGTH + 1, widget=forms.Select
    )

    def __init__(
        self, data: Mapping[str, str], *, tags: Sequence[TagChoice], **options: Any
    ) -> None:
        super().__init__(data, **options)
        offer_tags(self, tags)

    def clean_tag(self) -> TagChoice | None:
        return clean_tag(self.cleaned_data["tag"])


class KindAndCenter(forms.Form):
    """Only one kind of thing, or what fell under one cost centre; by default everything."""

    kind = forms.ChoiceField(
        label=_("Kind"),
        required=False,
        error_messages={"invalid_choice": _("Choose one of these.")},
    )
    center = forms.CharField(
        label=_("Cost centre"), required=False, max_length=40, widget=forms.Select
    )

    def __init__(self, *data: Any, **options: Any) -> None:
        super().__init__(*data, **options)
        kinds = [("", _("All kinds")), *kind_choices()]
        self.fields["kind"].choices = kinds  # type: ignore[attr-defined]  # it is a ChoiceField

    def offer_centers(self, found: Sequence[str | None]) -> None:
        """Choose from these cost centres, and from what was asked for; or what fell under none."""
        asked = str(self.data.get("center", ""))
        codes = sorted({code for code in found if code} | ({asked} - {"", UNALLOCATED}))
        self.fields["center"].widget.choices = [
            ("", _("All cost centres")),
            (UNALLOCATED, _("Not allocated")),
            *((code, code) for code in codes),
        ]


class PartFilter(KindAndCenter, OverviewFilter):
    """The same, and only of one kind of thing, or what fell under one cost centre."""

    def wanted(self) -> ChargeFilter:
        """What was asked for; everything, as long as something of it is wrong."""
        asked = self.cleaned_data if self.is_valid() else {}
        return ChargeFilter(
            tag=asked.get("tag"),
            kind=asked.get("kind") or None,
            cost_center=read_center(asked.get("center", "")),
        )

    def query(self) -> dict[str, str]:
        """The same as in an address; nothing of what was not asked for."""
        asked = self.cleaned_data if self.is_valid() else {}
        return {name: str(asked[name]) for name in ("tag", "kind", "center") if asked.get(name)}


def read_center(text: str) -> str | None:
    """The code that was asked for; empty: what fell under none; None: everything."""
    return "" if text == UNALLOCATED else text or None


def offer_tags(form: forms.Form, tags: Sequence[TagChoice]) -> None:
    """Choose from these, and from what was asked for; where there are none there is no field."""
    asked = str(form.data.get("tag", ""))
    if not tags and not asked:
        form.fields["tag"].widget = forms.HiddenInput()
        return
    named = {str(tag): f"{tag.key}: {tag.value or _('without tag')}" for tag in tags}
    if asked:
        named.setdefault(asked, asked)
    form.fields["tag"].widget.choices = [
        ("", _("With and without")),
        *named.items(),
    ]


def clean_tag(text: str) -> TagChoice | None:
    """The tag that was asked for, if one was.

    Raises:
        ValidationError: the text is no tag.
    """
    if not text:
        return None
    try:
        return TagChoice.read(text)
    except ValueError as error:
        raise ValidationError(str(error), code="invalid") from error


class CloseForm(RefusableForm):
    """What the person saw that all statements come to; not typed, so without a label."""

    total = forms.DecimalField(max_digits=26, decimal_places=2, widget=forms.HiddenInput)


class CreditForm(RefusableForm):
    """How much is given back of a line, and why."""

    amount = EuroField(
        label=_("Amount to give back"),
        help_text=_("In euros, without VAT."),
        min_value=0,
        max_digits=26,
    )
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("This is on the statement, so whoever pays reads it."),
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class DisputeForm(RefusableForm):
    """What is wrong with a line."""

    reason = forms.CharField(
        label=_("What is not right?"),
        help_text=_("Say what you expected, and why. Finance of the platform reads this."),
        max_length=DISPUTE_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class AnswerForm(RefusableForm):
    """The answer to a dispute; with an amount, that much is given back."""

    answer = forms.CharField(
        label=_("Your answer"),
        help_text=_("Whoever pays reads this. If you give back, it is on the statement too."),
        max_length=DECISION_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    amount = EuroField(
        label=_("Amount to give back"),
        help_text=_("In euros, without VAT. Only needed when you give back."),
        required=False,
        min_value=0,
        max_digits=26,
    )
