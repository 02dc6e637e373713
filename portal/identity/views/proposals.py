"""Deciding on roles: what waits, one proposal with everything that matters, yes or no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal.core.errors import DomainError
from portal.identity.access import standing_grants
from portal.identity.gaps import find_gaps
from portal.identity.link_policies import links_to_decide, waiting_links
from portal.identity.models import ProposalState, Role, RoleProposal
from portal.identity.oidc.step_up import kept_input
from portal.identity.requests import PersonRequest
from portal.identity.role_policies import (
    overseen_nodes,
    proposals_to_decide,
    visible_proposals,
)
from portal.identity.services.proposals import grant_role, refuse_role, withdraw_proposal

SHOWN: Final = 50  # of each list
TONES: Final = {
    ProposalState.PROPOSED: "neutral",
    ProposalState.GRANTED: "success",
    ProposalState.REFUSED: "error",
    ProposalState.WITHDRAWN: "neutral",
    ProposalState.EXPIRED: "neutral",
}


@require_safe
def proposal_list(request: PersonRequest) -> HttpResponse:
    """What waits for this person, what they wait for, and where roles stand."""
    overseen = overseen_nodes(request.user)
    if not overseen.exists():
        raise PermissionDenied
    waiting = visible_proposals(request.user).filter(state=ProposalState.PROPOSED)
    to_decide = proposals_to_decide(request.user)
    facts = ("person", "absent", "node", "proposed_by")
    others = waiting.exclude(pk__in=to_decide.values("pk"))
    tops = overseen.filter(ended_at=None).exclude(parent__in=overseen.values("pk"))
    context = {
        "to_decide": to_decide.select_related(*facts).order_by("proposed_at")[:SHOWN],
        "others": others.select_related(*facts).order_by("proposed_at")[:SHOWN],
        "links": waiting_links(request.user)[:SHOWN],
        "links_to_decide": links_to_decide(request.user),
        "tops": tops.order_by("name", "pk")[:SHOWN],
        "gap_count": find_gaps(request.user).count(),
    }
    return render(request, "identity/roles/proposals.html", context)


@require_safe
def proposal_detail(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """One proposal, with the decision where this person may take it."""
    return _render(request, _get(request, public_id))


@require_POST
def proposal_grant(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Yes."""

    def grant(reason: str) -> Any:
        return grant_role(public_id, actor=request.user, reason=reason)

    return _settle(request, public_id, grant, _("Granted. It holds from the first day."))


@require_POST
def proposal_refuse(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """No, with a reason."""

    def refuse(reason: str) -> Any:
        return refuse_role(public_id, actor=request.user, reason=reason)

    return _settle(request, public_id, refuse, _("Refused. Who proposed it reads your reason."))


@require_POST
def proposal_withdraw(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """Take one's own proposal back."""

    def withdraw(_reason: str) -> Any:
        return withdraw_proposal(public_id, actor=request.user)

    return _settle(request, public_id, withdraw, _("Withdrawn. Nothing has changed."))


def _settle(
    request: PersonRequest, public_id: UUID, service: Callable[[str], Any], done: str
) -> HttpResponse:
    _get(request, public_id)
    reason = request.POST.get("reason", "")
    try:
        service(reason)
    except DomainError as error:
        return _render(request, _get(request, public_id), error=error, reason=reason)
    messages.success(request, done)
    return redirect("identity:role-proposal", public_id=public_id)


def _get(request: PersonRequest, public_id: UUID) -> RoleProposal:
    proposals = visible_proposals(request.user).select_related(
        "person", "absent", "node__parent", "proposed_by", "decided_by"
    )
    return get_object_or_404(proposals, public_id=public_id)


def _render(
    request: PersonRequest,
    proposal: RoleProposal,
    *,
    error: DomainError | None = None,
    reason: str | None = None,
) -> HttpResponse:
    kept = _kept(request, proposal)
    context = {
        "proposal": proposal,
        "is_overseer": overseen_nodes(request.user).filter(pk=proposal.node_id).exists(),
        "tone": TONES[ProposalState(proposal.state)],
        "held": standing_grants()
        .filter(person=proposal.person, node__in=overseen_nodes(request.user))
        .select_related("node")
        .order_by("role", "pk"),
        "is_approver": proposal.role == Role.APPROVER,
        "may_decide": proposals_to_decide(request.user).filter(pk=proposal.pk).exists(),
        "may_withdraw": proposal.proposed_by_id == request.user.pk
        and proposal.state == ProposalState.PROPOSED,
        "error": error,
        "reason": kept.get("reason", "") if reason is None else reason,
    }
    status = error.http_status if error else 200
    return render(request, "identity/roles/proposal.html", context, status=status)


def _kept(request: PersonRequest, proposal: RoleProposal) -> QueryDict:
    """What the person filled in for this proposal before they had to log in again."""
    action = reverse("identity:role-proposal-grant", args=[proposal.public_id])
    return kept_input(request, action) or QueryDict()
