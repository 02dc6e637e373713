"""Two at once: real PostgreSQL, real threads, real transactions. Each test has a twin without."""

import threading

import pytest
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.identity.models import ReviewCampaign, ReviewDecision, ReviewItem, RoleGrant
from portal.identity.services import review_closing, reviews
from tests.portal.identity.reviews.conftest import item_of
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def both_look_first(monkeypatch):
    """Whoever finds the grants of a role waits for the other to have found them too."""
    both_looked = threading.Barrier(2)

    def waiting(look):
        def look_then_wait(*arguments):
            found = look(*arguments)
            try:
                both_looked.wait(timeout=1)  # never met while a lock keeps the other outside
            except threading.BrokenBarrierError:
                return found
            return found

        return look_then_wait

    for module, name in ((reviews, "find_current"), (review_closing, "_judge")):
        monkeypatch.setattr(module, name, waiting(getattr(module, name)))


@pytest.fixture
def no_locks(monkeypatch):
    for model in (ReviewCampaign, ReviewItem):
        monkeypatch.setattr(type(model.objects.all()), "select_for_update", lambda self, **_: self)


@pytest.fixture
def campaign(opened, administrator, colleague, worker):
    return opened()


@pytest.fixture
def keep_and_withdraw(campaign, administrator, colleague, worker):
    item = item_of(campaign, worker)
    return (
        lambda: reviews.keep_grants(campaign.public_id, [item.public_id], reviewer=administrator),
        lambda: reviews.withdraw_grant(
            campaign.public_id, item.public_id, reviewer=colleague, reason="Weg"
        ),
    )


@pytest.fixture
def keep_and_lapse(campaign, administrator, worker, at):
    """A decision of the last second, when the clock strikes."""
    item = item_of(campaign, worker)
    last = campaign.due_at - (campaign.due_at - campaign.opened_at) / 10**6
    at(last)
    return (
        lambda: reviews.keep_grants(campaign.public_id, [item.public_id], reviewer=administrator),
        lambda: review_closing._settle(campaign, item.pk, is_orphan=False, at=campaign.due_at),
    )


def is_consistent(person):
    """The grant, the decision and the audit trail say the same, once."""
    item, grant = ReviewItem.objects.get(person=person), RoleGrant.objects.get(person=person)
    kept = AuditEntry.objects.filter(
        event="role.confirmed", subject_public_id=grant.public_id
    ).count()
    ended = AuditEntry.objects.filter(event="role.ended", subject_public_id=grant.public_id).count()
    is_kept = item.decision == ReviewDecision.KEEP
    return (kept, ended, grant.end_reason == "") == (int(is_kept), int(not is_kept), is_kept)


def test_of_two_reviewers_one_decides(keep_and_withdraw, both_look_first, worker):
    assert sorted(at_once(*keep_and_withdraw)) == ["AlreadySettled", "done"]
    assert is_consistent(worker)


def test_that_race_is_real_without_the_locks(keep_and_withdraw, both_look_first, no_locks):
    # Both see an undecided role; only the trigger stops the second decision.
    assert sorted(at_once(*keep_and_withdraw)) == ["IntegrityError", "done"]


def test_a_decision_and_the_due_date_at_once(keep_and_lapse, both_look_first, worker):
    first, second = at_once(*keep_and_lapse)

    assert (first, second) in {("done", "done"), ("AlreadySettled", "done")}
    assert is_consistent(worker)


def test_that_race_is_real_too(keep_and_lapse, both_look_first, no_locks):
    assert sorted(at_once(*keep_and_lapse)) == ["IntegrityError", "done"]


@pytest.fixture
def each_other(campaign, administrator, colleague):
    def withdraw(person, reviewer):
        return lambda: reviews.withdraw_grant(
            campaign.public_id,
            item_of(campaign, person).public_id,
            reviewer=reviewer,
            reason="Weg",
        )

    return withdraw(administrator, colleague), withdraw(colleague, administrator)


def test_two_administrators_cannot_withdraw_each_other(each_other, both_look_first):
    assert sorted(at_once(*each_other)) == ["NotAllowed", "done"]


def test_without_the_lock_on_the_review_they_could(each_other, both_look_first, no_locks):
    assert at_once(*each_other) == ["done", "done"]


def test_of_two_clocks_one_opens(opened, administrator, ministry):
    assert sorted(at_once(lambda: opened(now()), lambda: opened(now()))) == [
        "ReviewUnderWay",
        "done",
    ]
