"""Roles and deputies under four eyes: one quota administrator proposes, another decides.

Locks: tree (shared), then the people whom it is about by primary key, then the proposal, then the
audit head.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from portal.audit.services import record, record_refusal
from portal.core.calendar import Period
from portal.core.errors import DomainError, InvalidInput, NotAllowed
from portal.core.locks import lock_tree_shared
from portal.core.models import is_not_over
from portal.identity.errors import (
    AboutYourself,
    AlreadyProposed,
    NodeEnded,
    OwnProposal,
    PersonElsewhere,
    PersonHasLeft,
    ProposalSettled,
    ProposerMayNot,
)
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import (
    Deputy,
    Node,
    Person,
    ProposalState,
    Role,
    RoleGrant,
    RoleProposal,
)
from portal.identity.role_policies import (
    is_emergency_person,
    may_decide,
    may_propose,
    may_still_propose,
    people_beside,
)
from portal.identity.sensitive import sensitive
from portal.identity.services.deputies import appoint_as_decided, lock_both
from portal.identity.services.input import clean_period, clean_reason
from portal.identity.services.roles import (
    cut_short,
    lock_person,
    record_ended,
    refuse_emergency_access,
)

PROPOSAL_TERM: Final = timedelta(days=14)
LONGEST_TERM: Final = timedelta(days=731)  # of a role, from its first to its last day
CENT: Final = Decimal("0.01")
HIGHEST_LIMIT: Final = Decimal("999999999999.99")  # what the column holds

_NOT_FOR_THE_ACTOR = (AboutYourself, OwnProposal, NotAllowed)


@dataclass(frozen=True, kw_only=True)
class WantedRole:
    """A role that somebody should have, from the first up to and including the last day.

    ``amount_limit``: highest amount in euros that an approver may approve; None: no limit.
    """

    person: Person
    node: Node
    role: Role
    first_day: date
    last_day: date
    reason: str
    amount_limit: Decimal | None = None


def propose_role(wanted: WantedRole, *, actor: Person) -> RoleProposal:
    """Ask for a role for somebody else; another quota administrator decides within 14 days.

    A role that the person has on that node already is replaced when this is granted: so an
    amount limit changes and a term is prolonged.

    Raises:
        AboutYourself, NotAllowed, SameHuman: the actor may not propose this; nor emergency access
            anything.
        InvalidInput: with a message by field.
        NodeEnded, AlreadyProposed: it cannot be granted, or waits already.
    """
    try:
        return _propose(wanted, actor)
    except _NOT_FOR_THE_ACTOR as refusal:
        node = wanted.node
        record_refusal(
            "role.proposing_refused", node, actor=actor, node_id=node.pk, code=refusal.code
        )
        raise


@transaction.atomic(durable=True)
def _propose(wanted: WantedRole, actor: Person) -> RoleProposal:
    lock_tree_shared()
    person, node = lock_person(wanted.person.pk), Node.objects.get(pk=wanted.node.pk)
    refuse_emergency_access(actor)
    if person.pk == actor.pk:
        raise AboutYourself()
    check_other_humans([person.pk], [actor.pk])
    if not may_propose(actor, node):
        raise NotAllowed()
    if node.ended_at:
        raise NodeEnded(name=node.name)
    if not people_beside(node).filter(pk=person.pk).exists():
        raise InvalidInput({"person": [_("Choose somebody of this organization.")]})
    reason = clean_reason(wanted.reason)
    period = clean_period(wanted.first_day, wanted.last_day, longest=LONGEST_TERM)
    _check_limit(wanted)
    proposal = RoleProposal(
        person=person, node=node, role=wanted.role, amount_limit=wanted.amount_limit
    )
    return begin_proposal(proposal, period, reason, actor, field="role")


def begin_proposal(
    proposal: RoleProposal, period: Period, reason: str, actor: Person, *, field: str
) -> RoleProposal:
    """Let a proposal wait for its decision. Part of the transaction that checked it.

    Raises:
        AlreadyProposed: at that ``field``; the same waits already.
    """
    waiting = RoleProposal.objects.filter(
        person=proposal.person,
        node=proposal.node,
        role=proposal.role,
        absent=proposal.absent,
        state=ProposalState.PROPOSED,
    )
    if waiting.exists():
        raise AlreadyProposed(field=field)
    proposal.valid_from, proposal.valid_until = period.start, period.end
    proposal.reason = reason
    proposal.proposed_by, proposal.proposed_at = actor, now()
    proposal.expires_at = proposal.proposed_at + PROPOSAL_TERM
    proposal.save(force_insert=True)
    record_proposal("role.proposed", proposal, actor)
    return proposal


@sensitive("role.grant")
def grant_role(public_id: UUID, *, actor: Person, reason: str = "") -> RoleGrant | Deputy:
    """Say yes to a proposal: the role is held from its first day, at once if that has come.

    A deputy decides in the place of the absent one from then on; they get no role of their own.

    Raises:
        AboutYourself, OwnProposal, NotAllowed, SameHuman: somebody else must decide; or nobody,
            as about the person of emergency access.
        ProposalSettled: somebody was first, or it ran out.
        PersonHasLeft, PersonElsewhere, NodeEnded: meanwhile there is nothing to grant.
        InvalidInput, DeputyNamed: they cannot be the deputy any more, or are already.
        ProposerMayNot: who proposed it could not do so now.
    """
    try:
        return _grant(public_id, actor, clean_reason(reason, required=False))
    except _NOT_FOR_THE_ACTOR as refusal:
        _record_refused_decision(public_id, actor, refusal)
        raise


@transaction.atomic(durable=True)
def _grant(public_id: UUID, actor: Person, reason: str) -> RoleGrant | Deputy:
    proposal = _lock_for_decision(public_id, actor)
    if is_emergency_person(proposal.person):
        raise NotAllowed()
    begins = max(now(), proposal.valid_from)
    _check_still_proposable(proposal)
    if proposal.valid_until <= begins:
        raise ProposalSettled(state=ProposalState.EXPIRED.label)
    _decide(proposal, ProposalState.GRANTED, actor, reason)
    if proposal.absent:
        return appoint_as_decided(proposal, proposal.absent, begins=begins)
    return _give_role(proposal, actor, begins)


def _give_role(proposal: RoleProposal, actor: Person, begins: datetime) -> RoleGrant:
    replaced = list(_granted_before(proposal).filter(is_not_over(begins)))
    for earlier in replaced:
        cut_short(earlier, at=begins, by=actor, reason=proposal.reason)
    grant = RoleGrant.objects.create(
        person=proposal.person,
        node=proposal.node,
        role=proposal.role,
        amount_limit=proposal.amount_limit,
        valid_from=begins,
        valid_until=proposal.valid_until,
        granted_by=actor,
        proposal=proposal,
        reason=proposal.reason,
    )
    for earlier in replaced:
        record_ended(earlier, actor, cause="replaced")
    data = {"role": grant.role, "person": grant.person_id, "proposal": str(proposal.public_id)}
    record("role.granted", grant, actor=actor, node_id=grant.node_id, data=data)
    return grant


def refuse_role(public_id: UUID, *, actor: Person, reason: str) -> RoleProposal:
    """Say no to a proposal, with a reason that who proposed it reads.

    Raises:
        RefusalNeedsReason: there is none.
        AboutYourself, OwnProposal, NotAllowed, ProposalSettled: as in ``grant_role``.
    """
    reason = clean_reason(reason)
    try:
        return _refuse(public_id, actor, reason)
    except _NOT_FOR_THE_ACTOR as refusal:
        _record_refused_decision(public_id, actor, refusal)
        raise


@transaction.atomic(durable=True)
def _refuse(public_id: UUID, actor: Person, reason: str) -> RoleProposal:
    proposal = _lock_for_decision(public_id, actor)
    _decide(proposal, ProposalState.REFUSED, actor, reason)
    record_proposal("role.refused", proposal, actor)
    return proposal


@transaction.atomic(durable=True)
def withdraw_proposal(public_id: UUID, *, actor: Person) -> RoleProposal:
    """Take back one's own proposal, as long as nobody decided.

    Raises:
        NotAllowed: somebody else made it.
        ProposalSettled: somebody was first.
    """
    proposal = _lock_proposal(public_id)
    if proposal.proposed_by_id != actor.pk:
        raise NotAllowed()
    if proposal.state != ProposalState.PROPOSED:
        raise ProposalSettled(state=proposal.get_state_display())
    settle(proposal, ProposalState.WITHDRAWN)
    record_proposal("role.proposal_withdrawn", proposal, actor)
    return proposal


def expire_proposals() -> None:
    """End the proposals that nobody decided on in time."""
    waiting = RoleProposal.objects.filter(state=ProposalState.PROPOSED, expires_at__lte=now())
    for public_id in waiting.values_list("public_id", flat=True):
        _expire(public_id)


@transaction.atomic(durable=True)
def _expire(public_id: UUID) -> None:
    proposal = _lock_proposal(public_id)
    if proposal.state == ProposalState.PROPOSED:
        settle(proposal, ProposalState.EXPIRED)
        record_proposal("role.proposal_expired", proposal, None)


def withdraw_waiting(which: Q) -> list[RoleProposal]:
    """Let nobody decide any more on these. Part of a larger act, which writes it down."""
    waiting = RoleProposal.objects.select_for_update(of=("self",)).filter(
        which, state=ProposalState.PROPOSED
    )
    proposals = list(waiting.order_by("pk"))
    for proposal in proposals:
        settle(proposal, ProposalState.WITHDRAWN)
    return proposals


def settle(proposal: RoleProposal, state: ProposalState) -> None:
    """End a proposal without a decision."""
    proposal.state = state
    proposal.save(update_fields=["state"])


def _lock_proposal(public_id: UUID) -> RoleProposal:
    """Lock the people and then the proposal, as everybody does."""
    proposals = RoleProposal.objects.filter(public_id=public_id)
    person_id, absent_id = proposals.values_list("person_id", "absent_id").get()
    lock_both(absent_id or person_id, person_id)
    return (
        proposals.select_for_update(of=("self",))
        .select_related("person", "absent", "node__parent", "proposed_by")
        .get()
    )


def _lock_for_decision(public_id: UUID, actor: Person) -> RoleProposal:
    lock_tree_shared()
    proposal = _lock_proposal(public_id)
    refuse_emergency_access(actor)
    if proposal.person_id == actor.pk:
        raise AboutYourself()
    if proposal.proposed_by_id == actor.pk:
        raise OwnProposal()
    check_other_humans([proposal.person_id, proposal.proposed_by_id], [actor.pk])
    if not may_decide(actor, proposal):
        raise NotAllowed()
    if proposal.state != ProposalState.PROPOSED:
        raise ProposalSettled(state=proposal.get_state_display())
    if proposal.expires_at <= now():
        raise ProposalSettled(state=ProposalState.EXPIRED.label)  # the clock has yet to write it
    return proposal


def _check_still_proposable(proposal: RoleProposal) -> None:
    """What was true when it was proposed may have changed since."""
    person, node = proposal.person, proposal.node
    if not person.is_active:
        raise PersonHasLeft(name=person.name)
    if node.ended_at:
        raise NodeEnded(name=node.name)
    if not people_beside(node).filter(pk=person.pk).exists():
        raise PersonElsewhere(name=person.name)
    if not may_still_propose(proposal):
        raise ProposerMayNot(name=proposal.proposed_by.name)


def _decide(proposal: RoleProposal, state: ProposalState, actor: Person, reason: str) -> None:
    proposal.state = state
    proposal.decided_by, proposal.decided_at = actor, now()
    proposal.decision_reason = reason
    proposal.save(update_fields=["state", "decided_by", "decided_at", "decision_reason"])


def _granted_before(proposal: RoleProposal) -> QuerySet[RoleGrant]:
    """The same role of the same person on the same node, as the portal granted it."""
    grants = RoleGrant.objects.select_for_update().filter(
        person=proposal.person_id, node=proposal.node_id, role=proposal.role, issuer=""
    )
    return grants.order_by("pk")


def _check_limit(wanted: WantedRole) -> None:
    limit = wanted.amount_limit
    if limit is None:
        return
    if wanted.role != Role.APPROVER:
        raise InvalidInput({"amount_limit": [_("Only an approver has an amount limit.")]})
    if not limit.is_finite() or not 0 < limit <= HIGHEST_LIMIT:
        raise InvalidInput({"amount_limit": [_("Fill in an amount above zero.")]})
    if limit != limit.quantize(CENT):
        raise InvalidInput({"amount_limit": [_("Use at most two decimals.")]})


def record_proposal(event: str, proposal: RoleProposal, actor: Person | None) -> None:
    data = {"role": proposal.role, "person": proposal.person_id}
    if proposal.absent_id:
        data["absent"] = proposal.absent_id
    record(event, proposal, actor=actor, node_id=proposal.node_id, data=data)


def _record_refused_decision(public_id: UUID, actor: Person, refusal: DomainError) -> None:
    proposal = RoleProposal.objects.get(public_id=public_id)
    record_refusal(
        "role.decision_refused",
        proposal,
        actor=actor,
        node_id=proposal.node_id,
        code=refusal.code,
    )
