"""Entries with the names of people and places, which stand in erasable tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.audit.models import AuditEntry
from portal.identity.models import Node, Person


@dataclass(frozen=True)
class Row:
    """An entry, and whom and where its ids mean. ``actor``, ``node``: None when nobody, nowhere."""

    entry: AuditEntry
    actor: Person | None
    node: Node | None


def with_names(entries: Sequence[AuditEntry]) -> list[Row]:
    """The entries in the same order. Two queries."""
    people = Person.objects.in_bulk({entry.actor_id for entry in entries if entry.actor_id})
    nodes = Node.objects.in_bulk({entry.node_id for entry in entries if entry.node_id})
    return [
        Row(entry, people.get(entry.actor_id or 0), nodes.get(entry.node_id or 0))
        for entry in entries
    ]
