"""The words of the table: who asks, for what, and what they hear.

A row is one method of one address. Read ``act("catalog:operation-resume", of=failed_operation,
by={Role.REQUESTER, Role.OPERATOR})`` as: of those who reach the operation, requesters and
operators may; others who reach it hear that they may not (403); for everybody else there is no
such operation (404); and who is not logged in is asked to (302 to the login page, 401 in the API).
Whoever may not, changes nothing in the database, but that a 403 stands in the audit trail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from portal.identity.models import Role
from tests.authorisation.world import Tenant

# --- who asks ----------------------------------------------------------------------------------


class Place(StrEnum):
    """Where a visitor has their role, seen from the things that the rows are about."""

    HERE = "here"  # on the directorate that the things belong to
    ABOVE = "above"  # on the ministry of that directorate
    NEXT_DOOR = "next door"  # on another directorate of the same ministry
    ELSEWHERE = "elsewhere"  # on another ministry as a whole


class Who(StrEnum):
    """Beside the six roles a row may name these."""

    ASKER = "asker"  # the requester who placed the orders; other requesters are colleagues
    NOBODY = "nobody"  # logged in, without any role
    EVERY_ROLE = "every role"  # somebody with all six
    CHIEF = "chief"  # quota administrator of the ministry above


@dataclass(frozen=True)
class Visitor:
    """Somebody at the door. A stranger, who is not logged in, has no name and no place."""

    place: Place | None = None
    who: Role | Who | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, [self.who, self.place])) or "stranger"


STRANGER: Final = Visitor()
NOBODY: Final = Visitor(who=Who.NOBODY)
ASKER: Final = Visitor(Place.HERE, Who.ASKER)
CHIEF: Final = Visitor(Place.ABOVE, Who.CHIEF)
VISITORS: Final = (
    STRANGER,
    NOBODY,
    ASKER,
    *(Visitor(Place.HERE, role) for role in Role),
    CHIEF,
    Visitor(Place.NEXT_DOOR, Who.EVERY_ROLE),
    *(Visitor(Place.ELSEWHERE, role) for role in Role),
)

HERE: Final = frozenset({Place.HERE, Place.ABOVE})
MINISTRY: Final = HERE | {Place.NEXT_DOOR}
ROLES: Final = frozenset(Role)
EVERYBODY: Final = frozenset({*Role, Who.NOBODY})  # who is logged in

# --- what they send ----------------------------------------------------------------------------

Sent = Mapping[str, Any] | Callable[[Tenant], Mapping[str, Any]]

# --- what they hear ----------------------------------------------------------------------------


class Change(StrEnum):
    """What is other in the database afterwards."""

    NOTHING = "nothing"
    RECORD = "only the audit trail, which tells of it"
    FACTS = "what was asked for, and the audit trail"
    UNSEEN = "something that nobody can trace"  # no row may say so


@dataclass(frozen=True)
class Outcome:
    """The status of the answer, and what changed."""

    status: int
    change: Change = Change.NOTHING


@dataclass(frozen=True, kw_only=True)
class Row:
    """One operation: a method of an address, and who may do it.

    Attributes:
        of: makes the thing that the address names, for one tenant; the address takes its public
            id, or the number itself; of several, each. None: it names nothing of anybody.
        case: what is special about it, where an operation has more rows than one.
        arguments: what else stands in the address.
        query, body: what is sent, complete and right; a function makes it from the tenant that it
            is about.
        by: who may.
        answer: what who may hears.
        changes: what is other in the database when somebody may; so a body that is no longer
            right cannot pass unseen.
        refused: what the others hear who reach the thing.
        seen_by, seen_from: who reaches the thing, with a role in which places.
        unseen: what the others hear: for them the thing that the address, the query or the body
            names does not exist. None: nothing of a tenant is named.
        asks_role_first: of those who do not reach it, who has not even the role hears ``refused``.
        stranger, stranger_changes: what who is not logged in hears, where that is not the way to
            the login; and what is other in the database then.
        but: what particular visitors hear, where the rest of the row does not tell.
        shows_colleagues: the answer names people of the whole ministry.
        shows_organizations: whoever may reads the names of all organizations of the platform.
        shows_organizations_to: of those who may, who does by their role on the organization that
            runs the platform; here, that is the directorate of the tenant here.
        shows_platform: the answer names the organization that runs the platform; here, that is
            the directorate of the tenant here.
        is_strong: a login that is weak or old leads to a stronger one first.
    """

    method: str
    route: str
    case: str = ""
    of: Callable[[Tenant], Any] | None = None
    arguments: tuple[str, ...] = ()
    query: Sent = field(default_factory=dict)
    body: Sent = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    by: frozenset[Role | Who] | set[Any] = EVERYBODY
    answer: int = 200
    changes: Change = Change.NOTHING
    refused: int = 403
    seen_by: frozenset[Role | Who] | set[Any] = ROLES
    seen_from: frozenset[Place] = HERE
    unseen: int | None = None
    asks_role_first: bool = False
    stranger: int | None = None
    stranger_changes: Change = Change.NOTHING
    but: Mapping[Visitor, int] = field(default_factory=dict)
    shows_colleagues: bool = False
    shows_organizations: bool = False
    shows_organizations_to: frozenset[Role | Who] | set[Any] = frozenset()
    shows_platform: bool = False
    is_strong: bool = False

    def __str__(self) -> str:
        return " ".join(filter(None, [self.method, self.route, self.case]))

    def outcome_for(self, visitor: Visitor, *, is_api: bool) -> Outcome:
        """What happens when this visitor sends the complete and right request."""
        if visitor == STRANGER:
            if self.stranger is None:
                return Outcome(401 if is_api else 302)
            return Outcome(self.stranger, self.stranger_changes)
        if visitor in self.but:
            return self._refusal(self.but[visitor])
        names = names_of(visitor)
        may = bool(names & self.by)
        sees = visitor.place in self.seen_from and bool(names & self.seen_by)
        if self.unseen is not None and not sees:
            return self._refusal(self.unseen if may or not self.asks_role_first else self.refused)
        return Outcome(self.answer, self.changes) if may else self._refusal(self.refused)

    def _refusal(self, status: int) -> Outcome:
        return Outcome(status, Change.RECORD if status == 403 else Change.NOTHING)


def names_of(visitor: Visitor) -> set[Role | Who]:
    """By which names a row may let the visitor in."""
    match visitor.who:
        case None:
            return set()
        case Who.ASKER:
            return {Who.ASKER, Role.REQUESTER}
        case Who.CHIEF:
            return {Who.CHIEF, Role.QUOTA_ADMINISTRATOR}
        case Who.EVERY_ROLE:
            return set(Role)
        case who:
            return {who}


# --- short ways to write a row -----------------------------------------------------------------


def see(route: str, **changes: Any) -> Row:
    """Looking at something: whoever reaches it may, unless ``by`` says otherwise."""
    return _row("GET", route, {"answer": 200, **changes})


def act(route: str, **changes: Any) -> Row:
    """A form that is sent: it changes something, and leads to another page."""
    return _row("POST", route, {"answer": 302, "changes": Change.FACTS, **changes})


def call(route: str, **changes: Any) -> Row:
    """A POST to the API: it changes something, and answers with what it made."""
    return _row("POST", route, {"answer": 201, "changes": Change.FACTS, **changes})


def public(method: str, route: str, *, answer: int = 200, **changes: Any) -> Row:
    """The same for everybody, logged in or not."""
    same = {"stranger": answer, "stranger_changes": changes.get("changes", Change.NOTHING)}
    return _row(method, route, {"answer": answer, **same, **changes})


def _row(method: str, route: str, values: dict[str, Any]) -> Row:
    is_of_tenant = values.get("of") is not None
    values.setdefault("unseen", 404 if is_of_tenant else None)
    values.setdefault("by", ROLES if is_of_tenant else EVERYBODY)
    return Row(method=method, route=route, **values)
