"""Emergency access: a one-time password from the server, for when nobody can log in any more.

Loud by design: every password, every try and every use is an audit entry and a CRITICAL log line.
Locks: password, then person, then the audit head.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from portal.audit.macs import keyed_hash
from portal.audit.models import Result
from portal.audit.refusals import record_counted_refusal
from portal.audit.services import record
from portal.core.errors import DomainError
from portal.core.locks import lock_break_glass
from portal.core.models import is_in_force
from portal.core.origin import current_origin
from portal.identity.models import (
    BreakGlassAttempt,
    BreakGlassPassword,
    Identity,
    Node,
    PasswordOutcome,
    Person,
    Role,
    RoleGrant,
)
from portal.identity.models.break_glass import PASSWORD_TERM

log = logging.getLogger(__name__)

PROVIDER: Final = "break-glass"  # stands in the session where others have their provider's key
ISSUER: Final = "urn:cloudloket:break-glass"
SUBJECT: Final = "emergency-access"
NAME: Final = "Noodtoegang"
ROLES: Final = (Role.OPERATOR, Role.QUOTA_ADMINISTRATOR)
TERM: Final = timedelta(hours=1)  # of the session and of its roles

ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that is read aloud as something else
GROUPS: Final = 7
GROUP_LENGTH: Final = 4  # 28 characters of 5 bits: 140 bits

ATTEMPT_WINDOW: Final = timedelta(minutes=15)
MOST_PER_ADDRESS: Final = 5
MOST_ALTOGETHER: Final = 30
ATTEMPTS_KEPT_FOR: Final = timedelta(days=90)
SHOWN_FOR: Final = timedelta(days=30)  # to every auditor, after a use


class BreakGlassOff(DomainError):
    code = "break_glass_off"
    http_status = 404
    message = _("Emergency access is switched off.")


class BreakGlassRefused(DomainError):
    """The same for a wrong, an expired, a used and a never issued password."""

    code = "break_glass_refused"
    http_status = 403
    message = _("This password is not right, or no longer valid.")


class TooManyAttempts(DomainError):
    code = "too_many_attempts"
    http_status = 429
    message = _("There were too many tries. Wait 15 minutes, or ask for a new password.")


@dataclass(frozen=True)
class EmergencyAccess:
    """The way in itself, for a try that was not judged and so left no row. It has one id."""

    public_id: UUID


@transaction.atomic(durable=True)
def issue_password(*, reason: str, issued_by: str) -> str:
    """Return a new one-time password; whatever was open is worth nothing any more.

    Args:
        reason, issued_by: in words; stored beside the password, shown to auditors.

    Raises:
        BreakGlassOff: the settings do not have it.
    """
    if not settings.BREAK_GLASS:
        raise BreakGlassOff()
    lock_break_glass()
    for earlier in BreakGlassPassword.objects.select_for_update().filter(closed_at=None):
        is_over = earlier.expires_at <= now()
        _close(earlier, PasswordOutcome.EXPIRED if is_over else PasswordOutcome.REPLACED)
    secret = "".join(secrets.choice(ALPHABET) for _ in range(GROUPS * GROUP_LENGTH))
    moment = now()
    password = BreakGlassPassword.objects.create(
        secret_hash=make_password(secret),
        reason=reason,
        issued_by=issued_by,
        issued_at=moment,
        expires_at=moment + PASSWORD_TERM,
    )
    record("break_glass.issued", password, actor=None)
    _shout("an emergency password was issued", password)
    return "-".join(
        secret[start : start + GROUP_LENGTH] for start in range(0, len(secret), GROUP_LENGTH)
    )


def log_in_with_password(typed: str) -> Person:
    """Use the open password, and return the emergency person with roles for an hour.

    Every try is counted before it is judged, so that many at once do not get past the limit.

    Raises:
        BreakGlassOff: the settings do not have it.
        TooManyAttempts: from this address, or altogether, since the last password was issued.
        BreakGlassRefused: it is not the open password, whatever the cause.
    """
    if not settings.BREAK_GLASS:
        raise BreakGlassOff()
    try:
        attempt = _count_attempt()
    except TooManyAttempts:
        _record_too_many()
        raise
    person = _use_password(_normalized(typed))
    if person is None:
        _record_refused(attempt)
        raise BreakGlassRefused()
    return person


def recent_uses() -> list[BreakGlassPassword]:
    """The passwords that were used lately, the newest first: shown to every auditor."""
    used = BreakGlassPassword.objects.filter(
        outcome=PasswordOutcome.USED, closed_at__gte=now() - SHOWN_FOR
    )
    return list(used.order_by("-closed_at"))


def forget_old_attempts() -> int:
    """Forget tries of long ago; the audit trail keeps them. Returns how many there were."""
    old = BreakGlassAttempt.objects.filter(at__lt=now() - ATTEMPTS_KEPT_FOR)
    return old.delete()[0]


@transaction.atomic(durable=True)
def _count_attempt() -> BreakGlassAttempt:
    lock_break_glass()
    address, moment = current_origin().address, now()
    since = moment - ATTEMPT_WINDOW
    newest = BreakGlassPassword.objects.order_by("-issued_at").first()
    if newest:
        since = max(since, newest.issued_at)
    lately = BreakGlassAttempt.objects.filter(at__gt=since)
    if (
        lately.filter(address=address).count() >= MOST_PER_ADDRESS
        or lately.count() >= MOST_ALTOGETHER
    ):
        log.critical("break-glass: too many tries, the last from %s", address)
        raise TooManyAttempts()
    return BreakGlassAttempt.objects.create(address=address, at=moment)


@transaction.atomic(durable=True)
def _use_password(secret: str) -> Person | None:
    """The emergency person; None when this is not the open password."""
    password = _lock_open_password()
    is_right = check_password(secret, password.secret_hash if password else _hash_of_nothing())
    if password is None or not is_right:
        return None
    person = _emergency_person()
    if not person.is_active:
        return None
    _close(password, PasswordOutcome.USED)
    grants = _grant_roles(person)
    record("break_glass.used", password, actor=person, data={"person": person.pk})
    for grant in grants:
        data = {"role": grant.role, "person": person.pk, "provider": PROVIDER}
        record("role.granted", grant, actor=None, node_id=grant.node_id, data=data)
    _shout("an emergency password was used", password)
    return person


def _lock_open_password() -> BreakGlassPassword | None:
    is_open = BreakGlassPassword.objects.filter(closed_at=None, expires_at__gt=now())
    return is_open.select_for_update().first()


def _close(password: BreakGlassPassword, outcome: PasswordOutcome) -> None:
    password.closed_at, password.outcome, password.secret_hash = now(), outcome, ""
    password.save(update_fields=["closed_at", "outcome", "secret_hash"])


def _emergency_person() -> Person:
    identity = Identity.objects.filter(issuer=ISSUER, subject=SUBJECT).first()
    if identity is None:
        person = Person.objects.create(name=NAME)
        identity = Identity.objects.create(person=person, issuer=ISSUER, subject=SUBJECT)
    identity.last_login_at = now()
    identity.save(update_fields=["last_login_at"])
    person = Person.objects.select_for_update().get(pk=identity.person_id)
    person.last_login = now()
    person.save(update_fields=["last_login"])
    return person


def _grant_roles(person: Person) -> list[RoleGrant]:
    """For an hour, on every root of the tree; what was left of an earlier hour ends."""
    moment = now()
    RoleGrant.objects.filter(is_in_force(moment), person=person, issuer=ISSUER).update(
        valid_until=moment
    )
    return [
        RoleGrant.objects.create(
            person=person,
            node=root,
            role=role,
            issuer=ISSUER,
            valid_from=moment,
            valid_until=moment + TERM,
        )
        for root in Node.objects.filter(parent=None, ended_at=None).order_by("pk")
        for role in ROLES
    ]


@transaction.atomic(durable=True)
def _record_refused(attempt: BreakGlassAttempt) -> None:
    code = BreakGlassRefused.code
    record("break_glass.refused", attempt, actor=None, result=Result.REFUSED, code=code)
    log.critical("break-glass: a wrong emergency password from %s", attempt.address)


def _record_too_many() -> None:
    """Write it down, counted: who may not try may still ask as often as they like."""
    door = EmergencyAccess(UUID(bytes=keyed_hash("break-glass", ISSUER)[:16]))
    record_counted_refusal("break_glass.refused", door, actor=None, code=TooManyAttempts.code)


def _shout(what: str, password: BreakGlassPassword) -> None:
    """Once it is certain. Neither reason nor name: a log is read by more people than auditors."""
    transaction.on_commit(lambda: log.critical("break-glass: %s, %s", what, password.public_id))


def _normalized(typed: str) -> str:
    """What was read aloud and typed over: dashes, spaces and small letters do not matter."""
    return "".join(filter(str.isalnum, typed)).upper()


@cache
def _hash_of_nothing() -> str:
    """Judging takes as long when no password is open."""
    return make_password(secrets.token_hex())
