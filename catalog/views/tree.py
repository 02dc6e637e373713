"""The tree of organizations and projects with what hangs on it; moving a part, ending one."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from catalog.amounts import amount_in_words
from catalog.errors import ConfirmationMismatch
from catalog.services.tree import (
    LevelEffect,
    due_after_end,
    end_node,
    find_obstacles,
    move_node,
    preview_move,
)
from catalog.services.tree_counts import Counts, count_below
from portal.core.errors import DomainError, InvalidInput
from portal.identity.access import roles_of
from portal.identity.models import Node, NodeKind, Role, RoleGrant
from portal.identity.oidc.step_up import kept_input
from portal.identity.outline import Line, outline
from portal.identity.policies import (
    TREE_ROLES,
    inspectable_nodes,
    may_move,
    possible_parents,
)
from portal.identity.reach import ReachChange, may_carry_reach
from portal.identity.requests import PersonRequest
from portal.identity.services.ending import open_grants
from portal.identity.views.nodes import get_changeable_node

PAGE_SIZE: Final = 100
LONGEST_SEARCH: Final = 100  # characters; longer ones are cut
MOST_OBSTACLES: Final = 20  # of each kind, on the page
REACH_SHOWN: Final = 50  # people who get a role, and who lose one


@dataclass(frozen=True)
class TreeRow:
    """A part of the tree with what hangs on it. ``level`` 0 is topmost."""

    node: Node
    level: int
    counts: Counts

    @property
    def is_organization(self) -> bool:
        return self.node.kind == NodeKind.ORGANIZATION


@require_safe
def organization_list(request: PersonRequest) -> HttpResponse:
    """The tree that the person administers or audits; what was asked for as a flat list."""
    roles = roles_of(request.user)
    if not roles & set(TREE_ROLES):
        raise PermissionDenied
    words = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_SEARCH]
    shows_ended = request.GET.get("state") == "ended"
    lines = _lines(request, words, shows_ended)
    page = Paginator(lines, PAGE_SIZE).get_page(request.GET.get("page"))
    counts = count_below([node.pk for _level, node in page])
    context = {
        "page": page,
        "rows": [TreeRow(node, level, counts.get(node.pk, Counts())) for level, node in page],
        "words": words,
        "shows_ended": shows_ended,
        "is_flat": bool(words) or shows_ended,
        "may_administer": Role.QUOTA_ADMINISTRATOR in roles,
    }
    return render(request, "catalog/tree/list.html", context)


def _lines(request: PersonRequest, words: str, shows_ended: bool) -> list[Line]:
    nodes = inspectable_nodes(request.user).filter(ended_at__isnull=not shows_ended)
    nodes = nodes.select_related("parent")
    if not words and not shows_ended:
        return outline(nodes)
    found = nodes.filter(Q(name__icontains=words) | Q(code__icontains=words))
    return [(0, node) for node in found.order_by("name", "pk")]


# --- moving ------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def node_move(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Choose where it goes, see what that means, and move it."""
    node = get_changeable_node(request, public_id, may_move)
    if request.method == "POST":
        return _move(request, node)
    return _render_move(request, node, (kept_input(request) or request.GET).get("parent", ""))


def _move(request: PersonRequest, node: Node) -> HttpResponse:
    chosen = request.POST.get("parent", "")
    try:
        parent_id = UUID(chosen)
    except ValueError:
        error: DomainError = InvalidInput({"parent": [_("Choose an organisation from the list.")]})
        return _render_move(request, node, chosen, error=error)
    try:
        move_node(node.public_id, new_parent=parent_id, actor=request.user)
    except DomainError as refusal:
        return _render_move(request, node, chosen, error=refusal)
    messages.success(request, _("{name} is moved.").format(name=node.name))
    return _to_node(node)


