"""The first page after logging in."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from portal.core.calendar import BUSINESS_TIME
from portal.identity.access import roles_of
from portal.identity.models import Role
from portal.identity.requests import PersonRequest, wants_panel
from portal.identity.services.break_glass import recent_uses
from portal.web.home import find_fullest, find_running, read_money
from portal.web.home_tasks import find_tasks
from portal.web.stack import read_cloud_progress


@require_safe
def home(request: PersonRequest) -> HttpResponse:
    """What waits on this person, and how far the cloud is while it starts."""
    progress = read_cloud_progress()
    if wants_panel(request):
        return render(request, "web/_cloud_progress.html", {"progress": progress})
    person, moment = request.user, now()
    roles = roles_of(person)
    context: dict[str, Any] = {
        "greeting": greeting(),
        "progress": progress,
        "has_roles": bool(roles),
    }
    if roles:
        context |= {
            "tasks": find_tasks(person, at=moment),
            "running": find_running(person),
            "money": read_money(person, at=moment),
            "fullest": find_fullest(person),
            "may_order": Role.REQUESTER in roles,
            "is_auditor": Role.AUDITOR in roles,
            "emergencies": recent_uses() if Role.AUDITOR in roles else [],
        }
    return render(request, "web/home.html", context)


def greeting() -> str:
    """Good morning, afternoon or evening, by the clock in Amsterdam."""
    hour = now().astimezone(BUSINESS_TIME).hour
    if hour < 12:
        return gettext("Good morning")
    return gettext("Good afternoon") if hour < 18 else gettext("Good evening")
