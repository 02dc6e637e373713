"""The audit trail for auditors: the list, one entry, and a file."""

from __future__ import annotations

import json
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import localdate
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal.audit.reading import (
    Position,
    after,
    before,
    newest_anchor,
    newest_proof,
    note_export,
    note_reading,
    read_slice,
)
from portal.identity.requests import PersonRequest
from portal.web.trail.access import Reach
from portal.web.trail.exporting import CONTENT_TYPES, export
from portal.web.trail.filters import TrailForm
from portal.web.trail.rows import Row, with_names
from portal.web.trail.wording import CHANNELS, RESULT_TONES, label_of

PAGE_SIZE: Final = 50


@require_safe
@never_cache
def audit_list(request: PersonRequest) -> HttpResponse:
    """What was done in the part of the tree that the auditor reaches, newest first."""
    reach = _reach(request)
    form = TrailForm(request.GET, reach=reach)
    context: dict[str, Any] = {"form": form, "is_filtered": _is_filtered(request)}
    if not form.is_valid():
        return render(request, "web/audit/list.html", context, status=422)
    part = read_slice(
        form.filter().apply(reach.entries()),
        size=PAGE_SIZE,
        older_than=Position.read(request.GET.get("older", "")),
        newer_than=Position.read(request.GET.get("newer", "")),
    )
    note_reading(request.user)
    context |= {
        "rows": [_in_words(row) for row in with_names(part.entries)],
        "newer_url": _other_part(request, "newer", part.newer),
        "older_url": _other_part(request, "older", part.older),
        "query": _query(request).urlencode(),
        "sees_everything": reach.is_everything,
        **_proof(),
    }
    return render(request, "web/audit/list.html", context)


@require_safe
@never_cache
def audit_entry(request: PersonRequest, *, chain: int, sequence: int) -> HttpResponse:
    """One entry, with what happened to the same thing before and after it."""
    entries = Reach.of(request.user).entries()
    entry = get_object_or_404(entries, chain=chain, sequence=sequence)
    note_reading(request.user)
    same = entries.filter(subject_public_id=entry.subject_public_id)
    (row,) = with_names([entry])
    context = {
        **_in_words(row),
        "data": json.dumps(entry.data, indent=2, ensure_ascii=False, sort_keys=True),
        "mac": bytes(entry.mac).hex(),
        "previous_mac": bytes(entry.previous_mac).hex(),
        "earlier": before(same, Position.of(entry)).order_by("-at", "-id").first(),
        "later": after(same, Position.of(entry)).order_by("at", "id").first(),
        **_proof(),
    }
    return render(request, "web/audit/entry.html", context)


@require_safe
@never_cache
def audit_export(request: PersonRequest, *, form: str) -> HttpResponseBase:
    """The entries of the filter as a file, written while it is read."""
    reach = _reach(request)
    if form not in CONTENT_TYPES:
        raise Http404
    asked = TrailForm(request.GET, reach=reach)
    if not asked.is_valid():
        context = {"form": asked, "is_filtered": True}
        return render(request, "web/audit/list.html", context, status=422)
    chosen = asked.filter()
    note_export(request.user, form=form, asked=chosen.as_json())
    return StreamingHttpResponse(
        export(chosen.apply(reach.entries()), form),
        content_type=CONTENT_TYPES[form],
        headers={
            "Content-Disposition": f'attachment; filename="audit-{localdate().isoformat()}.{form}"'
        },
    )


def _reach(request: PersonRequest) -> Reach:
    """What the person audits.

    Raises:
        PermissionDenied: nothing.
    """
    reach = Reach.of(request.user)
    if not reach:
        raise PermissionDenied
    return reach


def _query(request: PersonRequest) -> Any:
    """The filter of this address, without the place in the list."""
    query = request.GET.copy()
    for name in ("older", "newer"):
        query.pop(name, None)
    return query


def _is_filtered(request: PersonRequest) -> bool:
    return any(_query(request).values())


def _other_part(request: PersonRequest, name: str, position: Position | None) -> str:
    if position is None:
        return ""
    query = _query(request)
    query[name] = str(position)
    return f"?{query.urlencode()}"


def _in_words(row: Row) -> dict[str, Any]:
    entry = row.entry
    return {
        "entry": entry,
        "actor": row.actor,
        "node": row.node,
        "label": label_of(entry.event),
        "tone": RESULT_TONES.get(entry.result, "error"),
        "channel": CHANNELS.get(entry.channel, ""),
    }


def _proof() -> dict[str, Any]:
    return {"proof": newest_proof(), "anchor": newest_anchor()}
