"""What a login changes: people, their identities, their roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now

from portal.audit.services import record
from portal.core.locks import lock_tree_shared
from portal.core.models import is_in_force
from portal.identity.access import reaches_outside
from portal.identity.models import (
    ClaimBar,
    Identity,
    Node,
    Organization,
    Person,
    Role,
    RoleGrant,
)
from portal.identity.oidc.errors import (
    AccountBlocked,
    NoAccess,
    OrganizationNotVouchedFor,
    OrganizationUnknown,
    OutsideOrganization,
    RoleUnknown,
)
from portal.identity.services.numbers import known_by
from portal.identity.services.people import leave_elsewhere, record_leaving
from portal.identity.services.roles import cut_short

CLAIM_GRANT_TERM: Final = timedelta(hours=24)  # a role from a claim lapses so long after the login
NOT_GIVEN: Final = "not_given"  # the reason of what ended because a login was refused


@dataclass(frozen=True, kw_only=True)
class ClaimedRole:
    """A role on the node with ``node_code``, as the provider says; empty: the organisation's.

    ``amount_limit``: of an approver, the highest amount in euros; None is without limit.
    """

    role: Role
    node_code: str
    amount_limit: Decimal | None = None


# Up to which amount each wanted role goes, by role and primary key of its node.
Wanted = Mapping[tuple[Role, int], Decimal | None]


@dataclass(frozen=True, kw_only=True)
class ClaimedOrganization:
    """For whom somebody logged in.

    Attributes:
        identifier: the field of ``Organization`` that ``number`` stands in.
        branch_code: code of the only node that the person may act for; empty for the whole.
    """

    identifier: str
    number: str
    branch_code: str = ""


@dataclass(frozen=True, kw_only=True)
class Login:
    """Checked facts about somebody who has just logged in at a provider.

    Attributes:
        name, email: None when the provider does not tell.
        methods: how they proved who they are (RFC 8176); empty when the provider does not tell.
        roles: None when the provider gives none; they are then granted in the portal only.
        may_vouch_for: numbers of the provider's organisations; empty for all.
        only_own_organization: the login counts for that organisation or branch alone.
    """

    provider_key: str
    provider_name: str
    issuer: str
    subject: str
    name: str | None
    email: str | None
    organization: ClaimedOrganization
    roles: frozenset[ClaimedRole] | None
    level: str
    language: str
    methods: tuple[str, ...] = ()
    may_vouch_for: frozenset[str] = frozenset()
    only_own_organization: bool = False


@dataclass(frozen=True, kw_only=True)
class LoggedIn:
    """Who logged in; ``confined_to`` is the key of the only node the login counts for, if any."""

    person: Person
    confined_to: int | None


def log_in(login: Login) -> LoggedIn:
    """Find or make the person, and make their claim-granted roles what the provider says now.

    Somebody we know who has no role left is refused, and yet loses the roles that the provider
    no longer gives: they must not live on in another session. Somebody new at a provider that
    gives no roles is refused as well, but known from then on, so that roles can be granted.

    Who logs in for another organisation than before loses what they held there, and the sessions
    that are open. A login that counts for its own organisation alone says nothing about others.

    Raises:
        AccountBlocked: the person may not log in any more.
        OrganizationUnknown: no organisation has this number, confirmed.
        OrganizationNotVouchedFor: the provider has no say about that organisation.
        RoleUnknown: a role stands on a node that is not part of that organisation.
        OutsideOrganization: the login counts for less than what the person has access to.
        NoAccess: the person has no role at all.
    """
    person, node_id, has_access = _log_in(login)
    if not has_access:
        reference = person.name if login.name is None else ""
        raise NoAccess("no role, by claim or by grant", reference=reference)
    confined_to = node_id if login.only_own_organization else None
    return LoggedIn(person=person, confined_to=confined_to)


@transaction.atomic(durable=True)
def _log_in(login: Login) -> tuple[Person, int, bool]:
    """The person, the node they logged in for, and whether they have any role at all."""
    lock_tree_shared()  # no role comes to stand on a node that ends meanwhile
    node = _find_node(login)
    wanted = _nodes_of(login.roles or (), node)
    identity, is_new = _claim_identity(login)
    person = Person.objects.select_for_update().get(pk=identity.person_id)
    identity.refresh_from_db()  # another login of theirs may have been first
    if not person.is_active:
        raise AccountBlocked()
    left = None if login.only_own_organization else leave_elsewhere(person, identity, node)
    ended, granted = _synchronize_grants(person, login.issuer, wanted)
    if login.only_own_organization and reaches_outside(person, node.pk):
        raise OutsideOrganization("roles outside the organisation of this login")
    has_access = person.grants.filter(is_in_force(now())).exists()
    if is_new and not has_access and login.roles is not None:
        raise NoAccess("no role, by claim or by grant")
    if identity.node != node:
        identity.node = node
        identity.save(update_fields=["node"])
    if is_new:
        record("person.joined", person, actor=person, node_id=node.pk)
    if left:
        record_leaving(person, left, node)
    _record_grants("role.ended", ended, login.provider_key)
    _record_grants("role.granted", granted, login.provider_key)
    _note_login(person, identity, login)
    if has_access:
        data: dict[str, Any] = {"provider": login.provider_key, "level": login.level}
        if login.methods:
            data["methods"] = list(login.methods)
        record("person.logged_in", person, actor=person, node_id=node.pk, data=data)
    return person, node.pk, has_access


def _note_login(person: Person, identity: Identity, login: Login) -> None:
    """Keep what the provider said, and when: what it no longer gives does not come back."""
    if login.name is not None:
        person.name = login.name
    if login.email is not None:
        person.email = identity.email = login.email
    person.last_login = identity.last_login_at = now()
    person.absent_since = None
    person.save(update_fields=["name", "email", "last_login", "absent_since"])
    identity.save(update_fields=["email", "last_login_at"])


def _find_node(login: Login) -> Node:
    """The organisation that somebody logged in for, or the only branch of it that they may act for.

    Only numbers count that the platform confirmed: any administrator may write one down. The
    database keeps such a number from naming two living organisations.
    """
    claimed = login.organization
    try:
        organization = known_by(claimed.identifier, claimed.number).get()
    except Organization.DoesNotExist as error:
        raise OrganizationUnknown("none with this number") from error
    numbers = organization.confirmed_numbers.values()
    if login.may_vouch_for and login.may_vouch_for.isdisjoint(numbers):
        raise OrganizationNotVouchedFor("organisation is not one of the provider's")
    if not claimed.branch_code:
        return organization
    branch = _within(organization).filter(code=claimed.branch_code).first()
    if branch is None:
        raise OrganizationUnknown("branch is not part of the organisation")
    return branch


def _within(node: Node) -> QuerySet[Node]:
    """The node itself and all that lives below it."""
    branch = Q(pk=node.pk) | Q(ancestor_ids__contains=[node.pk])
    return Node.objects.filter(branch, ended_at=None)


def _nodes_of(roles: Iterable[ClaimedRole], node: Node) -> Wanted:
    """Each role with the primary key of its node, which must be ``node`` or part of it.

    Of one role that is claimed twice the highest amount counts.
    """
    codes = {claimed.node_code or node.code for claimed in roles}
    nodes = {found.code: found for found in _within(node).filter(code__in=codes)}
    if codes - set(nodes):
        raise RoleUnknown("role on a node outside the organisation")
    wanted: dict[tuple[Role, int], Decimal | None] = {}
    for claimed in roles:
        given = (claimed.role, nodes[claimed.node_code or node.code].pk)
        limits = [claimed.amount_limit, *([wanted[given]] if given in wanted else [])]
        amounts = [limit for limit in limits if limit is not None]
        wanted[given] = max(amounts) if len(amounts) == len(limits) else None
    return wanted


def _claim_identity(login: Login) -> tuple[Identity, bool]:
    """The identity, and whether it was made now.

    It is not locked: the person's row is what logins wait for, and a session that is being opened
    holds that one and then asks for the identity.

    Two first logins at the same moment: the constraint lets one in, the other finds it.
    """
    known = Identity.objects.filter(issuer=login.issuer, subject=login.subject)
    identity = known.first()
    if identity:
        return identity, False
    try:
        with transaction.atomic():
            public_id = uuid4()
            person = Person.objects.create(
                public_id=public_id,
                # Without a name, something to tell people apart by when roles are granted.
                name=login.name or f"{login.provider_name} {public_id.hex[:8].upper()}",
                email=login.email or "",
                language=login.language,
            )
            return Identity.objects.create(
                person=person, issuer=login.issuer, subject=login.subject
            ), True
    except IntegrityError:
        return known.get(), False


def _synchronize_grants(
    person: Person, issuer: str, wanted: Wanted
) -> tuple[list[RoleGrant], list[RoleGrant]]:
    """End what the claim no longer gives, prolong what it still gives, add what is new.

    What an administrator barred is not given, there and below, whatever the claim says. A role up
    to another amount than before is another role, for a grant never changes.
    """
    moment = now()
    ended: list[RoleGrant] = []
    held = RoleGrant.objects.select_for_update().filter(
        is_in_force(moment), person=person, issuer=issuer
    )
    missing = set(wanted) - _barred(person, issuer, wanted)
    for grant in held:
        given = (Role(grant.role), grant.node_id)
        goes_on = given in missing and grant.amount_limit == wanted[given]
        grant.valid_until = moment + CLAIM_GRANT_TERM if goes_on else moment
        grant.save(update_fields=["valid_until"])
        if goes_on:
            missing.remove(given)
        else:
            ended.append(grant)
    granted = [
        RoleGrant.objects.create(
            person=person,
            node_id=node_id,
            role=role,
            issuer=issuer,
            amount_limit=wanted[role, node_id],
            valid_from=moment,
            valid_until=moment + CLAIM_GRANT_TERM,
        )
        for role, node_id in sorted(missing)
    ]
    return ended, granted


def _barred(person: Person, issuer: str, wanted: Wanted) -> set[tuple[Role, int]]:
    """Those that an administrator barred on their node or above: no branch leads round a bar."""
    bars = ClaimBar.objects.filter(person=person, issuer=issuer, lifted_at=None)
    barred = {(Role(role), node_id) for role, node_id in bars.values_list("role", "node_id")}
    nodes = Node.objects.in_bulk({node_id for _, node_id in wanted} if barred else ())
    return {
        (role, node_id)
        for role, node_id in wanted
        if barred and any((role, above) in barred for above in nodes[node_id].lineage_ids)
    }


@transaction.atomic(durable=True)
def take_back_claims(*, provider_key: str, issuer: str, subject: str) -> None:
    """End what an earlier login at the provider gave somebody whose login was refused now.

    The provider did not give it again, so it does not go on until the end of the day.
    """
    lock_tree_shared()
    identity = Identity.objects.filter(issuer=issuer, subject=subject).first()
    if identity is None:
        return
    person = Person.objects.select_for_update().get(pk=identity.person_id)
    moment = now()
    given = RoleGrant.objects.select_for_update().filter(
        person=person, issuer=issuer, end_reason="", valid_until__gt=person.last_login or moment
    )
    ended = list(given.order_by("pk"))
    for grant in ended:
        cut_short(grant, at=moment, by=None, reason=NOT_GIVEN)
    _record_grants("role.ended", ended, provider_key)


def _record_grants(event: str, grants: Iterable[RoleGrant], provider_key: str) -> None:
    for grant in grants:
        data = {"role": grant.role, "person": grant.person_id, "provider": provider_key}
        record(event, grant, actor=None, node_id=grant.node_id, data=data)
