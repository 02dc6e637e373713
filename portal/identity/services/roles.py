"""Ending roles, and keeping a claim from giving them back. Granting: ``proposals``.

Locks: tree (shared), then who ends it and whose role it is by primary key, then the grant, then
the audit head.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import now

from portal.audit.services import record, record_refusal
from portal.core.errors import DomainError, NotAllowed
from portal.core.locks import lock_tree_shared
from portal.core.models import is_not_over
from portal.identity.access import standing_grants
from portal.identity.errors import (
    AboutYourself,
    BarLifted,
    EmergencyDecidesNothing,
    RoleHasEnded,
)
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import ClaimBar, LinkProposal, Person, RoleGrant
from portal.identity.role_policies import is_emergency_person, may_lift, may_propose
from portal.identity.sensitive import sensitive
from portal.identity.services.input import clean_reason


@sensitive("role.end")
def end_grant(public_id: UUID, *, actor: Person | None, reason: str) -> RoleGrant:
    """End a role now. What a claim gave is barred too, or the next login would give it again.

    Args:
        actor: a quota administrator of the node; None is the portal itself.

    Raises:
        AboutYourself, NotAllowed: somebody else must do it.
        RefusalNeedsReason: there is none.
        RoleHasEnded: there is nothing to end.
    """
    reason = clean_reason(reason)
    try:
        return _end_grant(public_id, actor, reason)
    except (AboutYourself, NotAllowed) as refusal:
        if actor:
            _record_refused_ending(public_id, actor, refusal)
        raise


@transaction.atomic(durable=True)
def _end_grant(public_id: UUID, actor: Person | None, reason: str) -> RoleGrant:
    lock_tree_shared()
    holder_id = RoleGrant.objects.values_list("person_id", flat=True).get(public_id=public_id)
    lock_people({holder_id, actor.pk} if actor else {holder_id})
    grant = RoleGrant.objects.select_related("node", "person").get(public_id=public_id)
    if actor and actor.pk == grant.person_id:
        raise AboutYourself()
    if actor and not may_propose(actor, grant.node):
        raise NotAllowed()
    moment = now()
    ending = list(_held_like(grant, moment))
    if not ending:
        raise RoleHasEnded()
    end_held(grant, ending, at=moment, by=actor, reason=reason, cause="withdrawn")
    grant.refresh_from_db()
    return grant


@sensitive("role.lift_bar")
def lift_bar(public_id: UUID, *, actor: Person) -> ClaimBar:
    """Let a claim give a role again, from the next login on.

    Raises:
        AboutYourself, NotAllowed, SameHuman: somebody else must do it; nor emergency access.
        BarLifted: somebody was first.
    """
    try:
        return _lift_bar(public_id, actor)
    except (AboutYourself, NotAllowed) as refusal:
        bar = ClaimBar.objects.get(public_id=public_id)
        record_refusal(
            "role.bar_lifting_refused", bar, actor=actor, node_id=bar.node_id, code=refusal.code
        )
        raise


@transaction.atomic(durable=True)
def _lift_bar(public_id: UUID, actor: Person) -> ClaimBar:
    lock_tree_shared()
    bar = (
        ClaimBar.objects.select_for_update(of=("self",))
        .select_related("node__parent")
        .get(public_id=public_id)
    )
    if bar.person_id == actor.pk:
        raise AboutYourself()
    refuse_emergency_access(actor)
    check_other_humans([bar.person_id], [actor.pk])
    if not may_lift(actor, bar):
        raise NotAllowed()
    if bar.lifted_at:
        raise BarLifted()
    bar.lifted_by, bar.lifted_at = actor, now()
    bar.save(update_fields=["lifted_by", "lifted_at"])
    _record_bar("role.bar_lifted", bar, actor)
    return bar


# --- parts, for transactions that hold the person's row ----------------------------------------


def end_held(
    grant: RoleGrant,
    ending: Sequence[RoleGrant],
    *,
    at: datetime,
    by: Person | None,
    reason: str,
    cause: str,
) -> None:
    """End a role in every grant that carries it; bar the claim, if one gave it."""
    for item in ending:
        cut_short(item, at=at, by=by, reason=reason)
    bar = _bar(grant, grant.person, by=by, reason=reason, moment=at) if grant.issuer else None
    for item in ending:
        record_ended(item, by, cause=cause)
    if bar:
        _record_bar("role.barred", bar, by)


def carry_bars(holder: Person, receiver: Person, issuer: str) -> list[ClaimBar]:
    """Bar for the receiver what is barred for the holder: a login that moves leads round no bar.

    Part of the transaction that moves it; ``record_carried_bars`` follows.
    """
    carried = []
    for bar in ClaimBar.objects.filter(person=holder, issuer=issuer, lifted_at=None).order_by("pk"):
        if new := _bar(bar, receiver, by=None, reason=bar.reason, moment=now()):
            carried.append(new)
    return carried


def record_carried_bars(bars: Iterable[ClaimBar]) -> None:
    """Write down what the portal itself barred."""
    for bar in bars:
        _record_bar("role.barred", bar, None)


def lift_carried_bars(undoing: LinkProposal, actor: Person) -> None:
    """Lift what a wrong link barred: it was the bar of somebody else.

    Only where the actor may lift it; the others wait for who may. Last in its transaction: it
    writes the audit entries.
    """
    link = undoing.undoes
    if link is None:
        return
    theirs = ClaimBar.objects.filter(
        person=undoing.receiver,
        node=OuterRef("node"),
        role=OuterRef("role"),
        issuer=OuterRef("issuer"),
        reason=OuterRef("reason"),
        barred_at__lt=OuterRef("barred_at"),
    )
    carried = ClaimBar.objects.select_for_update(of=("self",)).select_related("node__parent")
    carried = carried.filter(
        Exists(theirs),
        person=undoing.holder,
        issuer=undoing.identity.issuer,
        barred_by=None,
        barred_at__gte=link.decided_at,
        lifted_at=None,
    )
    for bar in [bar for bar in carried.order_by("pk") if may_lift(actor, bar)]:
        bar.lifted_by, bar.lifted_at = actor, now()
        bar.save(update_fields=["lifted_by", "lifted_at"])
        _record_bar("role.bar_lifted", bar, actor)


def cut_short(grant: RoleGrant, *, at: datetime, by: Person | None, reason: str) -> None:
    """End a grant at that moment; one that has not begun by then never will."""
    if grant.valid_until is None or grant.valid_until > at:
        grant.valid_until = max(at, grant.valid_from)
    grant.ended_by, grant.end_reason = by, reason
    grant.save(update_fields=["valid_until", "ended_by", "end_reason"])


def record_ended(grant: RoleGrant, actor: Person | None, *, cause: str) -> None:
    """Write down that a role ended: withdrawn, replaced, unconfirmed, person_left, absent, moved,
    linked, node_ended or provider_removed."""
    data = {"role": grant.role, "person": grant.person_id, "cause": cause}
    record("role.ended", grant, actor=actor, node_id=grant.node_id, data=data)


def lock_person(person_id: int) -> Person:
    """Lock the row that everything about somebody's roles, deputies and sessions waits for."""
    return Person.objects.select_for_update().get(pk=person_id)


