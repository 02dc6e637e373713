"""Access reviews: quota administrators judge the roles that they reach, auditors look on.

A review is of a whole ministry, so that its directorates share it; each sees its own part.
"""

from __future__ import annotations

from typing import Any

from portal.identity.models import ReviewCampaign, ReviewItem, ReviewScope, Role
from portal.identity.services.reviews import open_campaign
from tests.authorisation.vocabulary import MINISTRY, Place, Visitor, Who, act, see
from tests.authorisation.world import Tenant
from tests.factories import PersonFactory, grant

REVIEWERS = {Role.QUOTA_ADMINISTRATOR}
READERS = {Role.QUOTA_ADMINISTRATOR, Role.AUDITOR}
ADMINISTRATOR_ELSEWHERE = Visitor(Place.ELSEWHERE, Role.QUOTA_ADMINISTRATOR)


def review(tenant: Tenant) -> ReviewCampaign:
    """Of the ministry; opened by somebody whom no visitor is."""
    opened = ReviewCampaign.objects.filter(root=tenant.ministry).first()
    if opened:
        return opened
    opener = PersonFactory()
    grant(opener, Role.QUOTA_ADMINISTRATOR, tenant.ministry)
    return open_campaign(tenant.ministry.public_id, ReviewScope.ALL, opened_by=opener)


def review_with_role(tenant: Tenant) -> tuple[ReviewCampaign, ReviewItem]:
    """The review, and in it the role of the requester."""
    campaign = review(tenant)
    return campaign, campaign.items.get(person=tenant.asker)


def role_to_keep(tenant: Tenant) -> dict[str, Any]:
    _campaign, item = tenant.things[review_with_role]
    return {"item": str(item.public_id)}


def privileged_roles(tenant: Tenant) -> dict[str, str]:
    """Another review than the one that is open."""
    return {"root": str(tenant.ministry.public_id), "scope": "privileged"}


ROWS = [
    see("identity:access-reviews", by=READERS),
    act(
        "identity:access-reviews",
        body=privileged_roles,
        by={Who.CHIEF},
        but={ADMINISTRATOR_ELSEWHERE: 422},  # may open one, but not there
        is_strong=True,
    ),
    see("identity:access-review", of=review, seen_by=READERS, seen_from=MINISTRY),
    act(
        "identity:access-review-keep",
        of=review,
        body=role_to_keep,
        seen_by=READERS,
        by=REVIEWERS,
        is_strong=True,
    ),
    see(
        "identity:access-review-withdraw",
        of=review_with_role,
        seen_by=READERS,
        by=REVIEWERS,
        refused=302,  # back to the review
    ),
    act(
        "identity:access-review-withdraw",
        of=review_with_role,
        body={"reason": "Andere taak"},
        seen_by=READERS,
        by=REVIEWERS,
        is_strong=True,
    ),
    see("identity:access-review-export", of=review, seen_by=READERS, seen_from=MINISTRY),
    # for programs
    see("access-review-list", by=READERS),
    see("access-review-detail", of=review, seen_by=READERS, seen_from=MINISTRY),
    see("access-review-items", of=review, seen_by=READERS, seen_from=MINISTRY),
]
