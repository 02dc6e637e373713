"""Who can get in at a resource, and the secret for it that is shown once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from catalog.kinds import Kind, get_kind
from catalog.kinds.base import Access
from catalog.kinds.secrets import FORMS, SecretForm
from catalog.models import Resource, ResourceState
from catalog.policies import find_secret, secrets_for
from catalog.services.secrets import ShownSecret, read_secret
from portal.core.calendar import end_of_day
from portal.identity.models import Person
from portal.identity.requests import PersonRequest


@dataclass(frozen=True)
class WaitingSecret:
    """A secret that nobody saw yet, for who looks at the page."""

    slot: str
    form: SecretForm
    expires_at: datetime


@dataclass(frozen=True)
class AccessRow:
    """A credential that works now: whose it is, and until when."""

    whose: str
    expires_at: datetime | None


@dataclass(frozen=True)
class AccessCard:
    """What the card shows."""

    waiting: list[WaitingSecret]
    open: list[AccessRow]


def access_of(request: PersonRequest, resource: Resource) -> AccessCard | None:
    """What waits for this person, and who can get in; None where that is nothing."""
    waiting = [
        WaitingSecret(secret.slot, FORMS[secret.form], secret.expires_at)
        for secret in secrets_for(request.user, resource)
    ]
    kind = get_kind(resource.kind)
    access = kind.access(resource.facts)
    if resource.state != ResourceState.ACTIVE:
        access = []
    if not waiting and not access:
        return None
    return AccessCard(waiting=waiting, open=_named(access, kind, resource.end_date))


def show_secret(request: PersonRequest, resource: Resource) -> HttpResponse:
    """The page or the file with it; after this it is nowhere any more.

    Raises:
        SecretGone, SecretUnreadable: as named.
    """
    slot, name = request.POST.get("slot", ""), request.POST.get("file", "")
    secret = find_secret(request.user, resource, slot)
    shown = read_secret(resource, secret.slot, reader=request.user)
    text = shown.file(name)
    if text is None:
        return render(request, "catalog/resources/secret.html", _context(resource, shown))
    answer = HttpResponse(text, content_type="application/octet-stream")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _context(resource: Resource, shown: ShownSecret) -> Mapping[str, Any]:
    form = shown.facts
    return {
        "resource": resource,
        "form": form,
        "rows": [(label, shown.values[name]) for name, label in form.terms if name != form.link],
        "link": shown.values[form.link] if form.link else "",
        "files": [(file, file.write(shown.values)) for file in form.files],
    }


def _named(access: list[Access], kind: Kind, last_day: date | None) -> list[AccessRow]:
    """With the names of whom they belong to. None outlives the term. One query."""
    term = end_of_day(last_day) if last_day else None
    people = [row.person for row in access if row.person]
    names = dict(Person.objects.filter(public_id__in=people).values_list("public_id", "name"))
    return [
        AccessRow(
            whose=names.get(row.person, "") if row.person else str(kind.label),
            expires_at=min(filter(None, [row.expires_at, term]), default=None),
        )
        for row in access
    ]
