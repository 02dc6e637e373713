"""What the list of costs per resource asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.forms import (
    EVERYTHING,
    KindAndCenter,
    clean_tag,
    month_key,
    name_of_month,
    offer_tags,
    read_center,
)
from billing.models import TAG_LENGTH
from billing.services.tag_keys import TagChoice
from catalog.models import ResourceState
from catalog.services.resource_costs import ResourceCostOrder, ResourceFilter
from portal.core.calendar import Period
from portal.identity.models import Node, Person

MINE: Final = "mine"
IDLE: Final = "idle"
_LONGEST_SEARCH: Final = 100


class ResourceCostForm(KindAndCenter):
    """Which month, which resources, in which order. By default all of the running month."""

    month = forms.ChoiceField(
        label=_("Month"), error_messages={"invalid_choice": _("Choose one of these months.")}
    )
    node = forms.ChoiceField(label=_("Part"))
    state = forms.ChoiceField(
        label=_("State now"),
        choices=[("", _("All states")), *ResourceState.choices],
        required=False,
        error_messages={"invalid_choice": _("Choose one of these.")},
    )
    tag = forms.CharField(
        label=_("Tag"), required=False, max_length=2 * TAG_LENGTH + 1, widget=forms.Select
    )
    q = forms.CharField(
        label=_("Name or project"),
        required=False,
        max_length=_LONGEST_SEARCH,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    order = forms.ChoiceField(
        label=_("Sort"),
        choices=ResourceCostOrder.choices,
        error_messages={"invalid_choice": _("Choose one of these.")},
    )
    show = forms.ChoiceField(
        label=_("Which"),
        choices=[
            ("", _("All resources")),
            (MINE, _("Ordered by me")),
            (IDLE, _("Where you can save")),
        ],
        required=False,
        error_messages={"invalid_choice": _("Choose one of these.")},
    )

    def __init__(
        self,
        data: Mapping[str, str],
        *,
        months: Sequence[Period],
        nodes: Sequence[Node],
        tags: Sequence[TagChoice] = (),
        **options: Any,
    ) -> None:
        defaults = {
            "month": month_key(months[0]),
            "node": EVERYTHING,
            "order": ResourceCostOrder.DEAREST.value,
        }
        super().__init__({**defaults, **data}, **options)
        self._offer("month", [(month_key(one), name_of_month(one)) for one in months])
        named = [(str(node.public_id), node.name) for node in nodes]
        self._offer("node", [(EVERYTHING, _("Everything you see")), *named])
        offer_tags(self, tags)

    def clean_tag(self) -> TagChoice | None:
        return clean_tag(self.cleaned_data["tag"])

    def filter_for(self, person: Person) -> ResourceFilter:
        """What was asked; all, as long as something of it is wrong."""
        asked = self.cleaned_data if self.is_valid() else {}
        return ResourceFilter(
            cost_center=read_center(asked.get("center", "")),
            kind=asked.get("kind") or None,
            state=asked.get("state") or None,
            words=asked.get("q") or None,
            tag=asked.get("tag"),
            requested_by=person.pk if asked.get("show") == MINE else None,
        )

    def asks_idle(self) -> bool:
        """Only what hints for saving tell of."""
        return self.is_valid() and self.cleaned_data["show"] == IDLE

    def order_asked(self) -> ResourceCostOrder:
        asked = self.cleaned_data["order"] if self.is_valid() else ""
        return ResourceCostOrder(asked or ResourceCostOrder.DEAREST)

    def _offer(self, name: str, choices: Sequence[tuple[str, Any]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]  # it is a ChoiceField
