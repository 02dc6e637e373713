"""Which roles a review is about, who may judge them, and what became of them meanwhile.

A role from a claim lapses a day after the login and comes back at the next one. So at night, or
after a weekend, hardly any of them holds. What a review is about is therefore what *stands*
(``access.standing_grants``): what holds, and what the last login gave and only time has ended.
Emergency access is for an hour and accounted for elsewhere: it is neither judged nor counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from portal.identity.access import reached_nodes, standing_grants
from portal.identity.models import (
    PRIVILEGED_ROLES,
    Node,
    Person,
    ReviewCampaign,
    ReviewItem,
    ReviewScope,
    Role,
    RoleGrant,
)
from portal.identity.role_policies import emergency_identities
from portal.identity.services.break_glass import ISSUER as EMERGENCY

# Who may change what others may do, see everything, or bind the organization without a limit.
PRIVILEGED: Final = Q(role__in=PRIVILEGED_ROLES) | Q(role=Role.APPROVER, amount_limit=None)
# Who sees reviews at all: the ones decide, the others look on.
REVIEW_READERS: Final = frozenset({Role.QUOTA_ADMINISTRATOR, Role.AUDITOR})


def grants_to_review(root: Node, scope: ReviewScope, at: datetime) -> QuerySet[RoleGrant]:
    """What a review of ``root`` that opens at ``at`` is about."""
    about = in_tree_of(root.pk)
    standing = standing_grants(at=at).filter(about)
    return standing.filter(PRIVILEGED) if scope == ReviewScope.PRIVILEGED else standing


def in_tree_of(root_id: int) -> Q:
    """The grants on a node, or on one below it."""
    return Q(node_id=root_id) | Q(node__ancestor_ids__contains=[root_id])


def find_current(items: Sequence[ReviewItem], at: datetime) -> dict[int, RoleGrant]:
    """For each item (by primary key) the grant that carries its right at ``at``.

    An item without one is over: the right ended by itself, by its end date, or by somebody's hand.
    The items must come with their ``grant``.
    """
    people = {item.person_id for item in items if item.is_by_claim}
    claimed = standing_grants(at=at).filter(person__in=people).exclude(issuer="") if people else []
    by_right = {_right_of(grant): grant for grant in claimed}
    found: dict[int, RoleGrant] = {}
    for item in items:
        grant = by_right.get(_right_of(item)) if item.is_by_claim else item.grant
        if grant and (item.is_by_claim or _holds(grant, at)):
            found[item.pk] = grant
    return found


def _right_of(row: RoleGrant | ReviewItem) -> tuple[int, str, int, str]:
    return row.person_id, row.role, row.node_id, row.issuer


def _holds(grant: RoleGrant, at: datetime) -> bool:
    return grant.valid_from <= at and (grant.valid_until is None or grant.valid_until > at)


# --- who may judge -----------------------------------------------------------------------------


def visible_items(person: Person) -> QuerySet[ReviewItem]:
    """The roles under review on every node that the person administers or audits."""
    nodes = reached_nodes(person, *REVIEW_READERS)
    return ReviewItem.objects.filter(node__in=nodes)


def visible_campaigns(person: Person) -> QuerySet[ReviewCampaign]:
    """The reviews that hold such a role, or that are about such an organization as a whole."""
    nodes = reached_nodes(person, *REVIEW_READERS)
    holds_one = Exists(visible_items(person).filter(campaign=OuterRef("pk")))
    return ReviewCampaign.objects.filter(Q(holds_one) | Q(root__in=nodes))


def items_to_decide(person: Person, at: datetime) -> QuerySet[ReviewItem]:
    """What waits for this person: never a role of their own, and nothing by emergency access."""
    return ReviewItem.objects.filter(
        decision="",
        campaign__closed_at=None,
        campaign__due_at__gt=at,
        node__in=reached_nodes(person, Role.QUOTA_ADMINISTRATOR),
    ).exclude(Q(person=person) | Q(emergency_identities(person)))


def openable_roots(person: Person) -> QuerySet[Node]:
    """The whole organizations that the person administers."""
    nodes = reached_nodes(person, Role.QUOTA_ADMINISTRATOR)
    return nodes.filter(parent=None, ended_at=None).order_by("name")


def reviewer_grants(campaign: ReviewCampaign, until: datetime) -> list[RoleGrant]:
    """The grants by which somebody could judge a role since the review opened."""
    administers = Q(role=Role.QUOTA_ADMINISTRATOR, person__is_active=True, valid_from__lte=until)
    held = Q(valid_until=None) | Q(valid_until__gt=campaign.opened_at)
    grants = RoleGrant.objects.filter(in_tree_of(campaign.root_id), administers, held)
    return list(grants.exclude(issuer=EMERGENCY))


def without_reviewer(items: Iterable[ReviewItem], grants: Iterable[RoleGrant]) -> set[int]:
    """The primary keys of the items that none of ``grants`` lets another person judge.

    The items must come with their ``node``.
    """
    by_node = _people_by_node(grants)
    return {item.pk for item in items if not _reviewers(item, by_node)}


def work_left(campaign: ReviewCampaign, at: datetime) -> Counter[int]:
    """How many undecided roles wait for each reviewer, by the person's primary key.

    Includes who administers by a claim and has not logged in lately: they can, and must hear it.
    """
    standing = standing_grants(Role.QUOTA_ADMINISTRATOR, at=at)
    by_node = _people_by_node(standing.filter(in_tree_of(campaign.root_id)))
    undecided = campaign.items.filter(decision="").select_related("node")
    return Counter(person for item in undecided for person in _reviewers(item, by_node))


def _people_by_node(grants: Iterable[RoleGrant]) -> dict[int, set[int]]:
    people: dict[int, set[int]] = {}
    for grant in grants:
        people.setdefault(grant.node_id, set()).add(grant.person_id)
    return people


def _reviewers(item: ReviewItem, by_node: dict[int, set[int]]) -> set[int]:
    above = [by_node.get(node_id, set()) for node_id in item.node.lineage_ids]
    return set().union(*above) - {item.person_id}
