"""People who leave, move on, stay away, come back, and are forgotten.

What is theirs stays where it belongs: orders with their project, decisions with their order. What
they held ends at once. Locks: tree (shared), the person and who acts on them by primary key, their
proposals, grants, deputies and sessions, then the audit head.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest
from django.utils.timezone import now

from portal.audit.services import record, record_refusal
from portal.core.errors import DomainError, NotAllowed
from portal.core.locks import lock_tree_shared
from portal.core.models import is_not_over
from portal.identity.access import standing_grants, workplace_id
from portal.identity.errors import (
    AboutYourself,
    PersonHasLeft,
    PersonIsActive,
    PersonJoined,
)
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import (
    Deputy,
    Identity,
    Node,
    Person,
    RoleGrant,
    RoleProposal,
    SessionEnd,
)
from portal.identity.role_policies import may_end, may_reinstate
from portal.identity.sensitive import sensitive
from portal.identity.services.deputies import cut_deputy_short, record_deputy_ended
from portal.identity.services.input import clean_reason
from portal.identity.services.proposals import record_proposal, withdraw_waiting
from portal.identity.services.roles import (
    cut_short,
    lock_people,
    record_ended,
    refuse_emergency_access,
)
from portal.identity.services.sessions import end_all_sessions

ABSENT: Final = "absent"  # the reason of what ended because somebody stayed away
MOVED: Final = "moved"  # the reason of what ended because somebody logged in for somebody else
ERASED_NAME: Final = "Verwijderde persoon"


@sensitive("person.end")
def end_person(public_id: UUID, *, actor: Person, reason: str) -> Person:
    """Somebody has left: their roles, deputies, sessions and proposals end, and they stay out.

    Raises:
        AboutYourself, NotAllowed: somebody else must do it.
        RefusalNeedsReason: there is none.
        PersonHasLeft: somebody was first.
    """
    reason = clean_reason(reason)
    try:
        return _end_person(public_id, actor, reason)
    except (AboutYourself, NotAllowed) as refusal:
        person = Person.objects.get(public_id=public_id)
        _record_refusal("person.ending_refused", person, actor, refusal)
        raise


@transaction.atomic(durable=True)
def _end_person(public_id: UUID, actor: Person, reason: str) -> Person:
    person = _lock(public_id, actor)
    if person.pk == actor.pk:
        raise AboutYourself()
    if not may_end(actor, person):
        raise NotAllowed()
    if not person.is_active:
        raise PersonHasLeft(name=person.name)
    moment = now()
    held = end_access(person, at=moment, by=actor, reason=reason)
    person.is_active, person.ended_at = False, moment
    person.save(update_fields=["is_active", "ended_at"])
    end_all_sessions(person, actor=actor, reason=SessionEnd.BLOCKED)
    record_access_ended(held, actor, cause="person_left")
    record("person.ended", person, actor=actor, node_id=_where(person, held.grants))
    return person


@dataclass(frozen=True, kw_only=True)
class Access:
    """What somebody held and waited for until it ended."""

    grants: list[RoleGrant]
    deputies: list[Deputy]
    proposals: list[RoleProposal]


def end_access(person: Person, *, at: datetime, by: Person, reason: str) -> Access:
    """End all roles and deputies of the person, and withdraw what was proposed by or about them.

    Part of a larger act, which ends their sessions; ``record_access_ended`` follows.
    """
    proposals = withdraw_waiting(Q(person=person) | Q(proposed_by=person) | Q(absent=person))
    grants = list(_held(person, at))
    deputies = _end_held(person, grants, at, by=by, reason=reason)
    return Access(grants=grants, deputies=deputies, proposals=proposals)


def record_access_ended(held: Access, actor: Person | None, *, cause: str) -> None:
    """Write down what ``end_access`` ended."""
    for proposal in held.proposals:
        record_proposal("role.proposal_withdrawn", proposal, actor)
    _record_held(held.grants, held.deputies, actor, cause=cause)


@sensitive("person.reinstate")
def reinstate_person(public_id: UUID, *, actor: Person) -> Person:
    """Let somebody who left log in again. They begin without any role of the portal.

    Raises:
        AboutYourself, NotAllowed, SameHuman: somebody else must do it; nor emergency access.
        PersonIsActive: there is nothing to do.
        PersonJoined: their login is somebody else's.
    """
    try:
        return _reinstate(public_id, actor)
    except (AboutYourself, NotAllowed) as refusal:
        person = Person.objects.get(public_id=public_id)
        _record_refusal("person.reinstating_refused", person, actor, refusal)
        raise


@transaction.atomic(durable=True)
def _reinstate(public_id: UUID, actor: Person) -> Person:
    person = _lock(public_id, actor)
    if person.pk == actor.pk:
        raise AboutYourself()
    refuse_emergency_access(actor)
    check_other_humans([person.pk], [actor.pk])
    if not may_reinstate(actor, person):
        raise NotAllowed()
    if person.is_active:
        raise PersonIsActive(name=person.name)
    if person.joined_into:
        raise PersonJoined(name=person.name, other=person.joined_into.name)
    person.is_active, person.ended_at = True, None
    person.save(update_fields=["is_active", "ended_at"])
    record("person.reinstated", person, actor=actor, node_id=workplace_id(person))
    return person


# --- moving on, as part of a login -------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Left:
    """What somebody left behind; ``former`` is the node that they logged in for until then."""

    former: Node | None
    held: Access


def leave_elsewhere(person: Person, identity: Identity, node: Node) -> Left | None:
    """End what the person holds in other organizations than they log in for; None: nothing to do.

    Their provider says that they work in the one of ``node`` now. Nobody elsewhere would hear
    that they left, and no administrator of one organization could end them. What another identity
    of theirs logs in for stays. Under the tree's and the person's lock; ``record_leaving`` follows.
    """
    homes = [node, *Node.objects.filter(identities__in=person.identities.exclude(pk=identity.pk))]
    roots = [home.lineage_ids[0] for home in homes]
    elsewhere = ~(Q(node__in=roots) | Q(node__ancestor_ids__overlap=roots))
    moment = now()
    grants = list(
        _held(person, moment, or_standing=True).filter(elsewhere, issuer__in=["", identity.issuer])
    )
    has_moved = identity.node is not None and identity.node.lineage_ids[0] not in roots
    if not grants and not has_moved:
        return None
    about = Q(person=person) | Q(proposed_by=person) | Q(absent=person)
    proposals = withdraw_waiting(elsewhere & about)
    deputies = _end_held(person, grants, moment, by=None, reason=MOVED)
    held = Access(grants=grants, deputies=deputies, proposals=proposals)
    return Left(former=identity.node, held=held)


def record_leaving(person: Person, left: Left, node: Node) -> None:
    """End every session from before, and write down what ended and where the person is now."""
    end_all_sessions(person, actor=None, reason=SessionEnd.MOVED)
    person.refresh_from_db(fields=["session_epoch"])
    record_access_ended(left.held, None, cause=MOVED)
    data = {"from": str(left.former.public_id)} if left.former else {}
    record("person.moved", person, actor=person, node_id=node.pk, data=data)


# --- staying away ------------------------------------------------------------------------------


def end_absent_people() -> None:
    """End the portal's own grants of everybody who did not log in for ``ABSENT_AFTER``.

    What a claim gave lapsed long ago. Their next login starts without these roles.
    """
    for public_id in _absent(now()).values_list("public_id", flat=True):
        _end_absent(public_id)


@transaction.atomic(durable=True)
def _end_absent(public_id: UUID) -> None:
    person = _lock(public_id)
    moment = now()
    if not _absent(moment).filter(pk=person.pk).exists():
        return  # they logged in just now
    grants = [grant for grant in _held(person, moment) if grant.proposal_id]
    deputies = _end_held(person, grants, moment, by=None, reason=ABSENT)
    person.absent_since = moment
    person.save(update_fields=["absent_since"])
    _record_held(grants, deputies, None, cause=ABSENT)
    record("person.absent", person, actor=None, node_id=_where(person, grants))


@transaction.atomic(durable=True)
def erase_person(public_id: UUID) -> Person:
    """Forget name and address of somebody who left; what they did stays, without a name.

    Also of whom was joined into them: that is the same human.

    Raises:
        PersonIsActive: they work here, maybe by the name of whom they were joined into.
    """
    person = _lock(public_id)
    human = person.joined_into or person
    if human.is_active:
        raise PersonIsActive(name=human.name)
    logins = [person, *person.joined.order_by("pk")]
    for each in logins:
        each.name, each.email = ERASED_NAME, ""
        each.save(update_fields=["name", "email"])
    Identity.objects.filter(person__in=logins).update(email="")
    for each in logins:
        record("person.erased", each, actor=None, node_id=workplace_id(each))
    return person


def _lock(public_id: UUID, actor: Person | None = None) -> Person:
    lock_tree_shared()
    person_id = Person.objects.values_list("pk", flat=True).get(public_id=public_id)
    lock_people({person_id, actor.pk} if actor else {person_id})
    return Person.objects.get(pk=person_id)


def _held(person: Person, moment: datetime, *, or_standing: bool = False) -> QuerySet[RoleGrant]:
    """What the person holds now or will hold later; also what a claim would bring back."""
    which = is_not_over(moment)
    if or_standing:
        which |= Q(pk__in=standing_grants().values("pk"))
    grants = RoleGrant.objects.select_for_update(of=("self",)).select_related("node")
    return grants.filter(which, person=person).order_by("pk")


def _end_held(
    person: Person, grants: list[RoleGrant], moment: datetime, *, by: Person | None, reason: str
) -> list[Deputy]:
    """End these grants, and every appointment from and to the person; return the latter."""
    for grant in grants:
        cut_short(grant, at=moment, by=by, reason=reason)
    deputies = list(
        Deputy.objects.select_for_update()
        .filter(Q(absent=person) | Q(deputy=person))
        .filter(is_not_over(moment))
        .order_by("pk")
    )
    for appointment in deputies:
        cut_deputy_short(appointment, at=moment)
    return deputies


def _record_held(
    grants: list[RoleGrant], deputies: list[Deputy], actor: Person | None, *, cause: str
) -> None:
    for grant in grants:
        record_ended(grant, actor, cause=cause)
    for appointment in deputies:
        record_deputy_ended(appointment, actor)


def _absent(moment: datetime) -> QuerySet[Person]:
    """Who showed no sign of life for too long, and was not marked, or got a role since then."""
    seen = Greatest(Coalesce("last_login", "created_at"), "absent_since")  # skips NULL
    held = RoleGrant.objects.filter(is_not_over(moment), person=OuterRef("pk"), issuer="")
    people = Person.objects.filter(is_active=True).annotate(seen=seen)
    return people.filter(
        Q(absent_since=None) | Exists(held), seen__lte=moment - settings.ABSENT_AFTER
    ).order_by("pk")


def _where(person: Person, grants: list[RoleGrant]) -> int | None:
    """The highest node on which the person held a role, so that its auditors read the entry."""
    if not grants:
        return workplace_id(person)
    nodes = [grant.node for grant in grants]
    return min(nodes, key=lambda node: (len(node.ancestor_ids), node.pk)).pk


def _record_refusal(event: str, person: Person, actor: Person, refusal: DomainError) -> None:
    record_refusal(event, person, actor=actor, node_id=workplace_id(person), code=refusal.code)
