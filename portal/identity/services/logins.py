"""What a login and a logout change: people, their identities, their roles, their sessions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.timezone import now

from portal.audit.services import record, record_refusal
from portal.core.errors import DomainError
from portal.core.models import is_in_force
from portal.identity.models import (
    ClaimBar,
    Identity,
    LoginSession,
    Node,
    Organization,
    Person,
    Role,
    RoleGrant,
    UsedLogoutToken,
)
from portal.identity.oidc.errors import AccountBlocked, NoAccess, OrganizationUnknown, RoleUnknown

CLAIM_GRANT_TERM: Final = timedelta(hours=24)  # a role from a claim lapses so long after the login


@dataclass(frozen=True, kw_only=True)
class ClaimedRole:
    """A role on the node with ``node_code``, as the provider says."""

    role: Role
    node_code: str


@dataclass(frozen=True, kw_only=True)
class Login:
    """Checked facts about somebody who has just logged in at a provider."""

    provider_key: str
    issuer: str
    subject: str
    name: str
    email: str
    organization_oin: str
    roles: frozenset[ClaimedRole]
    level: str
    language: str


class LogoutTokenUsed(DomainError):
    code = "logout_token_used"
    http_status = 400


def log_in(login: Login) -> Person:
    """Find or make the person, and make their claim-granted roles what the provider says now.

    Somebody we know who has no role left is refused, and yet loses the roles that the provider
    no longer gives: they must not live on in another session.

    Raises:
        AccountBlocked: the person may not log in any more.
        OrganizationUnknown: no organisation has this OIN.
        RoleUnknown: a role stands on a node that is not part of that organisation.
        NoAccess: the person has no role at all.
    """
    person = _log_in(login)
    if person is None:
        raise NoAccess("no role left, by claim or by grant")
    return person


@transaction.atomic(durable=True)
def _log_in(login: Login) -> Person | None:
    """None when all that happened is that the last roles ended."""
    organization = Organization.objects.filter(oin=login.organization_oin, ended_at=None).first()
    if organization is None:
        raise OrganizationUnknown("no organisation with this OIN")
    wanted = _nodes_of(login.roles, organization)
    identity, is_new = _claim_identity(login)
    person = Person.objects.select_for_update().get(pk=identity.person_id)
    if not person.is_active:
        raise AccountBlocked()
    ended, granted = _synchronize_grants(person, login.issuer, wanted)
    if not person.grants.filter(is_in_force(now())).exists():
        if is_new:
            raise NoAccess("no role, by claim or by grant")
        _record_grants("role.ended", ended, login.provider_key)
        return None
    person.name, person.email, person.last_login = login.name, login.email, now()
    person.absent_since = None
    person.save(update_fields=["name", "email", "last_login", "absent_since"])
    identity.last_login_at = now()
    identity.save(update_fields=["last_login_at"])
    if is_new:
        record("person.joined", person, actor=person, node_id=organization.pk)
    _record_grants("role.ended", ended, login.provider_key)
    _record_grants("role.granted", granted, login.provider_key)
    data = {"provider": login.provider_key, "level": login.level}
    record("person.logged_in", person, actor=person, node_id=organization.pk, data=data)
    return person


def record_refused_login(*, issuer: str, subject: str, code: str) -> None:
    """Write down that a person we know was refused; strangers stand in the log only."""
    person = Person.objects.filter(identities__issuer=issuer, identities__subject=subject).first()
    if person:
        record_refusal("person.login_refused", person, actor=person, code=code)


@transaction.atomic(durable=True)
def open_session(
    *, issuer: str, subject: str, sid: str, session_key: str, earlier_key: str | None
) -> None:
    """Remember which browser session belongs to a login; forget those that are over.

    Args:
        earlier_key: key that the same browser's session had before this login.
    """
    oldest = now() - timedelta(seconds=settings.SESSION_COOKIE_AGE)
    over = Q(created_at__lt=oldest) | Q(session_key__in=[session_key, earlier_key])
    LoginSession.objects.filter(over).delete()
    Session.objects.filter(expire_date__lt=now()).delete()  # Django itself never does
    identity = Identity.objects.get(issuer=issuer, subject=subject)
    LoginSession.objects.create(
        identity=identity, session_key=session_key, sid=sid, created_at=now()
    )


@transaction.atomic(durable=True)
def log_out(person_id: int, *, session_key: str | None) -> None:
    """Write down that somebody logged out here."""
    person = Person.objects.get(pk=person_id)
    LoginSession.objects.filter(session_key=session_key).delete()
    record("person.logged_out", person, actor=person)


@transaction.atomic(durable=True)
def log_out_by_provider(
    *, issuer: str, subject: str, sid: str, token_id: str, expires_at: int
) -> int:
    """End the sessions that a provider's logout token is about; return how many there were.

    Args:
        subject, sid: one may be empty; with a ``sid`` only that session ends.
        expires_at: seconds since 1970, when the token itself expires.

    Raises:
        LogoutTokenUsed: this token was carried out before.
    """
    UsedLogoutToken.objects.filter(expires_at__lt=now() - timedelta(minutes=5)).delete()
    _use_token(issuer, token_id, datetime.fromtimestamp(expires_at, UTC))
    about = Q(identity__issuer=issuer)
    if subject:
        about &= Q(identity__subject=subject)
    if sid:
        about &= Q(sid=sid)
    sessions = LoginSession.objects.select_for_update(of=("self",)).filter(about)
    sessions = sessions.select_related("identity__person")
    for session in sessions:
        Session.objects.filter(session_key=session.session_key).delete()
        session.delete()
        record("person.logged_out", session.identity.person, actor=None, data={"by": "provider"})
    return len(sessions)


def _nodes_of(roles: Iterable[ClaimedRole], organization: Organization) -> set[tuple[Role, int]]:
    """Each role with the primary key of its node, which must be the organisation or part of it."""
    nodes = {
        node.code: node
        for node in Node.objects.filter(
            Q(pk=organization.pk) | Q(ancestor_ids__contains=[organization.pk]),
            code__in={claimed.node_code for claimed in roles},
            ended_at=None,
        )
    }
    unknown = {claimed.node_code for claimed in roles} - set(nodes)
    if unknown:
        raise RoleUnknown("role on a node outside the organisation")
    return {(claimed.role, nodes[claimed.node_code].pk) for claimed in roles}


def _claim_identity(login: Login) -> tuple[Identity, bool]:
    """The identity, locked, and whether it was made now.

    Two first logins at the same moment: the constraint lets one in, the other finds it.
    """
    known = Identity.objects.select_for_update().filter(issuer=login.issuer, subject=login.subject)
    identity = known.first()
    if identity:
        return identity, False
    try:
        with transaction.atomic():
            person = Person.objects.create(
                name=login.name, email=login.email, language=login.language
            )
            return Identity.objects.create(
                person=person, issuer=login.issuer, subject=login.subject
            ), True
    except IntegrityError:
        return known.get(), False


def _synchronize_grants(
    person: Person, issuer: str, wanted: set[tuple[Role, int]]
) -> tuple[list[RoleGrant], list[RoleGrant]]:
    """End what the claim no longer gives, prolong what it still gives, add what is new.

    What an administrator barred is not given, whatever the claim says.
    """
    moment = now()
    ended: list[RoleGrant] = []
    held = RoleGrant.objects.select_for_update().filter(
        is_in_force(moment), person=person, issuer=issuer
    )
    barred = ClaimBar.objects.filter(person=person, issuer=issuer, lifted_at=None)
    missing = wanted - {(Role(role), node) for role, node in barred.values_list("role", "node_id")}
    for grant in held:
        given = (Role(grant.role), grant.node_id)
        grant.valid_until = moment + CLAIM_GRANT_TERM if given in missing else moment
        grant.save(update_fields=["valid_until"])
        if given in missing:
            missing.remove(given)
        else:
            ended.append(grant)
    granted = [
        RoleGrant.objects.create(
            person=person,
            node_id=node_id,
            role=role,
            issuer=issuer,
            valid_from=moment,
            valid_until=moment + CLAIM_GRANT_TERM,
        )
        for role, node_id in sorted(missing)
    ]
    return ended, granted


def _record_grants(event: str, grants: Iterable[RoleGrant], provider_key: str) -> None:
    for grant in grants:
        data = {"role": grant.role, "person": grant.person_id, "provider": provider_key}
        record(event, grant, actor=None, node_id=grant.node_id, data=data)


def _use_token(issuer: str, token_id: str, expires_at: datetime) -> None:
    try:
        with transaction.atomic():
            UsedLogoutToken.objects.create(issuer=issuer, token_id=token_id, expires_at=expires_at)
    except IntegrityError as error:
        raise LogoutTokenUsed() from error
