"""What is asked about a tariff round."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.utils.dateformat import format as format_date
from django.utils.translation import gettext_lazy as _

from billing.forms import month_key
from billing.meters import unit_fits
from billing.models import TARIFF_NAME_LENGTH, PriceUnit
from billing.rating import LONGEST_MINIMUM_MONTHS, Tier
from billing.services.tariff_drafts import (
    NewPrice,
    RoundSays,
    closed_months,
    months_to_begin,
    open_months,
)
from billing.tariff_tables import PresentPrice
from portal.core.amounts import read_amount, write_amount
from portal.core.calendar import Period
from portal.core.forms import RefusableForm
from portal.core.money import RATED_PLACES
from portal.identity.models import Organization
from portal.identity.models.proposed import DECISION_LENGTH

_PERCENT: Final = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,2})?")


class PriceField(forms.CharField):
    """An amount of up to six decimals; nothing is None."""

    widget = forms.TextInput(
        attrs={"inputmode": "decimal", "autocomplete": "off", "class": "cl-input-short"}
    )

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, max_length=20, **options)

    def clean(self, value: Any) -> Any:
        try:
            return read_amount(super().clean(value), places=6)
        except ValueError as error:
            raise ValidationError(str(error)) from error


class TiersField(forms.CharField):
    """Tiers, each on a line of its own: from which quantity on, and what a further one costs."""

    widget = forms.Textarea(
        attrs={"rows": 2, "autocomplete": "off", "class": "cl-input-short", "spellcheck": "false"}
    )

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, max_length=600, **options)

    def clean(self, value: Any) -> tuple[Tier, ...]:
        lines = [line.strip() for line in super().clean(value).splitlines()]
        return tuple(_read_tier(line) for line in lines if line)


def _read_tier(line: str) -> Tier:
    """Raises:
    ValidationError: it is no tier; the message tells of which line.
    """
    typed = line.split(";")
    try:
        numbers = [read_amount(part, places=6) for part in typed]
    except ValueError as error:
        raise ValidationError(f"“{line}”: {error}") from error
    match numbers:
        case [Decimal() as from_quantity, Decimal() as amount]:
            return Tier(from_quantity, amount)
    text = _("“{line}”: write from which quantity on, a semicolon and the price.")
    raise ValidationError(text.format(line=line))


def write_tiers(tiers: Iterable[Tier]) -> str:
    """As a ``TiersField`` reads them in the language of the page."""
    return "\n".join(
        f"{write_amount(tier.from_quantity)}; {write_amount(tier.amount)}" for tier in tiers
    )


@dataclass(frozen=True, kw_only=True)
class PriceRow:
    """The questions about one SKU; ``unit`` only where nothing says per what it is paid."""

    present: PresentPrice
    amount: BoundField
    tiers: BoundField
    term: BoundField
    unit: BoundField | None
    ends: BoundField | None


class TariffRoundForm(RefusableForm):
    """From when which prices shall hold: a row for each SKU, those left empty stay as they are."""

    name = forms.CharField(
        label=_("Name of the price list"),
        help_text=_("For instance “Tariffs 2027”. Every price list has a name of its own."),
        widget=forms.TextInput(attrs={"maxlength": TARIFF_NAME_LENGTH, "autocomplete": "off"}),
    )
    valid_from = forms.ChoiceField(
        label=_("Holds from"),
        help_text=_(
            "Prices change at the beginning of a month. In a month that has begun only what has no"
            " price there can get one; in a closed month only from a price for everybody."
        ),
    )

    percent = forms.CharField(
        label=_("Raise all prices by"),
        help_text=_("A minus lowers them. After that you can still change each price."),
        required=False,
        max_length=8,
        widget=forms.TextInput(
            attrs={"inputmode": "decimal", "autocomplete": "off", "class": "cl-input-short"}
        ),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        organization: Organization | None,
        presents: Sequence[PresentPrice],
        at: datetime,
        **options: Any,
    ) -> None:
        super().__init__(data, **options)
        self.organization = organization
        self.presents = presents
        closed = closed_months(organization)
        months = [*months_to_begin(at), *open_months(at), *closed]
        self._months = {month_key(month): month for month in months}
        self.fields["valid_from"].choices = [  # type: ignore[attr-defined]  # a choice field
            (key, _month_label(month, at, is_closed=month in closed))
            for key, month in self._months.items()
        ]
        for present in presents:
            self._ask_about(present)

    def _ask_about(self, present: PresentPrice) -> None:
        sku = present.sku
        self.fields[_amount(sku.code)] = PriceField(
            label=_("New price of {name}").format(name=sku.name)
        )
        self.fields[_tiers(sku.code)] = TiersField(label=_("Tiers of {name}").format(name=sku.name))
        self.fields[_term(sku.code)] = forms.IntegerField(
            label=_("Minimum term of {name}, in months").format(name=sku.name),
            required=False,
            min_value=0,
            max_value=LONGEST_MINIMUM_MONTHS,
            widget=forms.NumberInput(attrs={"class": "cl-input-short", "autocomplete": "off"}),
        )
        if present.now is None or not unit_fits(sku.code, present.now.unit):
            self.fields[_unit(sku.code)] = forms.ChoiceField(
                label=_("Unit of {name}").format(name=sku.name),
                choices=[one for one in PriceUnit.choices if unit_fits(sku.code, one[0])],
                required=False,
            )
        if self.organization is not None and present.is_own:
            self.fields[_ends(sku.code)] = forms.BooleanField(
                label=_("The own price of {name} ends").format(name=sku.name), required=False
            )

    def rows(self) -> Iterator[PriceRow]:
        """The questions about each SKU."""
        for present in self.presents:
            code = present.sku.code
            yield PriceRow(
                present=present,
                amount=self[_amount(code)],
                tiers=self[_tiers(code)],
                term=self[_term(code)],
                unit=self[_unit(code)] if _unit(code) in self.fields else None,
                ends=self[_ends(code)] if _ends(code) in self.fields else None,
            )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for present in self.presents:
            code = present.sku.code
            if cleaned.get(_ends(code)) and cleaned.get(_amount(code)) is not None:
                self.add_error(_amount(code), _("Choose: a new price, or none of their own."))
            if cleaned.get(_tiers(code)) and cleaned.get(_amount(code)) is None:
                self.add_error(_amount(code), _("Fill in what it costs until the first tier."))
            if cleaned.get(_term(code)) and cleaned.get(_amount(code)) is None:
                self.add_error(_amount(code), _("Fill in what it costs in the minimum term."))
        return cleaned

    def clean_percent(self) -> Decimal | None:
        text = self.cleaned_data["percent"].replace(",", ".")
        if not text:
            return None
        if not _PERCENT.fullmatch(text) or Decimal(text) < -100:
            raise ValidationError(_("Fill in a percentage, such as 3 or -1.5."))
        return Decimal(text)

    def raised(self) -> dict[str, str] | None:
        """All own prices of the chosen month, raised, by field; None: by what is not filled in."""
        percent: Decimal | None = self.cleaned_data.get("percent")
        if percent is None:
            if "percent" not in self.errors:
                self.add_error("percent", _("Fill in a percentage, such as 3 or -1.5."))
            return None
        begin = self._begin()
        prices = {one.sku.code: one.own_at(begin) for one in self.presents}

        def raised(amount: Decimal) -> Decimal:
            return (amount * (100 + percent) / 100).quantize(RATED_PLACES, ROUND_HALF_UP)

        found = {code: price for code, price in prices.items() if price}
        fields: dict[str, str] = {}
        for code, price in found.items():
            tiers = (replace(tier, amount=raised(tier.amount)) for tier in price.tiers)
            fields[_amount(code)] = write_amount(raised(price.amount))
            fields[_tiers(code)] = write_tiers(tiers)
            fields[_term(code)] = str(price.minimum_months or "")
        return fields

    def _begin(self) -> datetime:
        chosen = self._months.get(self.cleaned_data.get("valid_from", ""))
        return (chosen or next(iter(self._months.values()))).start

    def says(self) -> RoundSays:
        """What was filled in; of a valid form."""
        valid_from = self._begin()
        return RoundSays(
            name=self.cleaned_data["name"],
            valid_from=valid_from,
            organization=self.organization,
            prices=list(self._prices(valid_from)),
        )

    def _prices(self, valid_from: datetime) -> Iterator[NewPrice]:
        for present in self.presents:
            code = present.sku.code
            amount: Decimal | None = self.cleaned_data.get(_amount(code))
            if amount is not None:
                price = present.at(valid_from) or present.now
                unit = self.cleaned_data.get(_unit(code)) or (price.unit if price else "")
                yield NewPrice(
                    sku=code,
                    unit=unit,
                    amount=amount,
                    tiers=self.cleaned_data[_tiers(code)],
                    minimum_months=self.cleaned_data[_term(code)] or 0,
                )
            elif self.cleaned_data.get(_ends(code)):
                yield NewPrice(sku=code)


class RoundDecisionForm(RefusableForm):
    """Why a proposal is refused."""

    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        help_text=_("Only needed when you refuse."),
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": DECISION_LENGTH}),
    )


def _month_label(month: Period, at: datetime, *, is_closed: bool) -> str:
    day = format_date(month.start, "j F Y")
    if is_closed:
        return _("{day} (closed: fills only what has no price)").format(day=day)
    return day if month.start > at else _("{day} (has begun)").format(day=day)


def _amount(code: str) -> str:
    """As ``NewPrice.field`` calls it, so that refusals find their field."""
    return NewPrice(sku=code).field


def _tiers(code: str) -> str:
    return f"tiers.{code}"


def _term(code: str) -> str:
    return f"terms.{code}"


def _unit(code: str) -> str:
    return f"units.{code}"


def _ends(code: str) -> str:
    return f"ends.{code}"
