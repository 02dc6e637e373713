"""Finding the node that an address names, for who may see or change it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from portal.identity.access import reached_nodes
from portal.identity.models import Node, Person
from portal.identity.policies import may_administer, may_inspect
from portal.identity.requests import PersonRequest
from portal.identity.services.tree import record_refused_change


def get_node(request: PersonRequest, public_id: UUID) -> Node:
    """Return the node for somebody who administers or audits it.

    Raises:
        Http404: the person does not reach it.
        PermissionDenied: they have another role there.
    """
    nodes = reached_nodes(request.user).select_related("parent", "organization", "project")
    node = get_object_or_404(nodes, public_id=public_id)
    if not may_inspect(request.user, node):
        raise PermissionDenied
    return node


def get_changeable_node(
    request: PersonRequest,
    public_id: UUID,
    may: Callable[[Person, Node], bool] = may_administer,
) -> Node:
    """Return the node for somebody who may make a change; the attempt of another is written down.

    Raises:
        Http404, PermissionDenied: as ``get_node``.
    """
    nodes = reached_nodes(request.user).select_related("parent", "organization", "project")
    node = get_object_or_404(nodes, public_id=public_id)
    if may(request.user, node):
        return node
    if request.method == "POST":
        record_refused_change(node, actor=request.user)
    raise PermissionDenied
