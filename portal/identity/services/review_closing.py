"""The end of a review: what nobody confirmed in time lapses, and no organization locks itself out.

Each role is settled in a transaction of its own, so a large review that is interrupted goes on
where it was. A review that fails keeps no other from its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from django.db import transaction

from portal.audit.services import record
from portal.core.faults import each_by_itself
from portal.identity.access import standing_grants
from portal.identity.models import ReviewCampaign, ReviewDecision, ReviewItem, Role, RoleGrant
from portal.identity.reviewing import find_current, reviewer_grants, without_reviewer
from portal.identity.services.reviews import (
    end_reviewed_role,
    facts_of,
    lock_open_reviews,
)
from portal.identity.services.roles import lock_people

SETTLED_AT_ONCE: Final = 500  # the next tick of the clock goes on


def close_overdue_campaigns(*, at: datetime) -> int:
    """Settle what is over at ``at``, close the reviews in which nothing is left; return how many.

    A role that ended meanwhile settles its item at any time; a review in which everything is
    decided closes before its due date.

    Raises:
        ExceptionGroup: what went wrong, after every review had its turn.
    """
    campaigns = ReviewCampaign.objects.filter(closed_at=None).order_by("due_at", "pk")
    return each_by_itself(partial(_settle_campaign, at=at), campaigns)


def _settle_campaign(campaign: ReviewCampaign, at: datetime) -> bool:
    undecided = _undecided(campaign)
    current = find_current(undecided, at)
    over = [item for item in undecided if item.pk not in current]
    if campaign.due_at <= at:
        over += _last_administrators_last(campaign, list(current), undecided)
    grants = reviewer_grants(campaign, at)
    orphans = without_reviewer(over, grants)
    for item in over[:SETTLED_AT_ONCE]:
        _settle(campaign, item.pk, is_orphan=item.pk in orphans, at=at)
    return _close_if_settled(campaign, at)


def _undecided(campaign: ReviewCampaign) -> list[ReviewItem]:
    items = campaign.items.filter(decision="").select_related("grant", "node")
    return list(items.order_by("pk"))


def _last_administrators_last(
    campaign: ReviewCampaign, standing: Sequence[int], undecided: Sequence[ReviewItem]
) -> list[ReviewItem]:
    """What stands, in an order in which the longest-serving administrator comes last."""
    items = [item for item in undecided if item.pk in set(standing)]
    items.sort(key=lambda item: item.grant.valid_from, reverse=True)
    return sorted(items, key=lambda item: _administers_all(campaign, item))


def _administers_all(campaign: ReviewCampaign, item: ReviewItem) -> bool:
    return item.role == Role.QUOTA_ADMINISTRATOR and item.node_id == campaign.root_id


@transaction.atomic(durable=True)
def _settle(campaign: ReviewCampaign, item_id: int, *, is_orphan: bool, at: datetime) -> None:
    lock_open_reviews(campaign.root_id)
    item = (
        ReviewItem.objects.select_for_update(of=("self",)).select_related("grant").get(pk=item_id)
    )
    if item.decision:
        return  # somebody was first
    lock_people([item.person_id])
    current = find_current([item], at).get(item.pk)
    decision = _judge(campaign, item, current, is_orphan, at)
    if decision is None:
        return  # renewed in between, and not due yet
    item.decision, item.decided_at = decision, at
    item.save(update_fields=["decision", "decided_at"])
    if current and decision == ReviewDecision.LAPSED:
        end_reviewed_role(current, at=at, by=None)
    elif current:
        data = facts_of(item, campaign.public_id) | {"why": str(decision)}
        record("role.left_unconfirmed", current, actor=None, node_id=item.node_id, data=data)


def _judge(
    campaign: ReviewCampaign,
    item: ReviewItem,
    current: RoleGrant | None,
    is_orphan: bool,
    at: datetime,
) -> ReviewDecision | None:
    if current is None:
        return ReviewDecision.ENDED
    if campaign.due_at > at:
        return None
    if is_orphan:
        return ReviewDecision.NOBODY
    if _administers_all(campaign, item) and _is_last(item, at):
        return ReviewDecision.SPARED
    return ReviewDecision.LAPSED


def _is_last(item: ReviewItem, at: datetime) -> bool:
    """Would nobody be left to give out roles in the organization?"""
    others = standing_grants(Role.QUOTA_ADMINISTRATOR, at=at).exclude(person=item.person_id)
    return not others.filter(node=item.node_id).exists()


@transaction.atomic(durable=True)
def _close_if_settled(campaign: ReviewCampaign, at: datetime) -> bool:
    held = lock_open_reviews(campaign.root_id).get(campaign.pk)
    decisions = Counter(campaign.items.values_list("decision", flat=True))
    if held is None or decisions[""]:
        return False
    held.closed_at = at
    held.save(update_fields=["closed_at"])
    record("review.closed", held, actor=None, node_id=held.root_id, data=dict(decisions))
    return True
