"""A part of the tree as lines with a level, for pages that show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from django.db.models import Q, QuerySet

from portal.identity.models import Node

LEVELS: Final = 3  # shown at once; deeper by the link of an organization

Line = tuple[int, Node]
Place = tuple[int, int]  # level, and primary key of a node


def outline(nodes: QuerySet[Node], *, focus: Node | None = None) -> list[Line]:
    """The topmost of ``nodes`` (or ``focus``) with what stands below, as lines of level and node.

    Parents before children, by name. Three queries.
    """
    return fill(find_places(nodes, focus=focus))


def find_places(nodes: QuerySet[Node], *, focus: Node | None = None) -> list[Place]:
    """The lines of ``outline`` by primary key alone, for a page that shows few. Two queries."""
    if focus:
        top = [focus.pk]
    else:
        highest = nodes.exclude(parent__in=nodes.values("pk")).order_by("name", "pk")
        top = list(highest.values_list("pk", flat=True))
    children: dict[int | None, list[int]] = defaultdict(list)
    below = _below(nodes, top).order_by("name", "pk").values_list("pk", "parent_id")
    for pk, parent_id in below:
        children[parent_id].append(pk)
    return list(_walk(top, children, 0))


def fill(places: Sequence[Place]) -> list[Line]:
    """The nodes themselves. One query."""
    nodes = Node.objects.select_related("parent").in_bulk([pk for _level, pk in places])
    return [(level, nodes[pk]) for level, pk in places]


def with_paths(nodes: QuerySet[Node], *, within: QuerySet[Node]) -> list[tuple[list[str], Node]]:
    """Each of ``nodes`` with the names that lead to it, in the order of the tree.

    The names begin at the topmost part of ``within``, what somebody may see. Two queries.
    """
    names = dict(within.values_list("pk", "name"))
    paths = [([names[pk] for pk in node.lineage_ids if pk in names], node) for node in nodes]
    return sorted(paths, key=lambda each: ([name.casefold() for name in each[0]], each[1].pk))


def _below(nodes: QuerySet[Node], top: Sequence[int]) -> QuerySet[Node]:
    """What stands under ``top``, as many levels as are shown."""
    condition = Q(pk__in=[])
    for depth in range(1, LEVELS):
        condition |= Q(**{"__".join(["parent"] * depth) + "__in": top})
    return nodes.filter(condition)


def _walk(pks: Iterable[int], children: dict[int | None, list[int]], level: int) -> Iterator[Place]:
    for pk in pks:
        yield level, pk
        yield from _walk(children.get(pk, []), children, level + 1)
