"""One's own account: roles with where they come from, the deputy, sessions."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_safe

from portal.identity.access import grants_in_force
from portal.identity.models import RoleGrant
from portal.identity.requests import PersonRequest
from portal.identity.role_policies import deputies_of, is_approver, replaced_by
from portal.identity.views.people import appoint_on_page


@require_safe
def account(request: PersonRequest) -> HttpResponse:
    """What this person holds, until when, and who stands in for whom."""
    person = request.user
    grants = grants_in_force(person).select_related("node", "granted_by")
    later = RoleGrant.objects.filter(person=person, valid_from__gt=now(), end_reason="")
    context = {
        "grants": grants.order_by("role", "pk"),
        "later": later.select_related("node").order_by("valid_from"),
        "is_approver": is_approver(person),
        "deputies": deputies_of(person).order_by("valid_from"),
        "replaces": replaced_by(person).order_by("valid_from"),
    }
    return render(request, "identity/account/overview.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def own_deputy(request: PersonRequest) -> HttpResponse:
    """Appoint a deputy for one's own decisions."""
    done = redirect("identity:account")
    return appoint_on_page(request, request.user, done, "identity/account/deputy.html")
