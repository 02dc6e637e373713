"""Who links two logins of one human, who decides on it, and whom it may be about."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.utils.timezone import now

from portal.core.models import is_not_over
from portal.identity.access import granted_node_ids, standing_grants
from portal.identity.models import (
    PRIVILEGED_ROLES,
    Deputy,
    LinkProposal,
    Node,
    Person,
    ProposalState,
    Role,
    RoleGrant,
)
from portal.identity.role_policies import (
    administered_node_ids,
    is_emergency_person,
    visible_people,
)
from portal.identity.services.break_glass import ISSUER as EMERGENCY


@dataclass(frozen=True)
class Stake:
    """A node on which one of both persons has something to say, or belongs."""

    node: Node
    is_privileged: bool


def visible_links(person: Person) -> QuerySet[LinkProposal]:
    """The proposals of which the person oversees both sides."""
    people = visible_people(person)
    return LinkProposal.objects.filter(holder__in=people, receiver__in=people)


def waiting_links(person: Person) -> QuerySet[LinkProposal]:
    """Those of the visible ones on which nobody decided yet, the oldest first."""
    waiting = visible_links(person).filter(state=ProposalState.PROPOSED, expires_at__gt=now())
    return waiting.select_related("holder", "receiver", "proposed_by").order_by("proposed_at", "pk")


def links_to_decide(person: Person) -> list[LinkProposal]:
    """The proposals that wait for this person: neither made by them nor about them.

    Few ever wait, in all organizations together, so each is judged by itself.
    """
    waiting = LinkProposal.objects.filter(state=ProposalState.PROPOSED, expires_at__gt=now())
    links = waiting.select_related("holder", "receiver", "proposed_by").exclude(
        Q(proposed_by=person) | Q(holder=person) | Q(receiver=person)
    )
    return [
        link
        for link in links.order_by("proposed_at", "pk")
        if not is_emergency_person(person) and may_decide_link(person, link)
    ]


def linkable_people(actor: Person, receiver: Person) -> QuerySet[Person]:
    """Whose login may turn out to be the receiver's: everybody whom the actor sees, with one."""
    people = visible_people(actor).exclude(pk__in=[actor.pk, receiver.pk])
    one = Person.objects.annotate(logins=Count("identities")).filter(logins=1)
    return people.filter(pk__in=one.values("pk")).exclude(identities__issuer=EMERGENCY)


def may_propose_link(actor: Person, holder: Person, receiver: Person) -> bool:
    """Who administers all that both have and log in for; never about oneself."""
    if actor.pk in {holder.pk, receiver.pk} or _is_about_emergency(holder, receiver):
        return False
    held = set(granted_node_ids(actor, (Role.QUOTA_ADMINISTRATOR,)))
    return _covers(held, _stakes(holder, receiver))


def may_still_propose_link(link: LinkProposal) -> bool:
    """Whether who proposed it may do so now, also while their claim waits for the next login."""
    return _covers(administered_node_ids(link.proposed_by), _stakes(link.holder, link.receiver))


def may_decide_link(actor: Person, link: LinkProposal) -> bool:
    """As for proposing it; where one of both has a privileged role, from above, as for a role.

    A link gives whoever has the one login all that the other has. So it is decided on from above
    the node of each privileged role, and from above every node from which who proposed it
    administers. Nothing is above a root (ADR 0014).
    """
    if _is_about_emergency(link.holder, link.receiver):
        return False
    stakes = _stakes(link.holder, link.receiver)
    held = set(granted_node_ids(actor, (Role.QUOTA_ADMINISTRATOR,)))
    proposer = administered_node_ids(link.proposed_by)
    nodes = list(Node.objects.filter(pk__in=held))
    roots = {node.pk for node in nodes if node.parent_id is None}
    above = {node.pk for node in nodes if not proposer.intersection(node.lineage_ids)}
    from_above = all(
        roots.intersection(stake.node.lineage_ids) or above.intersection(stake.node.ancestor_ids)
        for stake in stakes
        if stake.is_privileged
    )
    return from_above and _covers(held, stakes)


def would_shut_out(link: LinkProposal) -> bool:
    """True when the login counts for one organization alone, and the receiver reaches outside it.

    Each login there would be refused from then on.
    """
    home = link.identity.node
    providers = settings.OIDC_PROVIDERS.values()
    is_confined = any(
        provider.issuer == link.identity.issuer and provider.only_own_organization
        for provider in providers
    )
    if not is_confined or home is None:
        return False
    return any(home.pk not in stake.node.lineage_ids for stake in _stakes(link.receiver))


def _covers(held: set[int], stakes: list[Stake]) -> bool:
    """True when a role on these nodes reaches all that is at stake; without any it is nobody's."""
    return bool(stakes) and all(held.intersection(stake.node.lineage_ids) for stake in stakes)


def _stakes(*people: Person) -> list[Stake]:
    """What these people hold now or later, decide in the place of others, and log in for.

    Of who left: what they held until then. A link lets their login in again, which is not for who
    could not let them in themselves.
    """
    absent = Deputy.objects.filter(is_not_over(now()), deputy__in=people).values("absent")
    later = RoleGrant.objects.filter(person__in=people, valid_from__gt=now(), end_reason="")
    grants = standing_grants().filter(
        Q(person__in=people) | Q(person__in=absent, role=Role.APPROVER)
    )
    held = [*grants.select_related("node"), *later.select_related("node")]
    for person in people:
        held += _cut_short(person)
    homes = Node.objects.filter(identities__person__in=people)
    return [
        *(Stake(grant.node, grant.role in PRIVILEGED_ROLES) for grant in held),
        *(Stake(home, False) for home in homes),
    ]


def _cut_short(person: Person) -> list[RoleGrant]:
    """What somebody who left held until then, also by a claim that would have come back."""
    if person.is_active:
        return []
    until_the_end = Q(valid_until__gte=person.ended_at or now())
    if person.last_login:
        until_the_end |= ~Q(issuer="") & Q(end_reason="", valid_until__gt=person.last_login)
    grants = RoleGrant.objects.filter(until_the_end, person=person)
    return list(grants.select_related("node"))


def _is_about_emergency(*people: Person) -> bool:
    return any(is_emergency_person(person) for person in people)
