"""Who did what, in sentences, from the audit trail itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.audit.models import AuditEntry
from portal.audit.reading import legible_entries
from portal.identity.models import Person

Sentences = Mapping[str, str | Promise]

OF_NODES: Final[Sentences] = {
    "node.created": _("{actor} added it."),
    "node.changed": _("{actor} changed what it is called or which numbers it has."),
    "node.numbers_confirmed": _("{actor} confirmed numbers: people log in here with them."),
    "node.moved": _("{actor} moved it to another organisation."),
    "node.moved_away": _("{actor} moved something from here to another organisation."),
    "node.ended": _("{actor} ended it, with the roles on it."),
    "node.change_refused": _("{actor} tried to change something, but may not."),
    "cost_centre.set": _("{actor} set the cost centre."),
    "allocation.set": _("{actor} set what the costs fall under."),
    "tag.set": _("{actor} set a tag."),
    "tag_key.defined": _("{actor} defined a key for tags."),
    "tag_key.withdrawn": _("{actor} withdrew a key for tags."),
    "vat_treatment.set": _("{actor} set the VAT treatment."),
    "data_owner.set": _("{actor} appointed a data owner."),
    "project_owner.set": _("{actor} appointed a project owner."),
}


@dataclass(frozen=True)
class HistoryLine:
    """``about`` names the thing, where the page is about several."""

    at: datetime
    sentence: str
    about: str = ""


def no_more(entry: AuditEntry) -> Mapping[str, str]:
    """For sentences that name nothing but who did it."""
    return {}


def history_of(
    subjects: Iterable[UUID],
    sentences: Sentences,
    *,
    words_for: Callable[[AuditEntry], Mapping[str, str]] = no_more,
    names: Mapping[UUID, str] = MappingProxyType({}),
) -> list[HistoryLine]:
    """What happened to these things, newest first. Two queries.

    Args:
        sentences: by event, with a place for ``{actor}``; other events are left out.
        words_for: what stands in the other places of an entry's sentence.
        names: of the subjects that a line must name.
    """
    entries = list(
        legible_entries()
        .filter(subject_public_id__in=list(subjects), event__in=sentences)
        .order_by("-at", "-sequence")
    )
    people = Person.objects.in_bulk({entry.actor_id for entry in entries if entry.actor_id})
    return [
        HistoryLine(
            entry.at,
            str(sentences[entry.event]).format(actor=_actor(entry, people), **words_for(entry)),
            names.get(entry.subject_public_id, ""),
        )
        for entry in entries
    ]


def _actor(entry: AuditEntry, people: dict[int, Person]) -> str:
    person = people.get(entry.actor_id) if entry.actor_id else None
    return person.name if person else "Cloudloket"
