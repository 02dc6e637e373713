"""In which order resources are locked, whoever locks several: so that none waits for ever."""

from __future__ import annotations

from django.db.models import Case, Value, When
from django.db.models.expressions import Combinable

from catalog.kinds import all_kinds, get_kind
from catalog.kinds.base import ATTACHED_BEFORE
from catalog.models import Operation, OperationKind, Resource


def place_of(resource: Resource) -> tuple[bool, int]:
    """What others are attached to comes before those; and then as they were made.

    Who has the one gets hold of what is attached to it later, by which nobody could sort before.
    """
    return bool(get_kind(resource.kind).attaches_with), resource.pk


def by_place() -> list[Combinable | str]:
    """``place_of`` for a query."""
    kinds = [kind.key for kind in all_kinds() if kind.attaches_with]
    is_attached = When(kind__in=kinds, then=Value(1))
    return [Case(is_attached, default=Value(0)), "pk"]


def awaited_by(operation: Operation) -> list[Resource]:
    """What is locked together with its resource: to what that is attached again at its end.

    Who has only the resource could not get hold of that any more, since it comes before.
    """
    resource = operation.resource
    before = resource.facts.get(ATTACHED_BEFORE)
    if operation.kind != OperationKind.RECREATE or not before:
        return []
    return list(Resource.objects.filter(public_id=before, project=resource.project_id))
