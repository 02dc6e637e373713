"""A part of the tree as lines with a level, for pages that show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from django.db.models import Q, QuerySet

from portal.identity.models import Node

LEVELS: Final = 3  # shown at once; deeper by the link of an organization

Line = tuple[int, Node]


def outline(nodes: QuerySet[Node], *, focus: Node | None = None) -> list[Line]:
    """The topmost of ``nodes`` (or ``focus``) with what stands below, as lines of level and node.

    Parents before children, by name. Two queries.
    """
    if focus:
        top = [focus]
    else:
        top = list(nodes.exclude(parent__in=nodes.values("pk")).order_by("name", "pk"))
    children: dict[int | None, list[Node]] = defaultdict(list)
    for node in _below(nodes, top).order_by("name", "pk"):
        children[node.parent_id].append(node)
    return list(_walk(top, children, 0))


def _below(nodes: QuerySet[Node], top: Iterable[Node]) -> QuerySet[Node]:
    """What stands under ``top``, as many levels as are shown."""
    top_ids = [node.pk for node in top]
    condition = Q(pk__in=[])
    for depth in range(1, LEVELS):
        condition |= Q(**{"__".join(["parent"] * depth) + "__in": top_ids})
    return nodes.filter(condition)


def _walk(
    nodes: Iterable[Node], children: dict[int | None, list[Node]], level: int
) -> Iterator[Line]:
    for node in nodes:
        yield level, node
        yield from _walk(children.get(node.pk, []), children, level + 1)


def with_paths(nodes: QuerySet[Node], *, within: QuerySet[Node]) -> list[tuple[list[str], Node]]:
    """Each of ``nodes`` with the names that lead to it, in the order of the tree.

    The names begin at the topmost part of ``within``, what somebody may see. Two queries.
    """
    names = dict(within.values_list("pk", "name"))
    paths = [([names[pk] for pk in node.lineage_ids if pk in names], node) for node in nodes]
    return sorted(paths, key=lambda each: ([name.casefold() for name in each[0]], each[1].pk))