def refuse_emergency_access(actor: Person) -> None:
    """Four eyes are of two people by name: nobody is both themselves and emergency access.

    Raises:
        EmergencyDecidesNothing: the actor is whoever typed the emergency password.
    """
    if is_emergency_person(actor):
        raise EmergencyDecidesNothing()


def lock_people(person_ids: Iterable[int]) -> None:
    """Lock the rows of several people, in the order of all locks.

    Who acts on somebody else is one of them: else two administrators who end each other at the
    same moment both find that they may. What allows the act is looked at after this.
    """
    people = Person.objects.select_for_update().filter(pk__in=set(person_ids))
    list(people.order_by("pk").values_list("pk"))


def _held_like(grant: RoleGrant, moment: datetime) -> QuerySet[RoleGrant]:
    """The grant itself, as far as it is held; of a claim: what the newest login made of it."""
    held = is_not_over(moment) | Q(pk__in=standing_grants().values("pk"))
    grants = RoleGrant.objects.select_for_update().filter(held, end_reason="").order_by("pk")
    if not grant.issuer:
        return grants.filter(pk=grant.pk)
    return grants.filter(
        person=grant.person_id, node=grant.node_id, role=grant.role, issuer=grant.issuer
    )


def _bar(
    barred: RoleGrant | ClaimBar,
    person: Person,
    *,
    by: Person | None,
    reason: str,
    moment: datetime,
) -> ClaimBar | None:
    """A new bar; None when one stands already, which stays as it is."""
    bar, is_new = ClaimBar.objects.get_or_create(
        person=person,
        node=barred.node,
        role=barred.role,
        issuer=barred.issuer,
        lifted_at=None,
        defaults={"reason": reason, "barred_by": by, "barred_at": moment},
    )
    return bar if is_new else None


def _record_refused_ending(public_id: UUID, actor: Person, refusal: DomainError) -> None:
    grant = RoleGrant.objects.get(public_id=public_id)
    record_refusal(
        "role.ending_refused", grant, actor=actor, node_id=grant.node_id, code=refusal.code
    )


def _record_bar(event: str, bar: ClaimBar, actor: Person | None) -> None:
    data = {"role": bar.role, "person": bar.person_id}
    record(event, bar, actor=actor, node_id=bar.node_id, data=data)
