"""One human with two logins: one quota administrator proposes to link them, another decides.

Locks: tree (shared to propose, exclusive to decide: nobody orders, approves or logs in meanwhile),
the people by primary key, the proposals, sessions, grants and deputies, then the audit head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from portal.audit.services import record, record_refusal
from portal.core.errors import DomainError, InvalidInput, NotAllowed
from portal.core.faults import each_by_itself
from portal.core.locks import lock_tree_exclusive, lock_tree_shared
from portal.core.models import is_not_over
from portal.identity.access import workplace_id
from portal.identity.errors import (
    AboutYourself,
    HasMoreLogins,
    LinkerMayNot,
    LinkProposed,
    LoginConfined,
    LoginElsewhere,
    OwnProposal,
    PersonHasLeft,
    PersonJoined,
    ProposalSettled,
)
from portal.identity.four_eyes import check_other_humans
from portal.identity.link_policies import (
    may_decide_link,
    may_propose_link,
    may_still_propose_link,
    would_shut_out,
)
from portal.identity.models import (
    Identity,
    LinkProposal,
    Person,
    ProposalState,
    RoleGrant,
    SessionEnd,
)
from portal.identity.sensitive import sensitive
from portal.identity.services.deputies import end_idle_deputies
from portal.identity.services.input import clean_reason
from portal.identity.services.people import Access, end_access, record_access_ended
from portal.identity.services.proposals import PROPOSAL_TERM
from portal.identity.services.roles import (
    carry_bars,
    cut_short,
    lift_carried_bars,
    lock_people,
    record_carried_bars,
    refuse_emergency_access,
)
from portal.identity.services.sessions import end_sessions_of, record_sessions_ended

LINKED: Final = "linked"  # the cause of what ended because a login went to somebody else
_NOT_FOR_THE_ACTOR = (AboutYourself, OwnProposal, NotAllowed)


@dataclass(frozen=True, kw_only=True)
class WantedLink:
    """That the only login of ``holder`` is one of ``receiver``."""

    holder: Person
    receiver: Person
    reason: str


def propose_link(wanted: WantedLink, *, actor: Person) -> LinkProposal:
    """Ask for the login of one person to become another's; somebody else decides within 14 days.

    Raises:
        AboutYourself, NotAllowed, SameHuman: the actor may not propose this; nor emergency access.
        RefusalNeedsReason: there is none.
        InvalidInput: the holder has no login.
        PersonHasLeft, PersonJoined, HasMoreLogins, LoginConfined: these two cannot be linked so.
        LinkProposed: it waits already.
    """
    reason = clean_reason(wanted.reason)
    try:
        return _propose(wanted.holder, wanted.receiver, reason, actor)
    except _NOT_FOR_THE_ACTOR as refusal:
        _record_refusal("identity.linking_refused", wanted.receiver, actor, refusal)
        raise


@transaction.atomic(durable=True)
def _propose(holder: Person, receiver: Person, reason: str, actor: Person) -> LinkProposal:
    holder, receiver = _lock_both(holder, receiver, actor)
    _check_proposer(holder, receiver, actor)
    identities = list(holder.identities.all()[:2])
    if not identities:
        raise InvalidInput({"holder": [_("This person never logged in.")]})
    link = LinkProposal(identity=identities[0], holder=holder, receiver=receiver)
    _check_linkable(link)
    return _begin(link, reason, actor)


def propose_unlinking(joined: Person, *, actor: Person, reason: str) -> LinkProposal:
    """Ask for a wrong link to be undone: the login goes back to the person who was joined.

    Raises:
        as ``propose_link``; LoginElsewhere: this person is joined into nobody.
    """
    reason = clean_reason(reason)
    try:
        return _propose_unlinking(joined, reason, actor)
    except _NOT_FOR_THE_ACTOR as refusal:
        _record_refusal("identity.linking_refused", joined, actor, refusal)
        raise


@transaction.atomic(durable=True)
def _propose_unlinking(joined: Person, reason: str, actor: Person) -> LinkProposal:
    former = Person.objects.get(pk=joined.pk).joined_into
    if former is None:
        raise LoginElsewhere(name=joined.name)
    holder, receiver = _lock_both(former, joined, actor)
    _check_proposer(holder, receiver, actor)
    undone = _newest_between(holder=receiver, receiver=holder)
    if undone is None or undone.identity.person_id != holder.pk:
        raise LoginElsewhere(name=holder.name)
    link = LinkProposal(identity=undone.identity, holder=holder, receiver=receiver, undoes=undone)
    return _begin(link, reason, actor)


@sensitive("identity.link")
def confirm_link(public_id: UUID, *, actor: Person, reason: str = "") -> LinkProposal:
    """Say yes: the login moves. Of who is left without any, all access ends.

    They are joined into the receiver: what they asked for and decided stays theirs, and from now on
    four eyes take both for one human. When a link is undone they stay without access, until an
    administrator lets them in again.

    Raises:
        AboutYourself, OwnProposal, NotAllowed, SameHuman: somebody else must decide.
        ProposalSettled: somebody was first, or it ran out.
        PersonHasLeft, PersonJoined, HasMoreLogins, LoginConfined, LoginElsewhere: meanwhile it
            cannot be done.
        LinkerMayNot: who proposed it could not do so now.
    """
    try:
        return _confirm(public_id, actor, clean_reason(reason, required=False))
    except _NOT_FOR_THE_ACTOR as refusal:
        _record_refused_decision(public_id, actor, refusal)
        raise


@transaction.atomic(durable=True)
def _confirm(public_id: UUID, actor: Person, reason: str) -> LinkProposal:
    link = _lock_for_decision(public_id, actor)
    if link.identity.person_id != link.holder_id:
        raise LoginElsewhere(name=link.holder.name)
    if link.undoes is None:
        _check_linkable(link)
    if not may_still_propose_link(link):
        raise LinkerMayNot(name=link.proposed_by.name)
    _decide(link, ProposalState.GRANTED, actor, reason)
    expired = _expire_others(link)
    where = [(person, workplace_id(person)) for person in (link.holder, link.receiver)]
    sessions = end_sessions_of(link.holder, by=actor, how=SessionEnd.LINKED)
    bars = carry_bars(link.holder, link.receiver, link.identity.issuer)
    held = _take_apart(link, actor) if link.undoes else _join(link, actor)
    record_access_ended(held, actor, cause=LINKED)
    record_sessions_ended(sessions, actor, node_id=where[0][1])
    record_carried_bars(bars)
    if link.undoes:
        lift_carried_bars(link, actor)
    event = "identity.unlinked" if link.undoes else "identity.linked"
    for person, node_id in where:
        record(event, person, actor=actor, node_id=node_id, data=_data(link))
    for other in expired:
        _record("identity.link_expired", other, None)
    return link


def _join(link: LinkProposal, actor: Person) -> Access:
    holder, moment = link.holder, now()
    held = end_access(holder, at=moment, by=actor, reason=link.reason)
    _move(link.identity, link.receiver)
    holder.is_active, holder.ended_at = False, holder.ended_at or moment
    holder.joined_into = link.receiver
    holder.save(update_fields=["is_active", "ended_at", "joined_into"])
    return held


def _take_apart(link: LinkProposal, actor: Person) -> Access:
    """What the claims of that provider gave goes too: the next login there gives what is due."""
    receiver, moment = link.receiver, now()
    _move(link.identity, receiver)
    receiver.joined_into = None
    receiver.save(update_fields=["joined_into"])
    # Also what lapsed: by what would come back at the next login, their deputies go on approving.
    lasting = is_not_over(moment) | Q(valid_until__gt=link.holder.last_login or moment)
    claimed = RoleGrant.objects.select_for_update().filter(
        lasting, person=link.holder, issuer=link.identity.issuer, end_reason=""
    )
    grants = list(claimed.order_by("pk"))
    for grant in grants:
        cut_short(grant, at=moment, by=actor, reason=link.reason)
    return Access(grants=grants, deputies=end_idle_deputies(link.holder), proposals=[])


def _expire_others(link: LinkProposal) -> list[LinkProposal]:
    """End what else waits about the two or was proposed by one of them.

    It was asked for before anybody knew who they are, and the proposer of one may be whom it is
    about by now.
    """
    both = [link.holder_id, link.receiver_id]
    waiting = LinkProposal.objects.select_for_update(of=("self",)).filter(
        Q(holder__in=both) | Q(receiver__in=both) | Q(proposed_by__in=both),
        state=ProposalState.PROPOSED,
    )
    expired = list(waiting.select_related("receiver").order_by("pk"))
    for other in expired:
        _settle(other, ProposalState.EXPIRED)
    return expired


def _move(identity: Identity, receiver: Person) -> None:
    identity.person = receiver
    identity.save(update_fields=["person"])


@sensitive("identity.refuse_link")
def refuse_link(public_id: UUID, *, actor: Person, reason: str) -> LinkProposal:
    """Say no, with a reason that who proposed it reads.

    Raises:
        RefusalNeedsReason: there is none.
        AboutYourself, OwnProposal, NotAllowed, SameHuman, ProposalSettled: as in ``confirm_link``.
    """
    reason = clean_reason(reason)
    try:
        return _refuse(public_id, actor, reason)
    except _NOT_FOR_THE_ACTOR as refusal:
        _record_refused_decision(public_id, actor, refusal)
        raise


@transaction.atomic(durable=True)
def _refuse(public_id: UUID, actor: Person, reason: str) -> LinkProposal:
    link = _lock_for_decision(public_id, actor)
    _decide(link, ProposalState.REFUSED, actor, reason)
    _record("identity.link_refused", link, actor)
    return link


@transaction.atomic(durable=True)
def withdraw_link(public_id: UUID, *, actor: Person) -> LinkProposal:
    """Take back one's own proposal, as long as nobody decided.

    Raises:
        NotAllowed: somebody else made it.
        ProposalSettled: somebody was first.
    """
    link = _lock(public_id)
    if link.proposed_by_id != actor.pk:
        raise NotAllowed()
    if link.state != ProposalState.PROPOSED:
        raise ProposalSettled(state=link.get_state_display())
    _settle(link, ProposalState.WITHDRAWN)
    _record("identity.link_withdrawn", link, actor)
    return link


def expire_links() -> None:
    """End the proposals that nobody decided on in time.

    Raises:
        ExceptionGroup: what went wrong, after every proposal had its turn.
    """
    waiting = LinkProposal.objects.filter(state=ProposalState.PROPOSED, expires_at__lte=now())
    each_by_itself(_expire, waiting.order_by("pk").values_list("public_id", flat=True))


@transaction.atomic(durable=True)
def _expire(public_id: UUID) -> int:
    link = _lock(public_id)
    if link.state != ProposalState.PROPOSED:
        return 0
    _settle(link, ProposalState.EXPIRED)
    _record("identity.link_expired", link, None)
    return 1


# --- parts --------------------------------------------------------------------------------------


def _lock_both(holder: Person, receiver: Person, actor: Person) -> tuple[Person, Person]:
    lock_tree_shared()
    lock_people({holder.pk, receiver.pk, actor.pk})
    people = Person.objects.select_related("joined_into").in_bulk([holder.pk, receiver.pk])
    return people[holder.pk], people[receiver.pk]


def _check_proposer(holder: Person, receiver: Person, actor: Person) -> None:
    refuse_emergency_access(actor)
    if actor.pk in {holder.pk, receiver.pk}:
        raise AboutYourself()
    check_other_humans([holder.pk, receiver.pk], [actor.pk])
    if not may_propose_link(actor, holder, receiver):
        raise NotAllowed()


def _check_linkable(link: LinkProposal) -> None:
    """One login that goes to somebody who has access: so nobody is joined into who is joined."""
    holder, receiver = link.holder, link.receiver
    for person in (receiver, holder):
        if person.joined_into:
            raise PersonJoined(name=person.name, other=person.joined_into.name)
    if not receiver.is_active:
        raise PersonHasLeft(name=receiver.name)
    if holder.identities.count() > 1:
        raise HasMoreLogins(name=holder.name)
    if would_shut_out(link):
        raise LoginConfined(name=holder.name, other=receiver.name)


def _newest_between(*, holder: Person, receiver: Person) -> LinkProposal | None:
    """The link by which the one was joined into the other."""
    links = LinkProposal.objects.select_related("identity").filter(
        holder=holder, receiver=receiver, state=ProposalState.GRANTED, undoes=None
    )
    return links.order_by("-decided_at").first()


def _begin(link: LinkProposal, reason: str, actor: Person) -> LinkProposal:
    if link.identity.link_proposals.filter(state=ProposalState.PROPOSED).exists():
        raise LinkProposed(field="holder")
    link.reason = reason
    link.proposed_by, link.proposed_at = actor, now()
    link.expires_at = link.proposed_at + PROPOSAL_TERM
    link.save(force_insert=True)
    _record("identity.link_proposed", link, actor)
    return link


def _lock(public_id: UUID, actor: Person | None = None) -> LinkProposal:
    links = LinkProposal.objects.filter(public_id=public_id)
    holder_id, receiver_id = links.values_list("holder_id", "receiver_id").get()
    lock_people({holder_id, receiver_id, *([actor.pk] if actor else [])})
    return (
        links.select_for_update(of=("self",))
        .select_related(
            "identity", "holder__joined_into", "receiver__joined_into", "proposed_by", "undoes"
        )
        .get()
    )


def _lock_for_decision(public_id: UUID, actor: Person) -> LinkProposal:
    lock_tree_exclusive()
    link = _lock(public_id, actor)
    refuse_emergency_access(actor)
    if actor.pk in {link.holder_id, link.receiver_id}:
        raise AboutYourself()
    if link.proposed_by_id == actor.pk:
        raise OwnProposal()
    check_other_humans([link.holder_id, link.receiver_id, link.proposed_by_id], [actor.pk])
    if not may_decide_link(actor, link):
        raise NotAllowed()
    if link.state != ProposalState.PROPOSED:
        raise ProposalSettled(state=link.get_state_display())
    if link.expires_at <= now():
        raise ProposalSettled(state=ProposalState.EXPIRED.label)  # the clock has yet to write it
    return link


def _decide(link: LinkProposal, state: ProposalState, actor: Person, reason: str) -> None:
    link.decided_by, link.decided_at, link.decision_reason = actor, now(), reason
    _settle(link, state)


def _settle(link: LinkProposal, state: ProposalState) -> None:
    link.state = state
    link.save(update_fields=["state", "decided_by", "decided_at", "decision_reason"])


def _data(link: LinkProposal) -> dict[str, int | str]:
    return {
        "identity": link.identity_id,
        "from": link.holder_id,
        "to": link.receiver_id,
        "proposal": str(link.public_id),
    }


def _record(event: str, link: LinkProposal, actor: Person | None) -> None:
    record(event, link, actor=actor, node_id=workplace_id(link.receiver), data=_data(link))


def _record_refusal(event: str, person: Person, actor: Person, refusal: DomainError) -> None:
    record_refusal(event, person, actor=actor, node_id=workplace_id(person), code=refusal.code)


def _record_refused_decision(public_id: UUID, actor: Person, refusal: DomainError) -> None:
    link = LinkProposal.objects.select_related("receiver").get(public_id=public_id)
    record_refusal(
        "identity.link_decision_refused",
        link,
        actor=actor,
        node_id=workplace_id(link.receiver),
        code=refusal.code,
    )
