"""What the register of known use and the report on concentration ask: of which part, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from django import forms
from django.db import models
from django.utils.translation import gettext_lazy as _

from billing.forms import EVERYTHING, month_key, name_of_month
from catalog.models.supply import NAME_LENGTH
from catalog.placement import Supply, is_material
from catalog.placement_words import Hosting
from catalog.services.placement.register import KnownUse
from portal.core.calendar import Period
from portal.identity.models import Node

NOW: Final = "now"
_LONGEST_SEARCH: Final = 100


class Shown(models.TextChoices):
    """Which uses are shown, of all that there are."""

    NOT_ADMISSIBLE = "not-admissible", _("What may not stand there")
    UNANSWERED = "unanswered", _("Without answers")
    NO_OWNER = "no-owner", _("Without a data owner")
    NOT_ASSESSED = "not-assessed", _("In a place that nobody assessed")
    FOUND = "found", _("With something that nobody ordered")
    PUBLIC = "public", _("In public cloud")
    MATERIAL = "material", _("Material use")


SHOWS: Final[Mapping[str, Callable[[KnownUse], bool]]] = {
    Shown.NOT_ADMISSIBLE: lambda use: not use.is_admissible,
    Shown.UNANSWERED: lambda use: use.profile is None,
    Shown.NO_OWNER: lambda use: use.data_owner is None,
    Shown.NOT_ASSESSED: lambda use: None in _supplies(use),
    Shown.FOUND: lambda use: any(place.found for place in use.places),
    Shown.PUBLIC: lambda use: any(
        supply.hosting == Hosting.PUBLIC for supply in _supplies(use) if supply
    ),
    Shown.MATERIAL: lambda use: bool(is_material(use.workload).truth),
}


class PartForm(forms.Form):
    """Of which part; by default of everything."""

    node = forms.ChoiceField(label=_("Part"))

    def __init__(self, data: Mapping[str, str], *, nodes: Sequence[Node]) -> None:
        super().__init__({"node": EVERYTHING, **data})
        named = [(str(node.public_id), node.name) for node in nodes]
        self._offer("node", [(EVERYTHING, _("Everything you see")), *named])

    def _offer(self, name: str, choices: Sequence[tuple[str, object]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]  # it is a ChoiceField


class RegisterForm(PartForm):
    """By default everything that stands somewhere now."""

    year = forms.ChoiceField(
        label=_("When"), error_messages={"invalid_choice": _("Choose one of these.")}
    )
    show = forms.ChoiceField(
        label=_("Show"),
        choices=[("", _("All projects")), *Shown.choices],
        required=False,
        error_messages={"invalid_choice": _("Choose one of these.")},
    )
    q = forms.CharField(
        label=_("Project or organisation"),
        required=False,
        max_length=_LONGEST_SEARCH,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )

    def __init__(
        self, data: Mapping[str, str], *, nodes: Sequence[Node], years: Sequence[int]
    ) -> None:
        super().__init__({"year": NOW, **data}, nodes=nodes)
        self._offer("year", [(NOW, _("Now")), *((str(year), str(year)) for year in years)])

    @property
    def chosen_year(self) -> int | None:
        """None: now, and as long as something is wrong."""
        text = self.cleaned_data["year"] if self.is_valid() else NOW
        return None if text == NOW else int(text)

    @property
    def words(self) -> str:
        return self.cleaned_data["q"] if self.is_valid() else ""

    @property
    def shows(self) -> Callable[[KnownUse], bool] | None:
        """Which uses; None: all."""
        return SHOWS.get(self.cleaned_data["show"]) if self.is_valid() else None


class ConcentrationForm(PartForm):
    """Of which month, by default the running one; and without which supplier, by default none."""

    month = forms.ChoiceField(
        label=_("Month"), error_messages={"invalid_choice": _("Choose one of these months.")}
    )
    without = forms.CharField(
        label=_("If this supplier stops"),
        required=False,
        max_length=NAME_LENGTH,
        widget=forms.Select,
    )

    def __init__(
        self, data: Mapping[str, str], *, nodes: Sequence[Node], months: Sequence[Period]
    ) -> None:
        super().__init__({"month": month_key(months[0]), **data}, nodes=nodes)
        self._offer("month", [(month_key(one), name_of_month(one)) for one in months])
        self._suppliers: Sequence[str] = ()

    def offer_suppliers(self, names: Sequence[str]) -> None:
        """Choose from these; another is as none."""
        self._suppliers = names
        choices = [("", _("Nobody")), *((name, name) for name in names)]
        self.fields["without"].widget.choices = choices

    @property
    def supplier(self) -> str:
        """Empty: none."""
        name = self.cleaned_data["without"] if self.is_valid() else ""
        return name if name in self._suppliers else ""


def _supplies(use: KnownUse) -> list[Supply | None]:
    return [place.opinion.judged.supply for place in use.places]
