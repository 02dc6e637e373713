"""Who has which role where: the list, proposing, ending, and what has nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.core.errors import DomainError
from portal.core.models import is_not_over
from portal.identity.access import reached_nodes, standing_grants
from portal.identity.gaps import find_gaps, gaps_after
from portal.identity.models import Node, Person, Role, RoleGrant
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest
from portal.identity.role_forms import ProposalForm, ReasonForm
from portal.identity.role_policies import (
    overseen_nodes,
    people_beside,
    people_in,
    visible_bars,
    visible_grants,
    visible_people,
)
from portal.identity.services.proposals import propose_role
from portal.identity.services.roles import end_grant, lift_bar
from portal.identity.views.choosing import choose_people, words_of

PAGE_SIZE: Final = 50
GAPS_SHOWN: Final = 100


@dataclass(frozen=True, kw_only=True)
class GrantRow:
    """One role of one person that counts on a node.

    Attributes:
        is_inherited: it stands on a node above.
        has_begun: False when its first day has yet to come.
        may_see_person, may_end: what the reader's own roles allow.
    """

    grant: RoleGrant
    is_inherited: bool
    has_begun: bool
    may_see_person: bool
    may_end: bool


@require_safe
def node_roles(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Everybody with a role on this node, those of nodes above included."""
    node = _overseen_node(request, public_id)
    role, words = request.GET.get("role", ""), words_of(request.GET.get("q"))
    grants = _grants_on(node)
    if role in Role.values:
        grants = grants.filter(role=role)
    if words:
        grants = grants.filter(person__name__icontains=words)
    page = Paginator(grants, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "node": node,
        "parent_visible": overseen_nodes(request.user).filter(children=node).exists(),
        "page": page,
        "rows": _rows(request.user, node, list(page)),
        "roles": Role.choices,
        "role": role,
        "words": words,
        "bars": visible_bars(request.user)
        .filter(node=node)
        .select_related("person", "barred_by")
        .order_by("-barred_at"),
        "parts": overseen_nodes(request.user)
        .filter(parent=node, ended_at=None)
        .order_by("name", "pk"),
        "may_propose": _administers(request.user, node) and node.ended_at is None,
    }
    return render(request, "identity/roles/node.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def role_propose(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Ask for a role for somebody; a colleague decides."""
    node = _administered_node(request, public_id)
    words = words_of(request.GET.get("q") or request.POST.get("q"))
    chosen = request.POST.get("person") or request.GET.get("person") or ""
    choice = choose_people(
        people_beside(node).exclude(pk=request.user.pk),
        near=people_in(node),
        words=words,
        chosen=chosen,
    )
    form = ProposalForm(
        request.POST if request.method == "POST" else None,
        people=choice.people,
        initial={"person": chosen, "role": request.GET.get("role", "")},
    )
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            try:
                proposal = propose_role(form.wanted(node), actor=request.user)
            except DomainError as error:
                form.show(error)
                status = error.http_status
            else:
                messages.success(request, _("Proposed. A colleague decides within 14 days."))
                return redirect("identity:role-proposal", public_id=proposal.public_id)
    context = {"node": node, "form": form, "words": words, "has_more": choice.has_more}
    return render(request, "identity/roles/propose.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def role_end(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """End a role, after a page that says what that means."""
    grants = visible_grants(request.user).select_related("person", "node", "granted_by")
    grant = get_object_or_404(grants, public_id=public_id)
    if not _administers(request.user, grant.node):
        raise PermissionDenied
    form = ReasonForm(request.POST if request.method == "POST" else kept_input(request))
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                end_grant(public_id, actor=request.user, reason=form.cleaned_data["reason"])
            except DomainError as error:
                form.show(error)
                status = error.http_status
            else:
                messages.success(request, _("The role has ended."))
                return redirect("identity:roles", public_id=grant.node.public_id)
    context = {"grant": grant, "form": form, "gaps": gaps_after([grant])}
    return render(request, "identity/roles/end.html", context, status=status)


@require_POST
def bar_lift(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Let the provider give a role again."""
    bar = get_object_or_404(visible_bars(request.user).select_related("node"), public_id=public_id)
    try:
        lift_bar(public_id, actor=request.user)
    except DomainError as error:
        context = {"node": bar.node, "error": error}
        return render(request, "identity/roles/refused.html", context, status=error.http_status)
    messages.success(request, _("From the next login on the provider may give this role again."))
    return redirect("identity:roles", public_id=bar.node.public_id)


@require_safe
def gap_list(request: PersonRequest) -> HttpResponse:
    """What has no owner now, among everything that the person oversees."""
    if not overseen_nodes(request.user).exists():
        raise PermissionDenied
    gaps = find_gaps(request.user)
    parts = [
        (
            "owner",
            _("Projects without an owner"),
            _("Appoint an owner who works here."),
            gaps.without_owner,
        ),
        (
            "approver",
            _("Projects that nobody can approve for"),
            _("Orders wait here for nobody. Propose an approver."),
            gaps.without_approver,
        ),
        (
            "administrator",
            _("Parts that no quota administrator reaches"),
            _("Nobody can give roles here. Ask the provider for one, or somebody from above."),
            gaps.without_administrator,
        ),
    ]
    context = {
        "parts": [
            (key, title, advice, list(nodes.select_related("parent")[:GAPS_SHOWN]), nodes.count())
            for key, title, advice, nodes in parts
        ]
    }
    return render(request, "identity/roles/gaps.html", context)


def _overseen_node(request: PersonRequest, public_id: UUID) -> Node:
    """A node that the person does not reach is not there; one they may not oversee is refused."""
    node = get_object_or_404(
        reached_nodes(request.user).select_related("parent"), public_id=public_id
    )
    if not overseen_nodes(request.user).filter(pk=node.pk).exists():
        raise PermissionDenied
    return node


def _administered_node(request: PersonRequest, public_id: UUID) -> Node:
    node = _overseen_node(request, public_id)
    if not _administers(request.user, node):
        raise PermissionDenied
    return node


def _administers(person: Person, node: Node) -> bool:
    return reached_nodes(person, Role.QUOTA_ADMINISTRATOR).filter(pk=node.pk).exists()


def _grants_on(node: Node) -> QuerySet[RoleGrant]:
    """What counts on the node: held now, to come, or back at the next login."""
    counts = Q(pk__in=standing_grants().values("pk")) | is_not_over(now())
    grants = RoleGrant.objects.filter(counts, node__in=node.lineage_ids, person__is_active=True)
    return grants.select_related("person", "node", "granted_by").order_by(
        "person__name", "role", "pk"
    )


def _rows(reader: Person, node: Node, grants: Sequence[RoleGrant]) -> list[GrantRow]:
    """The rows of a page. Three queries."""
    lineage = node.lineage_ids
    people_ids = [grant.person_id for grant in grants]
    administered = set(
        reached_nodes(reader, Role.QUOTA_ADMINISTRATOR)
        .filter(pk__in=lineage)
        .values_list("pk", flat=True)
    )
    visible = set(visible_people(reader).filter(pk__in=people_ids).values_list("pk", flat=True))
    moment = now()
    return [
        GrantRow(
            grant=grant,
            is_inherited=grant.node_id != node.pk,
            has_begun=grant.valid_from <= moment,
            may_see_person=grant.person_id in visible,
            may_end=grant.node_id in administered and grant.person_id != reader.pk,
        )
        for grant in grants
    ]
