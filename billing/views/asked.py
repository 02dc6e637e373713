"""Which costs the address of a page asks for, of those that the person sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404

from billing.forms import EVERYTHING
from billing.policies import find_cost_node, may_see_costs, topmost, visible_cost_nodes
from portal.identity.models import Node, NodeKind
from portal.identity.requests import PersonRequest


@dataclass(frozen=True, kw_only=True)
class AskedPart:
    """A part of the tree.

    Attributes:
        node: the one that was chosen; None is everything that the person sees.
        node_ids: what is counted.
        top_ids: the topmost nodes that the person sees.
        choices: what can be chosen.
    """

    node: Node | None
    node_ids: Sequence[int]
    top_ids: Sequence[int]
    choices: Sequence[Node]


def asked_part(request: PersonRequest) -> AskedPart:
    """Which part of the tree the address names.

    Raises:
        Http404: the person does not reach that node.
        PermissionDenied: they have no role for its costs, or for any.
    """
    node = _chosen_node(request)
    if not may_see_costs(request.user):
        raise PermissionDenied
    visible = visible_cost_nodes(request.user)
    top_ids = list(topmost(visible).values_list("pk", flat=True))
    choices = list(visible.filter(kind=NodeKind.ORGANIZATION).order_by("name"))
    if node and node not in choices:
        choices.append(node)
    node_ids = [node.pk] if node else top_ids
    return AskedPart(node=node, node_ids=node_ids, top_ids=top_ids, choices=choices)


def _chosen_node(request: PersonRequest) -> Node | None:
    text = request.GET.get("node")
    if not text or text == EVERYTHING:
        return None
    try:
        public_id = UUID(text)
    except ValueError as error:
        raise Http404 from error
    return find_cost_node(request.user, public_id)
