"""One's own account: roles with where they come from, the deputy, this login, sessions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from portal.identity.access import grants_in_force
from portal.identity.models import RoleGrant
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.session import LoginFacts, current_login
from portal.identity.requests import PersonRequest
from portal.identity.role_forms import DeputyForm
from portal.identity.role_policies import (
    deputies_of,
    is_approver,
    proposals_to_decide,
    replaced_by,
)
from portal.identity.services.deputies import appoint_deputy
from portal.identity.views.people import deputy_page
from portal.identity.views.wording import LEVEL_NAMES, methods_in_words, provider_name


@require_safe
def account(request: PersonRequest) -> HttpResponse:
    """What this person holds, until when, and who stands in for whom."""
    person = request.user
    grants = grants_in_force(person).select_related("node", "granted_by")
    later = RoleGrant.objects.filter(person=person, valid_from__gt=now(), end_reason="")
    login = current_login(request)
    context = {
        "login": _login_in_words(login) if login else None,
        "grants": grants.order_by("role", "pk"),
        "later": later.select_related("node").order_by("valid_from"),
        "is_approver": is_approver(person),
        "deputies": deputies_of(person).order_by("valid_from"),
        "replaces": replaced_by(person).order_by("valid_from"),
        "proposals": proposals_to_decide(person)
        .filter(absent=person)
        .select_related("person", "proposed_by", "absent", "node")
        .order_by("proposed_at"),
    }
    return render(request, "identity/account/overview.html", context)


def _login_in_words(login: LoginFacts) -> dict[str, Any]:
    """What the session knows of how it began; what the provider did not say is empty."""
    return {
        "provider": provider_name(login.provider),
        "level": LEVEL_NAMES[Assurance(login.level)] if login.level else "",
        "methods": methods_in_words(login.methods),
        "at": datetime.fromtimestamp(login.auth_time, UTC) if login.auth_time else None,
    }


@require_http_methods(["GET", "HEAD", "POST"])
def own_deputy(request: PersonRequest) -> HttpResponse:
    """Appoint a deputy for one's own decisions."""

    def appoint(form: DeputyForm) -> HttpResponse:
        appoint_deputy(**form.chosen(), actor=request.user)
        messages.success(request, _("The deputy is appointed."))
        return redirect("identity:account")

    return deputy_page(
        request, request.user, "identity/account/deputy.html", DeputyForm, carry_out=appoint
    )
