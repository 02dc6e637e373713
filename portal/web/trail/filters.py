"""What one can ask of the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from portal.audit.events import EVENTS
from portal.audit.models import AuditEntry, Result
from portal.core.calendar import start_of_day
from portal.core.origin import Channel
from portal.web.trail.access import Reach
from portal.web.trail.wording import CHANNELS, label_of

MOST_PEOPLE: Final = 50  # that one name may mean
# Days that have a midnight before and after them, in every time zone.
FIRST_DAY: Final = date(1900, 1, 1)
LAST_DAY: Final = date(2999, 12, 31)
_BOUNDS: Final = (MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY))


@dataclass(frozen=True, kw_only=True)
class EntryFilter:
    """Which entries; None leaves a question open. ``until`` is exclusive."""

    since: datetime | None = None
    until: datetime | None = None
    event: str | None = None
    actor_ids: Sequence[int] | None = None
    node_id: int | None = None
    subject: UUID | None = None
    result: str | None = None
    channel: str | None = None
    address: str | None = None

    def apply(self, entries: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        asked = {
            "at__gte": self.since,
            "at__lt": self.until,
            "event": self.event,
            "actor_id__in": self.actor_ids,
            "node_id": self.node_id,
            "subject_public_id": self.subject,
            "result": self.result,
            "channel": self.channel,
            "address": self.address,
        }
        return entries.filter(**{key: value for key, value in asked.items() if value is not None})

    def as_json(self) -> dict[str, Any]:
        """What was asked, for the trail itself: ids, never names."""
        asked = {
            "since": self.since and self.since.isoformat(),
            "until": self.until and self.until.isoformat(),
            "event": self.event,
            "actors": None if self.actor_ids is None else list(self.actor_ids),
            "node": self.node_id,
            "subject": self.subject and str(self.subject),
            "result": self.result,
            "channel": self.channel,
            "address": self.address,
        }
        return {key: value for key, value in asked.items() if value is not None}


class TrailForm(forms.Form):
    """The filter above the list; every question may be left open."""

    since = forms.DateField(
        label=_("From"),
        required=False,
        validators=_BOUNDS,
        widget=forms.DateInput({"type": "date"}),
    )
    until = forms.DateField(
        label=_("Up to and including"),
        required=False,
        validators=_BOUNDS,
        widget=forms.DateInput({"type": "date"}),
    )
    event = forms.ChoiceField(label=_("Event"), required=False)
    result = forms.ChoiceField(label=_("Result"), required=False)
    actor = forms.CharField(label=_("Name of who did it"), required=False, max_length=100)
    node = forms.ChoiceField(label=_("Part"), required=False)
    subject = forms.UUIDField(
        label=_("Id of what it is about"),
        required=False,
        error_messages={"invalid": _("Copy the id in full, from an entry or an address.")},
    )
    channel = forms.ChoiceField(label=_("By way of"), required=False)
    address = forms.GenericIPAddressField(label=_("IP address"), required=False)

    def __init__(self, data: QueryDict, *, reach: Reach) -> None:
        super().__init__(data)
        self._people = reach.people()
        self._nodes = {str(node.public_id): node for node in reach.nodes}
        events = sorted((str(label_of(event)), event) for event in EVENTS)
        self._choose("event", _("All events"), [(event, label) for label, event in events])
        self._choose("result", _("All results"), Result.choices)
        self._choose("channel", _("Every way"), [(one.value, CHANNELS[one]) for one in Channel])
        self._choose(
            "node", _("Everything you see"), [(key, node.name) for key, node in self._nodes.items()]
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", _("This day is before the first one."))
        return cleaned

    def clean_actor(self) -> list[int] | None:
        """Return the people who are called so, among those whose names the auditor reads anyhow.

        Of nobody else a name says whether they are there.

        Raises:
            ValidationError: too many are.
        """
        name = self.cleaned_data["actor"].strip()
        if not name:
            return None
        people = self._people.filter(name__icontains=name).order_by("pk")
        found = list(people.values_list("pk", flat=True)[: MOST_PEOPLE + 1])
        if len(found) > MOST_PEOPLE:
            raise ValidationError(_("Many people are called so. Fill in more of the name."))
        return found

    def filter(self) -> EntryFilter:
        """What a valid form asks."""
        asked = self.cleaned_data
        until = asked["until"]
        return EntryFilter(
            since=start_of_day(asked["since"]) if asked["since"] else None,
            until=start_of_day(until + timedelta(days=1)) if until else None,
            event=asked["event"] or None,
            actor_ids=asked["actor"],
            node_id=self._nodes[asked["node"]].pk if asked["node"] else None,
            subject=asked["subject"],
            result=asked["result"] or None,
            channel=asked["channel"] or None,
            address=asked["address"] or None,
        )

    def _choose(self, name: str, all_of_them: Any, choices: Sequence[Any]) -> None:
        field: Any = self.fields[name]
        field.choices = [("", all_of_them), *choices]
