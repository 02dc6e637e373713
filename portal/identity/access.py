"""Who reaches what: roles in force, inherited down the tree. Every access check starts here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Greatest
from django.utils.timezone import now

from portal.core.models import is_in_force, is_not_over
from portal.identity.models import (
    Deputy,
    Identity,
    LoginSession,
    Node,
    Person,
    Project,
    Role,
    RoleGrant,
)
from portal.identity.services.break_glass import ISSUER as EMERGENCY

EVERYTHING: Final = Q()
CREDENTIAL_OUTLIVES_CLAIM: Final = timedelta(days=30)
# During a request of somebody whose login counts for one branch alone: they, and its node.
_confined: ContextVar[tuple[int, int] | None] = ContextVar("confined login", default=None)
# While something is only read: each person's roles, and the nodes on which they stand.
_read: ContextVar[dict[int, list[tuple[str, int]]] | None] = ContextVar("grants", default=None)


@contextmanager
def acting_within(person: Person, node_id: int) -> Iterator[None]:
    """Everything inside is asked for by a login of the person that counts for this branch alone.

    Then they decide in the place of others only by a role that stands in it.
    """
    token = _confined.set((person.pk, node_id))
    try:
        yield
    finally:
        _confined.reset(token)


@contextmanager
def reading_grants_once() -> Iterator[None]:
    """Inside, nobody gets or loses a role, so the database is asked only once what they have."""
    token = _read.set({})
    try:
        yield
    finally:
        _read.reset(token)


@contextmanager
def reading_grants_anew() -> Iterator[None]:
    """Inside, roles may change, whatever is read around it."""
    token = _read.set(None)
    try:
        yield
    finally:
        _read.reset(token)


def grants_in_force(person: Person) -> QuerySet[RoleGrant]:
    """The person's own grants that hold now."""
    return RoleGrant.objects.filter(is_in_force(now()), person=person)


def standing_grants(*roles: Role, at: datetime | None = None) -> QuerySet[RoleGrant]:
    """The roles of the people who work here: in force, or back at their next login.

    What a claim gives lapses a day after each login; over a weekend nothing is without an owner.
    Emergency access is for an hour, and does not count. ``at``: the moment; now when left out.
    """
    comes_back = ~Q(issuer="") & Q(
        end_reason="",
        valid_until__gt=F("person__last_login"),  # so the last login did not end it
        person__absent_since=None,
    )
    grants = RoleGrant.objects.filter(
        is_in_force(at or now()) | comes_back, person__is_active=True
    ).exclude(issuer=EMERGENCY)
    return grants.filter(role__in=roles) if roles else grants


def grants_for_credentials(*roles: Role) -> QuerySet[RoleGrant]:
    """The roles by which people keep a credential of their own, for tools that work by themselves.

    As ``standing_grants``; but who does not log in for a month loses what a claim gave for good,
    and only a login at the provider of a claim tells that it is no longer made.
    """
    logins = Identity.objects.filter(person=OuterRef("person"), issuer=OuterRef("issuer"))
    last_there = logins.order_by(F("last_login_at").desc(nulls_last=True)).values("last_login_at")
    comes_back = ~Q(issuer="") & Q(
        end_reason="",
        valid_until__gt=Greatest(Subquery(last_there[:1]), now() - CREDENTIAL_OUTLIVES_CLAIM),
        person__absent_since=None,
    )
    grants = RoleGrant.objects.filter(is_in_force(now()) | comes_back, person__is_active=True)
    return grants.exclude(issuer=EMERGENCY).filter(role__in=roles)


def later_grants() -> QuerySet[RoleGrant]:
    """The roles that somebody will have from some day on."""
    moment = now()
    return RoleGrant.objects.filter(
        is_not_over(moment), valid_from__gt=moment, end_reason="", person__is_active=True
    )


def effective_grants(person: Person, *roles: Role, about: Q = EVERYTHING) -> QuerySet[RoleGrant]:
    """The grants by which the person acts now: their own, and as approver those of the absent.

    Nobody who is away renews a claim; of them it is what stands that counts. One query; nothing
    more can be filtered from it.

    Args:
        roles: any role when left out.
        about: which grants it is about.
    """
    own = grants_in_force(person).filter(about)
    if roles:
        own = own.filter(role__in=roles)
    if roles and Role.APPROVER not in roles:
        return own
    replaced = standing_grants(Role.APPROVER).filter(about, _confinement_of(person))
    # Not by OR, for which the database would read the grants of everybody.
    return own.union(replaced.filter(person__in=_deputies(person).values("absent")))


def roles_of(person: Person) -> set[Role]:
    """Every role that the person has anywhere, a deputy's included."""
    return {Role(role) for role, _node_id in _roles_and_nodes(person)}


def absent_ids(deputy: Person) -> list[int]:
    """Primary keys of the people for whom this person decides now."""
    return list(_deputies(deputy).values_list("absent_id", flat=True))


def reached_nodes(person: Person, *roles: Role) -> QuerySet[Node]:
    """Every node on which the person has one of ``roles``, inherited or not.

    Without ``roles``: any role. A deputy reaches, as approver, what the absent person reaches.
    """
    return Node.objects.filter(_reach(person, roles))


def reached_projects(person: Person, *roles: Role) -> QuerySet[Project]:
    """The projects among ``reached_nodes``."""
    return Project.objects.filter(_reach(person, roles))


