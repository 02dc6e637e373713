"""Tags of organizations, projects and resources: set from a day on; the nearest holds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import IntegrityError
from django.db.models import Q, QuerySet
from django.utils.timezone import localdate, now
from django.utils.translation import gettext as _
from psycopg import Error as DatabaseError

from billing.models import MeteredResource, TagFact, TagKey
from billing.policies import may_allocate
from billing.services.allocations import Place, earliest_change
from billing.services.tag_keys import clean_value, keys_for
from portal.audit.services import record
from portal.core.calendar import start_of_day
from portal.core.errors import InvalidInput
from portal.core.models import end_from
from portal.identity.models import Node, Person
from portal.identity.sensitive import sensitive
from portal.identity.services.facts import FURTHEST
from portal.identity.services.tree import node_to_change


@dataclass(frozen=True, kw_only=True)
class Tag:
    """What one key is for one place.

    Attributes:
        definition: of the key; None when it is not in force here, and only holds what was said.
        current: what holds now; None when nobody said.
        source: the node on which that was said; None: the resource itself, or nobody.
        periods: everything that was said of the place itself, the newest first.
    """

    key: str
    definition: TagKey | None
    current: TagFact | None
    source: Node | None
    periods: Sequence[TagFact]

    @property
    def is_inherited(self) -> bool:
        return self.current is not None and self.current not in self.periods

    @property
    def is_missing(self) -> bool:
        """It must have a value here and has none."""
        return self.current is None and self.definition is not None and self.definition.is_required


@sensitive("tag.set")
def set_tag(place: Place, key: str, *, value: str, starts_on: date, actor: Person) -> None:
    """From that day on, the place and what inherits from it have this value for the key.

    Until something else is said: what was to begin later never does.

    Args:
        key: one that the organization, or one above it, defined.
        value: empty: from then on what is inherited.
        starts_on: a day of the first month that is not closed, or later.

    Raises:
        NotAllowed, NodeEnded: as ``node_to_change``; it takes finance of that node.
        InvalidInput: something is not right in a field.
    """
    try:
        _set(place, key, value, starts_on, actor)
    except IntegrityError as error:
        if not _is_of_closed_month(error):
            raise
        raise InvalidInput({"starts_on": [_which_days()]}) from error


def _set(place: Place, key: str, value: str, starts_on: date, actor: Person) -> None:
    project = place.project if isinstance(place, MeteredResource) else place
    with node_to_change(project.public_id, actor, may=may_allocate) as node:
        kept = _checked(place, node, key, value, starts_on)
        moment = start_of_day(starts_on)
        end_from(_said_of(place).filter(key=key), moment)
        if kept:
            of_place = {_column(place): place}
            TagFact.objects.create(**of_place, key=key, value=kept, valid_from=moment)
        told = {"key": key, "value": kept, "from": moment.isoformat()}
        record("tag.set", place, actor=actor, node_id=node.pk, data=told)


def _is_of_closed_month(error: IntegrityError) -> bool:
    """Somebody closed the month after we looked; the trigger waited for that."""
    cause = error.__cause__
    refused_by = cause.diag.constraint_name if isinstance(cause, DatabaseError) else ""
    return refused_by == "tags_of_closed_months_never_change"


def tags_of(place: Place) -> list[Tag]:
    """Every key that means something for a place, by name. Four queries."""
    is_resource = isinstance(place, MeteredResource)
    node = place.project if isinstance(place, MeteredResource) else place
    lineage = node.lineage_ids
    said = Q(node__in=lineage) | (Q(resource=place.pk) if is_resource else Q())
    facts = list(TagFact.objects.filter(said).order_by("-valid_from", "-pk"))
    definitions = {one.name: one for one in keys_for(node)}
    own = [fact for fact in facts if _is_of(fact, place)]
    held = nearest_at(facts, [*lineage], now())
    nodes = Node.objects.in_bulk(lineage)
    names = sorted({*definitions, *held, *(fact.key for fact in own)})
    return [
        Tag(
            key=name,
            definition=definitions.get(name),
            current=held.get(name),
            source=nodes.get(held[name].node_id or 0) if name in held else None,
            periods=[fact for fact in own if fact.key == name],
        )
        for name in names
    ]


def nearest_at(
    facts: Iterable[TagFact], lineage: Sequence[int], at: datetime
) -> dict[str, TagFact]:
    """By key the fact that holds at a moment, of those of a resource and of nodes above it."""
    depth = {pk: place for place, pk in enumerate(lineage)}
    nearest: dict[str, tuple[int, TagFact]] = {}
    for fact in facts:
        if not holds(fact, at):
            continue
        rank = len(depth) if fact.node_id is None else depth[fact.node_id]
        if fact.key not in nearest or rank > nearest[fact.key][0]:
            nearest[fact.key] = rank, fact
    return {key: fact for key, (_rank, fact) in nearest.items()}


def holds(fact: TagFact, at: datetime) -> bool:
    return fact.valid_from <= at and (fact.valid_until is None or at < fact.valid_until)


def _said_of(place: Place) -> QuerySet[TagFact]:
    return TagFact.objects.filter(**{_column(place): place})


def _column(place: Place) -> str:
    return "resource" if isinstance(place, MeteredResource) else "node"


def _is_of(fact: TagFact, place: Place) -> bool:
    return place.pk == (fact.resource_id if isinstance(place, MeteredResource) else fact.node_id)


def _checked(place: Place, node: Node, key: str, value: str, starts_on: date) -> str:
    """The value as it is kept; empty: none.

    Raises:
        InvalidInput: there is no such key here, it does not allow the value, or the day is too
            early or too far away.
    """
    errors: dict[str, list[str]] = {}
    definition = next((one for one in keys_for(node) if one.name == key), None)
    kept = ""
    if value.strip():
        try:
            kept = allowed_value(definition.allowed_values if definition else [], value)
        except ValueError as error:
            errors["value"] = [str(error)]
    if definition is None and (kept or not _said_of(place).filter(key=key).exists()):
        errors["key"] = [_("There is no such key here.")]
    if not earliest_change() <= starts_on <= localdate() + FURTHEST:
        errors["starts_on"] = [_which_days()]
    if errors:
        raise InvalidInput(errors)
    return kept


def _which_days() -> str:
    return _("Choose a day of this month or a later one, at most five years ahead.")


def allowed_value(allowed: Sequence[str], value: str) -> str:
    """The value as it is kept.

    Args:
        allowed: the only ones that the key allows; none: any.

    Raises:
        ValueError: it is none, or not among those.
    """
    kept = clean_value(value)
    if allowed and kept not in allowed:
        values = ", ".join(allowed)
        raise ValueError(_("Choose one of these: {values}.").format(values=values))
    return kept
