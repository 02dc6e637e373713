"""The first page after logging in."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from portal.core.calendar import BUSINESS_TIME
from portal.identity.requests import PersonRequest, wants_panel
from portal.web.stack import read_cloud_progress


@require_safe
@login_required
def home(request: PersonRequest) -> HttpResponse:
    """What waits on this person, and how far the cloud is while it starts."""
    progress = read_cloud_progress()
    if wants_panel(request):
        return render(request, "web/_cloud_progress.html", {"progress": progress})
    return render(request, "web/home.html", {"greeting": greeting(), "progress": progress})


def greeting() -> str:
    """Good morning, afternoon or evening, by the clock in Amsterdam."""
    hour = timezone.now().astimezone(BUSINESS_TIME).hour
    if hour < 12:
        return gettext("Good morning")
    return gettext("Good afternoon") if hour < 18 else gettext("Good evening")
