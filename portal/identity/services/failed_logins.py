"""Logins that did not happen, of people we know and of strangers."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from portal.audit.macs import keyed_hash
from portal.audit.models import Result
from portal.audit.refusals import record_counted_refusal
from portal.identity.access import workplace_id
from portal.identity.models import Person


@dataclass(frozen=True)
class IdentityProvider:
    """A provider, when nobody can say who it was that came from there."""

    public_id: UUID


@dataclass(frozen=True)
class Stranger:
    """Somebody whom a provider knows and we do not. The same stranger has the same id."""

    public_id: UUID


def record_failed_login(
    *, provider_key: str, code: str, status: int, issuer: str = "", subject: str = ""
) -> None:
    """Write down that a login failed; many from one address within a minute are counted.

    Args:
        code, status: of the ``LoginFailure``. A 403 is a refusal, anything else went wrong.
        subject: who the provider says it was, at ``issuer``; empty when it did not come so far.
            Of a stranger a keyed hash is kept and nothing else.
    """
    person = _find_person(issuer, subject)
    record_counted_refusal(
        "person.login_refused" if person else "login.failed",
        person or _unknown(provider_key, issuer, subject),
        actor=person,
        node_id=workplace_id(person) if person else None,
        code=code,
        result=Result.REFUSED if status == HTTPStatus.FORBIDDEN else Result.FAILED,
        data={"provider": provider_key},
    )


def record_refused_logout(*, provider_key: str, code: str) -> None:
    """Write down that a provider's order to end sessions was not trusted."""
    record_counted_refusal(
        "logout.refused",
        _unknown(provider_key, "", ""),
        actor=None,
        code=code,
        data={"provider": provider_key},
    )


def _find_person(issuer: str, subject: str) -> Person | None:
    if not subject:
        return None
    return Person.objects.filter(identities__issuer=issuer, identities__subject=subject).first()


def _unknown(provider_key: str, issuer: str, subject: str) -> IdentityProvider | Stranger:
    if subject:
        return Stranger(_id_of("stranger", issuer, subject))
    return IdentityProvider(_id_of("provider", provider_key))


def _id_of(*texts: str) -> UUID:
    return UUID(bytes=keyed_hash(*texts)[:16])