def _render_move(
    request: PersonRequest, node: Node, chosen: str, *, error: DomainError | None = None
) -> HttpResponse:
    parents = list(possible_parents(request.user, node).select_related("parent"))
    parent = next((one for one in parents if str(one.public_id) == chosen), None)
    preview = preview_move(node, parent) if parent else None
    errors = error.errors.get("parent", []) if isinstance(error, InvalidInput) else []
    if chosen and parent is None and not errors:
        errors = [_("Choose an organisation from the list.")]
    context = {
        "node": node,
        "parents": parents,
        "parent": parent,
        "preview": preview,
        "reach": _reach_lists(preview.reach) if preview else [],
        "may_carry": bool(
            parent and preview and may_carry_reach(request.user, node, parent, preview.reach)
        ),
        "rows": [_level_row(effect) for effect in preview.effects] if preview else [],
        "error": None if errors else error,
        "parent_errors": errors,
        "below_count": _count_below(node),
    }
    status = error.http_status if error else HTTPStatus.OK
    if errors:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    return render(request, "catalog/tree/move.html", context, status=status)


def _reach_lists(reach: ReachChange) -> list[tuple[str, str, list[RoleGrant], int]]:
    """Key, title, the first people, and how many more, of who gets and who loses a role."""
    lists = (
        ("gained", _("Who gets a role here"), reach.gained),
        ("lost", _("Who loses a role here"), reach.lost),
    )
    return [
        (key, title, list(grants[:REACH_SHOWN]), max(0, len(grants) - REACH_SHOWN))
        for key, title, grants in lists
    ]


def _level_row(effect: LevelEffect) -> dict[str, Any]:
    metric = effect.metric
    limit = effect.limit
    return {
        "effect": effect,
        "claimed": amount_in_words(metric, effect.claimed),
        "asked": amount_in_words(metric, effect.asked),
        "limit": _("Unlimited") if limit is None else amount_in_words(metric, limit),
    }


def _count_below(node: Node) -> int:
    return Node.objects.filter(ancestor_ids__contains=[node.pk], ended_at=None).count()


# --- ending ------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
def node_end(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Say what is in the way, or what ends with it, and end it once its name was typed."""
    node = get_changeable_node(request, public_id)
    if request.method == "POST":
        return _end(request, node)
    if node.ended_at is not None:
        return redirect("identity:organization", public_id=public_id)
    kept = kept_input(request) or QueryDict()
    return _render_end(request, node, confirmation=kept.get("confirmation", ""))


def _end(request: PersonRequest, node: Node) -> HttpResponse:
    confirmation = request.POST.get("confirmation", "")
    try:
        end_node(node.public_id, actor=request.user, confirmation=confirmation)
    except DomainError as refusal:
        return _render_end(request, node, confirmation=confirmation, error=refusal)
    messages.success(request, _("{name} has ended.").format(name=node.name))
    if inspectable_nodes(request.user).filter(pk=node.pk).exists():
        return _to_node(node)
    return HttpResponseRedirect(reverse("web:home"), status=HTTPStatus.SEE_OTHER)


def _render_end(
    request: PersonRequest,
    node: Node,
    *,
    confirmation: str = "",
    error: DomainError | None = None,
) -> HttpResponse:
    obstacles = find_obstacles(node)
    moment = now()
    grants = open_grants(node, at=moment).select_related("person").order_by("role", "person__name")
    context = {
        "node": node,
        "confirmation": confirmation,
        "error": error,
        "name_error": error if isinstance(error, ConfirmationMismatch) else None,
        "is_blocked": obstacles.exist(),
        "still_due": due_after_end(node, at=moment),
        "children": obstacles.children[:MOST_OBSTACLES],
        "orders": obstacles.orders[:MOST_OBSTACLES],
        "resources": obstacles.resources[:MOST_OBSTACLES],
        "claim_count": obstacles.claims.count(),
        "grants": grants[:MOST_OBSTACLES],
        "grant_count": grants.count(),
    }
    status = error.http_status if error else HTTPStatus.OK
    return render(request, "catalog/tree/end.html", context, status=status)


def _to_node(node: Node) -> HttpResponse:
    address = reverse("identity:organization", args=[node.public_id])
    return HttpResponseRedirect(address, status=HTTPStatus.SEE_OTHER)
