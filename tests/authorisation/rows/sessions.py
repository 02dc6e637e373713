"""Where people are logged in: everybody ends their own sessions, operators those of others."""

from __future__ import annotations

from django.test import Client

from portal.identity.models import LoginSession, Person, Role
from tests.authorisation.rows.things import employee
from tests.authorisation.vocabulary import Change, Row, Who, act, public, see
from tests.authorisation.world import Tenant
from tests.logins import log_in

OPERATORS = {Role.OPERATOR}
OWNER = {Who.ASKER}


def session(tenant: Tenant) -> LoginSession:
    """Of the requester, in some other browser."""
    log_in(Client(), tenant.asker)
    return LoginSession.objects.filter(identity__person=tenant.asker).latest("pk")


def session_of_employee(tenant: Tenant) -> tuple[Person, LoginSession]:
    return tenant.asker, session(tenant)


ROWS = [
    # the way in for emergencies, which is closed
    public("GET", "identity:break-glass", answer=404),
    public("POST", "identity:break-glass", answer=404, body={"password": "x"}),
    # one's own
    see("identity:sessions"),
    act("identity:session-end", of=session, by=OWNER, seen_by=OWNER, answer=303),
    act("identity:session-end-others", answer=303),
    see("session-list"),
    Row(
        method="DELETE",
        route="session-detail",
        of=session,
        by=OWNER,
        seen_by=OWNER,
        unseen=404,
        answer=204,
        changes=Change.FACTS,
    ),
    # those of others
    see("identity:person-sessions", of=employee, by=OPERATORS, seen_by=OPERATORS),
    act(
        "identity:person-session-end",
        of=session_of_employee,
        by=OPERATORS,
        seen_by=OPERATORS,
        is_strong=True,
    ),
]
