"""Reviewing roles: opening a review, confirming a role, withdrawing one.

Locks: tree, then the open reviews of the organization (so that two administrators cannot withdraw
each other at once), the roles under review, who judges them and their people, the grants, the
audit head.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from portal.audit.services import record, record_refusal
from portal.core.calendar import day_of, quarter_of, start_of_day, year_of
from portal.core.errors import DomainError, InvalidInput, NotAllowed
from portal.core.faults import each_by_itself
from portal.core.locks import lock_tree_shared
from portal.core.text import clean_text
from portal.identity.access import has_role, reached_nodes
from portal.identity.four_eyes import check_other_humans
from portal.identity.models import (
    REASON_LENGTH,
    Node,
    Person,
    ReviewCampaign,
    ReviewDecision,
    ReviewItem,
    ReviewScope,
    Role,
    RoleGrant,
)
from portal.identity.reviewing import find_current, grants_to_review
from portal.identity.sensitive import sensitive
from portal.identity.services.roles import end_held, lock_people, refuse_emergency_access

REVIEW_DAYS: Final = 30  # whole days to decide in, after the day on which a review opens
UNCONFIRMED: Final = "unconfirmed"  # the reason of what ended because nobody confirmed it


class ReviewUnderWay(DomainError):
    code = "review_under_way"
    message = _("A review of these roles is open already. Finish that one first.")


class NothingToReview(DomainError):
    code = "nothing_to_review"
    message = _("There are no such roles to review in this organization.")


class ReviewOver(DomainError):
    code = "review_over"
    message = _("The time to decide is over. What was not confirmed in time has lapsed.")


class OwnRole(DomainError):
    code = "own_role"
    http_status = 403
    message = _("This is a role of your own. Somebody else must decide.")


class AlreadySettled(DomainError):
    code = "already_settled"
    message = _("Somebody was first, or the role ended meanwhile. Nothing was changed.")


class NothingChosen(DomainError):
    code = "nothing_chosen"
    http_status = 422
    message = _("Choose at least one role.")


class WithdrawalReasonRequired(DomainError):
    code = "reason_required"
    http_status = 422
    message = _("Write down why this role is withdrawn. Auditors read this.")


# --- opening -----------------------------------------------------------------------------------


@sensitive("review.open")
def open_campaign(root_id: UUID, scope: ReviewScope, *, opened_by: Person) -> ReviewCampaign:
    """Open a review by hand, on top of those that the calendar opens.

    Raises:
        NotAllowed: the person does not administer the whole organization.
        ReviewUnderWay: one of this scope is open.
        NothingToReview: nobody has such a role.
    """
    root = Node.objects.get(public_id=root_id, parent=None, ended_at=None)
    if not has_role(opened_by, root, Role.QUOTA_ADMINISTRATOR):
        raise NotAllowed()
    return _open(root, scope, opened_by, now())


def open_due_campaigns(*, at: datetime) -> int:
    """Open what the calendar asks for; return how many reviews that were.

    All roles each year, privileged ones each quarter (Amsterdam time). A review of all roles
    counts for the quarter in which it opens, and a new organization waits for its first quarter.

    Raises:
        ExceptionGroup: what went wrong, after every organization had its turn.
    """
    roots = Node.objects.filter(parent=None, ended_at=None).order_by("pk")
    return each_by_itself(partial(_open_those_due, at=at), roots)


def _open_those_due(root: Node, at: datetime) -> int:
    return sum(_open_if_due(root, scope, at) for scope in (ReviewScope.ALL, ReviewScope.PRIVILEGED))


def _open_if_due(root: Node, scope: ReviewScope, at: datetime) -> bool:
    is_yearly = scope == ReviewScope.ALL
    counted = [ReviewScope.ALL] if is_yearly else list(ReviewScope)
    last = root.reviews.filter(scope__in=counted).order_by("opened_at").last()
    period = year_of(at) if is_yearly else quarter_of(at)
    if (last.opened_at if last else root.created_at) >= period.start:
        return False
    try:
        _open(root, scope, None, at)
    except (ReviewUnderWay, NothingToReview):
        return False  # looked at again by the next tick of the clock
    return True


@transaction.atomic(durable=True)
def _open(root: Node, scope: ReviewScope, opened_by: Person | None, at: datetime) -> ReviewCampaign:
    lock_tree_shared()
    Node.objects.select_for_update(no_key=True).get(pk=root.pk)
    if root.reviews.filter(scope=scope, closed_at=None).exists():
        raise ReviewUnderWay()
    grants = list(grants_to_review(root, scope, at).order_by("pk"))
    if not grants:
        raise NothingToReview()
    campaign = ReviewCampaign.objects.create(
        scope=scope,
        root=root,
        opened_at=at,
        opened_by=opened_by,
        due_at=start_of_day(day_of(at) + timedelta(days=REVIEW_DAYS + 1)),
    )
    ReviewItem.objects.bulk_create(
        (
            ReviewItem(
                campaign=campaign,
                grant=grant,
                person_id=grant.person_id,
                node_id=grant.node_id,
                role=grant.role,
                issuer=grant.issuer,
            )
            for grant in grants
        ),
        batch_size=1000,
    )
    data = {"scope": str(scope), "roles": len(grants)}
    record("review.opened", campaign, actor=opened_by, node_id=root.pk, data=data)
    return campaign


# --- deciding ----------------------------------------------------------------------------------


@sensitive("role.confirm")
def keep_grants(
    campaign_id: UUID, item_ids: Collection[UUID], *, reviewer: Person
) -> list[ReviewItem]:
    """Confirm roles; return those that were confirmed now, without what was settled before.

    Raises:
        NothingChosen: there are no ``item_ids``.
        OwnRole, SameHuman: one of them is the reviewer's own. NotAllowed: their role does not
            reach one.
        ReviewOver: the due date has passed. AlreadySettled: none was left to decide.
    """
    if not item_ids:
        raise NothingChosen()
    try:
        return _keep(campaign_id, item_ids, reviewer)
    except (OwnRole, NotAllowed) as refusal:
        _record_refusal(campaign_id, reviewer, refusal)
        raise


@transaction.atomic(durable=True)
def _keep(campaign_id: UUID, item_ids: Collection[UUID], reviewer: Person) -> list[ReviewItem]:
    moment = now()
    items, current = _lock_for_decision(campaign_id, item_ids, reviewer, moment)
    for item in items:
        item.decision, item.decided_by, item.decided_at = ReviewDecision.KEEP, reviewer, moment
    ReviewItem.objects.bulk_update(items, ["decision", "decided_by", "decided_at"])
    for item in items:
        record(
            "role.confirmed",
            current[item.pk],
            actor=reviewer,
            node_id=item.node_id,
            data=facts_of(item, campaign_id),
        )
    return items


@sensitive("role.withdraw")
def withdraw_grant(
    campaign_id: UUID, item_id: UUID, *, reviewer: Person, reason: str
) -> ReviewItem:
    """Take a role away from its holder, from this moment on.

    Raises:
        WithdrawalReasonRequired, InvalidInput: there is no reason, or it cannot be stored.
        OwnRole, NotAllowed, ReviewOver, AlreadySettled: as in ``keep_grants``.
    """
    reason = _clean_reason(reason)
    try:
        return _withdraw(campaign_id, item_id, reviewer, reason)
    except (OwnRole, NotAllowed) as refusal:
        _record_refusal(campaign_id, reviewer, refusal)
        raise


@transaction.atomic(durable=True)
def _withdraw(campaign_id: UUID, item_id: UUID, reviewer: Person, reason: str) -> ReviewItem:
    moment = now()
    (item,), current = _lock_for_decision(campaign_id, [item_id], reviewer, moment)
    item.decision, item.decided_by, item.decided_at = ReviewDecision.WITHDRAW, reviewer, moment
    item.reason = reason
    item.save(update_fields=["decision", "decided_by", "decided_at", "reason"])
    end_reviewed_role(current[item.pk], at=moment, by=reviewer, reason=reason)
    return item


def lock_open_reviews(root_id: int) -> dict[int, ReviewCampaign]:
    """Until the end of the transaction nobody else decides in this organization; by key."""
    lock_tree_shared()
    campaigns = ReviewCampaign.objects.select_for_update().filter(root_id=root_id, closed_at=None)
    return {campaign.pk: campaign for campaign in campaigns.order_by("pk")}


def end_reviewed_role(
    grant: RoleGrant, *, at: datetime, by: Person | None, reason: str = UNCONFIRMED
) -> None:
    """End the role that ``grant`` carries, and bar the claim; None as ``by`` is the clock.

    The person's row is locked.
    """
    held = RoleGrant.objects.select_for_update().select_related("person", "node").get(pk=grant.pk)
    cause = "withdrawn" if by else UNCONFIRMED
    end_held(held, [held], at=at, by=by, reason=reason, cause=cause)


def facts_of(item: ReviewItem, campaign_id: UUID) -> dict[str, Any]:
    """What an audit entry about a role under review says."""
    return {"role": item.role, "person": item.person_id, "review": str(campaign_id)}


def _lock_for_decision(
    campaign_id: UUID, item_ids: Collection[UUID], reviewer: Person, moment: datetime
) -> tuple[list[ReviewItem], dict[int, RoleGrant]]:
    """The items that are left to decide, with the grants that carry them."""
    known = ReviewCampaign.objects.get(public_id=campaign_id)
    campaign = lock_open_reviews(known.root_id).get(known.pk, known)
    items = list(
        campaign.items.select_for_update(of=("self",))
        .select_related("grant")
        .filter(public_id__in=item_ids)
        .order_by("pk")
    )
    refuse_emergency_access(reviewer)
    lock_people({reviewer.pk, *(item.person_id for item in items)})
    if any(item.person_id == reviewer.pk for item in items):
        raise OwnRole()
    check_other_humans([item.person_id for item in items], [reviewer.pk])
    node_ids = {item.node_id for item in items}
    reached = reached_nodes(reviewer, Role.QUOTA_ADMINISTRATOR).filter(pk__in=node_ids)
    if len(items) < len(set(item_ids)) or reached.count() < len(node_ids):
        raise NotAllowed()
    if campaign.due_at <= moment:
        raise ReviewOver()
    undecided = [item for item in items if not item.decision]
    current = find_current(undecided, moment)
    left = [item for item in undecided if item.pk in current]
    if not left:
        raise AlreadySettled()
    return left, current


def _clean_reason(reason: str) -> str:
    try:
        text = clean_text(reason, max_length=REASON_LENGTH, multiline=True)
    except ValueError as error:
        raise InvalidInput({"reason": [str(error)]}) from error
    if not text:
        raise WithdrawalReasonRequired(field="reason")
    return text


def _record_refusal(campaign_id: UUID, reviewer: Person, refusal: DomainError) -> None:
    campaign = ReviewCampaign.objects.get(public_id=campaign_id)
    record_refusal(
        "role.review_refused",
        campaign,
        actor=reviewer,
        node_id=campaign.root_id,
        code=refusal.code,
    )
