"""Emergency access is neither judged in a review nor counted as somebody who can judge."""

import pytest
from django.utils.timezone import now

from portal.identity.models import ClaimBar, Person, ReviewDecision, ReviewItem, Role
from portal.identity.reviewing import work_left
from portal.identity.services.break_glass import _emergency_person, _grant_roles
from portal.identity.services.review_closing import close_overdue_campaigns
from portal.identity.services.reviews import NothingToReview
from tests.portal.identity.reviews.conftest import item_of

pytestmark = pytest.mark.django_db


def use_emergency_access() -> Person:
    person = _emergency_person()
    _grant_roles(person)
    return person


def test_its_roles_are_not_reviewed(ministry, opened, administrator):
    emergency = use_emergency_access()

    campaign = opened()

    assert item_of(campaign, administrator)
    assert not campaign.items.filter(person=emergency).exists()


def test_there_is_no_review_of_nothing_else(ministry, opened):
    use_emergency_access()

    with pytest.raises(NothingToReview):
        opened()


def test_it_is_no_reviewer(ministry, opened, auditor):
    emergency = use_emergency_access()
    campaign = opened()
    assert emergency.pk not in work_left(campaign, now())

    close_overdue_campaigns(at=campaign.due_at)

    assert item_of(campaign, auditor).decision == ReviewDecision.NOBODY


def test_the_last_administrator_is_spared_all_the_same(opened, administrator, colleague):
    campaign = opened()
    use_emergency_access()

    close_overdue_campaigns(at=campaign.due_at)

    decisions = campaign.items.order_by("decision").values_list("decision", flat=True)
    assert list(decisions) == [ReviewDecision.LAPSED, ReviewDecision.SPARED]


def test_what_a_review_holds_of_it_from_before_is_over(ministry, opened, administrator):
    campaign = opened()
    grant = use_emergency_access().grants.get(role=Role.QUOTA_ADMINISTRATOR)
    facts = {"person": grant.person, "node": ministry, "role": grant.role, "issuer": grant.issuer}
    item = ReviewItem.objects.create(campaign=campaign, grant=grant, **facts)

    close_overdue_campaigns(at=campaign.due_at)

    item.refresh_from_db()
    assert item.decision == ReviewDecision.ENDED
    assert not ClaimBar.objects.exists()