def reached_people(person: Person, *roles: Role) -> QuerySet[Person]:
    """Everybody with a role in force on a node where the person has one of ``roles``."""
    grants = RoleGrant.objects.filter(
        is_in_force(now()), node__in=reached_nodes(person, *roles).values("pk")
    )
    return Person.objects.filter(pk__in=grants.values("person"))


def own_sessions(person: Person) -> QuerySet[LoginSession]:
    """Those of the person that live, and those that ended lately; the newest first."""
    sessions = LoginSession.objects.filter(identity__person=person)
    return sessions.order_by("-created_at", "-pk")


def sessions_in_reach(operator: Person) -> QuerySet[LoginSession]:
    """The sessions, ended ones too, that an operator of a node may look at and end.

    Of whoever has a role there, or had one since the session began: who just lost their last role
    is the one to log out. And what began with a login for such a node.
    """
    nodes = reached_nodes(operator, Role.OPERATOR).values("pk")
    since_it_began = Q(valid_until=None) | Q(
        Q(valid_until__gt=OuterRef("created_at")), valid_until__gt=F("valid_from")
    )
    held = RoleGrant.objects.filter(
        since_it_began,
        person=OuterRef("identity__person"),
        node__in=nodes,
        valid_from__lte=now(),
    )
    return LoginSession.objects.filter(Exists(held) | Q(identity__node__in=nodes))


def endable_sessions(operator: Person) -> QuerySet[LoginSession]:
    """The living ones among ``sessions_in_reach``, the newest first."""
    return sessions_in_reach(operator).filter(ended_at=None).order_by("-created_at", "-pk")


def people_to_log_out(operator: Person) -> QuerySet[Person]:
    """Everybody whom the operator reaches by a role of theirs, or by a session."""
    by_role = Q(pk__in=reached_people(operator, Role.OPERATOR).values("pk"))
    by_session = Q(pk__in=sessions_in_reach(operator).values("identity__person"))
    return Person.objects.filter(by_role | by_session)


def workplace_id(person: Person, *roles: Role) -> int | None:
    """The highest node on which the person has a role, or else had one last; None without any.

    With ``roles``: one of those.
    """
    nodes = [grant.node for grant in _held_or_last_held(person, roles)]
    return min(nodes, key=lambda node: (len(node.ancestor_ids), node.pk)).pk if nodes else None


def has_role(person: Person, node: Node, *roles: Role) -> bool:
    """True when the person has one of ``roles`` on the node or above it."""
    return bool(set(node.lineage_ids) & set(granted_node_ids(person, roles)))


def reaches_outside(person: Person, node_id: int) -> bool:
    """True when the person has a role of their own elsewhere than in this branch.

    Whom they replace is left out: one colleague appoints a deputy, and would log them out.
    """
    return grants_in_force(person).exclude(_in_branch(node_id)).exists()


def approval_limit(person: Person, node: Node) -> Decimal | None:
    """Up to what an order there may cost in its first month to be approved by the person, in euros.

    With what is paid once. None: no limit. Without the role the answer is zero.
    """
    there = Q(node__in=node.lineage_ids)
    approving = effective_grants(person, Role.APPROVER, about=there)
    limits = list(approving.values_list("amount_limit", flat=True))
    if not limits:
        return Decimal(0)
    amounts = [limit for limit in limits if limit is not None]
    return max(amounts) if len(amounts) == len(limits) else None


def _held_or_last_held(person: Person, roles: tuple[Role, ...]) -> list[RoleGrant]:
    """What is in force; else what ended last, for who left or has yet to log in again."""
    held = RoleGrant.objects.filter(person=person).select_related("node")
    if roles:
        held = held.filter(role__in=roles)
    end = held.aggregate(end=Max("valid_until"))["end"]
    return list(held.filter(is_in_force(now()))) or list(held.filter(valid_until=end))


def _reach(person: Person, roles: tuple[Role, ...]) -> Q:
    node_ids = granted_node_ids(person, roles)
    return Q(pk__in=node_ids) | Q(ancestor_ids__overlap=node_ids)


def granted_node_ids(person: Person, roles: tuple[Role, ...]) -> list[int]:
    """The nodes on which the grants themselves stand; a person has a handful of them."""
    return [node_id for role, node_id in _roles_and_nodes(person) if not roles or role in roles]


def _roles_and_nodes(person: Person) -> list[tuple[str, int]]:
    """What the person acts by. One query, and one for a whole page, which asks it a dozen times."""
    read = _read.get()
    if read is not None and person.pk in read:
        return read[person.pk]
    held = list(effective_grants(person).values_list("role", "node_id"))
    if read is not None:
        read[person.pk] = held
    return held


def _confinement_of(person: Person) -> Q:
    """Which grants of others the person acts by, as far as their login counts."""
    confined = _confined.get()
    if confined is None or confined[0] != person.pk:
        return EVERYTHING
    return _in_branch(confined[1])


def _in_branch(node_id: int) -> Q:
    """Grants that stand on the node or below it."""
    return Q(node=node_id) | Q(node__ancestor_ids__contains=[node_id])


def _deputies(person: Person) -> QuerySet[Deputy]:
    """The appointments by which this person decides for somebody now."""
    return Deputy.objects.filter(is_in_force(now()), deputy=person)
