"""Requests for more quota, as pages and for programs."""

from __future__ import annotations

from portal.identity.models import Role
from tests.authorisation.rows.things import (
    more_to_ask,
    node_of_project,
    own_request,
    request_of_colleague,
)
from tests.authorisation.vocabulary import Who, act, call, see

ASKERS = {Role.REQUESTER, Role.QUOTA_ADMINISTRATOR}
READERS = {Role.QUOTA_ADMINISTRATOR, Role.AUDITOR}
GIVERS = {Role.QUOTA_ADMINISTRATOR}
# Of a project the directorate gives: who governs that, or the ministry above it.
DECIDING = {"of": request_of_colleague, "seen_by": READERS, "by": GIVERS, "is_strong": True}
OWN = {"of": own_request, "seen_by": {*READERS, Who.ASKER}, "by": {Who.ASKER}}

ROWS = [
    see("catalog:quota-requests"),
    see("catalog:quota-request-new", by=ASKERS),
    see(
        "catalog:quota-request-new",
        case="for a project",
        query=node_of_project,
        by=ASKERS,
        seen_by=ASKERS,
        unseen=404,
        asks_role_first=True,
    ),
    act(
        "catalog:quota-request-new",
        body=more_to_ask,
        by=ASKERS,
        seen_by=ASKERS,
        unseen=422,
        asks_role_first=True,
    ),
    see("catalog:quota-request", of=request_of_colleague, by=READERS, seen_by=READERS),
    act("catalog:quota-request-confirm", **DECIDING),
    act("catalog:quota-request-refuse", body={"reason": "Ruim eerst op."}, **DECIDING),
    act("catalog:quota-request-take-back", **OWN),
    see("api:quota-request-list"),
    see("api:quota-request-list", case="of a project", query=node_of_project),
    see("api:quota-request-detail", of=request_of_colleague, by=READERS, seen_by=READERS),
    call("api:quota-request-list", body=more_to_ask, by=ASKERS, unseen=400),
    call(
        "api:quota-request-decision",
        body={"decision": "confirmed"},
        answer=200,
        **DECIDING,
    ),
    call("api:quota-request-withdrawal", answer=200, **OWN),
]
