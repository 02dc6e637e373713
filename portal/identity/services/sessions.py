"""Sessions: how they begin, last, and end. An ended one is a stranger's from the next request on.

Ending deletes the row of ``django.contrib.sessions``, which every process asks for at each
request. Locks: logout orders, then the people (whose it is, and who ends it) by primary key, then
login sessions, then the audit head. A session that names who ended it asks for that person's row at
commit; whoever holds the row may be waiting for the session.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils.timezone import now

from portal.audit.services import record
from portal.core.errors import DomainError, NotAllowed
from portal.core.locks import lock_logouts_exclusive, lock_logouts_shared
from portal.core.origin import current_origin
from portal.identity.access import sessions_in_reach, workplace_id
from portal.identity.models import (
    Identity,
    LoginSession,
    Person,
    SessionEnd,
    UsedLogoutToken,
)
from portal.identity.oidc.errors import AccountBlocked, LoginExpired
from portal.identity.oidc.session import LoginFacts
from portal.identity.oidc.validation import LEEWAY_SECONDS, OLDEST_TOKEN_SECONDS
from portal.identity.sensitive import sensitive
from portal.identity.services.roles import lock_people, lock_person

KEPT_FOR: Final = timedelta(days=90)  # so long people see how a session of theirs ended
# So long an ID token may turn up that is older than a logout order, and then some.
ORDERS_KEPT_FOR: Final = timedelta(seconds=2 * OLDEST_TOKEN_SECONDS)
LARGEST_BATCH: Final = 500  # sessions that one round of the clock ends


class LogoutTokenUsed(DomainError):
    code = "logout_token_used"
    http_status = 400


@transaction.atomic(durable=True)
def open_session(
    facts: LoginFacts, *, session_key: str, earlier_key: str | None, expires_at: datetime
) -> LoginSession:
    """Write down which browser session belongs to a login.

    Args:
        earlier_key: key that the same browser's session had before this login.

    Raises:
        AccountBlocked: the person was blocked while they logged in.
        LoginExpired: the provider ended this login while it was on its way.
    """
    lock_logouts_shared()
    _check_not_ended_by_provider(facts)
    identity = Identity.objects.get(issuer=facts.issuer, subject=facts.subject)
    person = lock_person(identity.person_id)
    if not person.is_active:
        raise AccountBlocked()
    for earlier in _living().filter(session_key=earlier_key):
        _end(earlier, SessionEnd.REPLACED)
    origin, moment = current_origin(), now()
    return LoginSession.objects.create(
        identity=identity,
        session_key=session_key,
        sid=facts.sid,
        provider=facts.provider,
        level=facts.level,
        agent=origin.agent,
        address=origin.address,
        created_at=moment,
        last_seen_at=moment,
        expires_at=expires_at,
    )


def note_activity(session_key: str) -> bool:
    """Write down that the person is there; False when their session ended. Locks nobody out."""
    living = LoginSession.objects.filter(session_key=session_key, ended_at=None)
    return bool(living.update(last_seen_at=now()))


@transaction.atomic(durable=True)
def log_out(person_id: int, *, session_key: str | None) -> None:
    """Write down that somebody logged out here."""
    person = lock_person(person_id)
    for session in _living().filter(session_key=session_key):
        _end(session, SessionEnd.OWN, by=person)
    record("person.logged_out", person, actor=person, node_id=workplace_id(person))


@transaction.atomic(durable=True)
def log_out_by_provider(
    *, issuer: str, subject: str, sid: str, token_id: str, issued_at: int, expires_at: int
) -> int:
    """End the sessions that a provider's logout token is about; return how many there were.

    Those that are being opened as well: the order is kept, and ``open_session`` looks for it.

    Args:
        subject, sid: one may be empty; with a ``sid`` only that session ends.
        issued_at, expires_at: seconds since 1970, when the token was made and itself expires.

    Raises:
        LogoutTokenUsed: this token was carried out before.
    """
    lock_logouts_exclusive()
    _keep_order(
        issuer=issuer,
        subject=subject,
        sid=sid,
        token_id=token_id,
        issued_at=datetime.fromtimestamp(issued_at, UTC),
        expires_at=datetime.fromtimestamp(expires_at + LEEWAY_SECONDS, UTC),
    )
    about = Q(identity__issuer=issuer)
    if subject:
        about &= Q(identity__subject=subject)
    if sid:
        about &= Q(sid=sid)
    sessions = list(_living().filter(about))
    for session in sessions:
        _end(session, SessionEnd.PROVIDER)
    for session in sessions:
        person, data = session.identity.person, {"by": "provider"}
        record("person.logged_out", person, actor=None, node_id=workplace_id(person), data=data)
    return len(sessions)


def end_session(public_id: UUID, *, actor: Person) -> LoginSession:
    """End a session of the actor's own, or of somebody whom they reach as operator.

    One that ended already is left as it is.

    Raises:
        NotAllowed: it is somebody else's, out of the actor's reach.
        StrongerLoginNeeded: it is somebody else's, and the actor's login is too weak or old.
    """
    if LoginSession.objects.filter(public_id=public_id, identity__person=actor).exists():
        return _end_one(public_id, SessionEnd.OWN, actor)
    return _end_of_another(public_id, actor)


@sensitive("session.end_of_another")
def _end_of_another(public_id: UUID, operator: Person) -> LoginSession:
    if not sessions_in_reach(operator).filter(public_id=public_id).exists():
        raise NotAllowed()
    return _end_one(public_id, SessionEnd.OPERATOR, operator)


@transaction.atomic(durable=True)
def _end_one(public_id: UUID, how: SessionEnd, by: Person) -> LoginSession:
    holders = LoginSession.objects.filter(public_id=public_id)
    lock_people({holders.values_list("identity__person_id", flat=True).get(), by.pk})
    session = _of_anybody().get(public_id=public_id)
    if session.ended_at is None:
        _end(session, how, by=by)
        _record_ended([session], by)
    return session


@transaction.atomic(durable=True)
def end_other_sessions(person: Person, *, session_key: str) -> int:
    """Log the person out everywhere but in the session with this key; return how many ended."""
    lock_person(person.pk)
    others = list(_living().filter(identity__person=person).exclude(session_key=session_key))
    for session in others:
        _end(session, SessionEnd.OWN, by=person)
    _record_ended(others, person)
    return len(others)


@transaction.atomic
def end_all_sessions(person: Person, *, actor: Person | None, reason: SessionEnd) -> int:
    """End every session of somebody; return how many there were. May be part of a larger act."""
    sessions = end_sessions_of(person, by=actor, how=reason)
    _record_ended(sessions, actor)
    return len(sessions)


def end_sessions_of(person: Person, *, by: Person | None, how: SessionEnd) -> list[LoginSession]:
    """End every session of somebody, as part of a larger act; ``record_sessions_ended`` follows.

    They are found by the logins that are the person's now: before one moves. Also a session that
    a login is opening at this moment is a stranger's: ``session_epoch`` is part of what every
    request's session is checked against.
    """
    Person.objects.select_for_update().filter(pk=person.pk).update(
        session_epoch=F("session_epoch") + 1
    )
    sessions = list(_living().filter(identity__person=person))
    for session in sessions:
        _end(session, how, by=by)
    return sessions


def record_sessions_ended(
    sessions: Iterable[LoginSession], actor: Person | None, *, node_id: int | None
) -> None:
    """Write down what ``end_sessions_of`` ended, at the node where the person belonged then."""
    for session in sessions:
        person = session.identity.person
        data = {"person": person.pk, "how": session.ended_how}
        record("session.ended", session, actor=actor, node_id=node_id, data=data)


def end_by_limit(session_key: str | None, how: SessionEnd) -> None:
    """End the session of a browser that is over, unless it ended already."""
    _end_those(Q(session_key=session_key), how)


def end_lapsed_sessions() -> int:
    """End what nobody came back to, whatever the browser says; return how many there were."""
    moment = now()
    idle_since = moment - timedelta(seconds=settings.SESSION_IDLE_SECONDS)
    return _end_in_turn(Q(expires_at__lte=moment), SessionEnd.ABSOLUTE) + _end_in_turn(
        Q(last_seen_at__lt=idle_since), SessionEnd.IDLE
    )


def _end_in_turn(lapsed: Q, how: SessionEnd) -> int:
    """Each in a transaction of its own, so that nobody waits for the whole round."""
    living = LoginSession.objects.filter(lapsed, ended_at=None).order_by("pk")
    found = list(living.values_list("pk", flat=True)[:LARGEST_BATCH])
    return sum(_end_those(lapsed & Q(pk=pk), how) for pk in found)


@transaction.atomic(durable=True)
def _end_those(which: Q, how: SessionEnd) -> int:
    """End the living sessions for which ``which`` still holds once they are locked."""
    sessions = list(_living().filter(which))
    for session in sessions:
        _end(session, how)
    _record_ended(sessions, None)
    return len(sessions)


@transaction.atomic(durable=True)
def forget_old_sessions() -> int:
    """Forget sessions that ended long ago; return how many there were. Logout orders as well."""
    UsedLogoutToken.objects.filter(expires_at__lt=now()).delete()
    Session.objects.filter(expire_date__lt=now()).delete()  # strangers' too; Django never does
    count, _by_model = LoginSession.objects.filter(ended_at__lt=now() - KEPT_FOR).delete()
    return count


def _of_anybody() -> QuerySet[LoginSession]:
    """Sessions with their people, each locked until the end of the transaction."""
    locked = LoginSession.objects.select_for_update(of=("self",))
    return locked.select_related("identity__person").order_by("pk")


def _living() -> QuerySet[LoginSession]:
    return _of_anybody().filter(ended_at=None)


def _end(session: LoginSession, how: SessionEnd, *, by: Person | None = None) -> None:
    Session.objects.filter(session_key=session.session_key).delete()
    session.session_key = None
    session.ended_at, session.ended_how, session.ended_by = now(), how, by
    session.save(update_fields=["session_key", "ended_at", "ended_how", "ended_by"])


def _record_ended(sessions: Iterable[LoginSession], actor: Person | None) -> None:
    for session in sessions:
        workplace = workplace_id(session.identity.person)
        record_sessions_ended([session], actor, node_id=workplace)


def _keep_order(*, expires_at: datetime, **order: Any) -> None:
    kept_until = max(expires_at, now() + ORDERS_KEPT_FOR)
    try:
        with transaction.atomic():
            UsedLogoutToken.objects.create(expires_at=kept_until, **order)
    except IntegrityError as error:
        if "logout_token_used_once" not in str(error):
            raise
        raise LogoutTokenUsed() from error


def _check_not_ended_by_provider(facts: LoginFacts) -> None:
    """Was the provider's order to end this login here before the login itself?

    Clocks tell whole seconds: of order and login in the same one, the order counts.
    """
    orders = UsedLogoutToken.objects.filter(
        issuer=facts.issuer,
        subject__in=["", facts.subject],
        sid__in=["", facts.sid],
        issued_at__gte=datetime.fromtimestamp(facts.issued_at, UTC),
    )
    if orders.exists():
        raise LoginExpired("the provider ended this login meanwhile")
