"""What goes wrong in one review stays there, and is heard of."""

import pytest
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.identity import tasks
from portal.identity.models import ClaimBar, Node, ReviewDecision, ReviewReminder, Role
from portal.identity.services import review_closing, review_reminders, reviews
from portal.identity.services.review_closing import close_overdue_campaigns
from portal.identity.services.review_reminders import remind_reviewers
from portal.identity.services.reviews import open_due_campaigns
from portal.identity.tasks import tend_access_reviews
from tests.factories import PersonFactory
from tests.portal.identity.reviews.conftest import ISSUER, LONG_AGO, give, item_of

pytestmark = pytest.mark.django_db


def failing(function, root):
    """The function, except for what is about that organization."""

    def fail_there(about, *args, **kwargs):
        if root.pk in (about.pk, getattr(about, "root_id", None)):
            raise RuntimeError("no luck")
        return function(about, *args, **kwargs)

    return fail_there


def test_a_bar_that_stands_already_is_left_as_it_is(opened, administrator, auditor, ministry):
    campaign = opened()
    facts = {"person": auditor, "node": ministry, "role": Role.AUDITOR, "issuer": ISSUER}
    ClaimBar.objects.create(**facts, reason="Werkt elders", barred_at=now())

    assert close_overdue_campaigns(at=campaign.due_at) == 1

    assert item_of(campaign, auditor).decision == ReviewDecision.LAPSED
    assert ClaimBar.objects.get(person=auditor).reason == "Werkt elders"
    assert not AuditEntry.objects.filter(event="role.barred").exists()


def test_the_other_reviews_close(opened, administrator, ministry, elsewhere, monkeypatch, caplog):
    give(PersonFactory(), Role.AUDITOR, elsewhere)
    broken = opened()
    other = opened(root=elsewhere)
    monkeypatch.setattr(review_closing, "_settle", failing(review_closing._settle, ministry))

    with pytest.raises(ExceptionGroup) as fault:
        close_overdue_campaigns(at=broken.due_at)

    assert [str(one) for one in fault.value.exceptions] == ["no luck"]
    assert f"going on without {broken}" in caplog.messages
    broken.refresh_from_db()
    other.refresh_from_db()
    assert (broken.closed_at, other.closed_at) == (None, broken.due_at)


def test_the_other_reviews_open(administrator, ministry, elsewhere, monkeypatch):
    give(PersonFactory(), Role.AUDITOR, elsewhere)
    Node.objects.update(created_at=LONG_AGO)
    monkeypatch.setattr(reviews, "_open", failing(reviews._open, ministry))

    with pytest.raises(ExceptionGroup):
        open_due_campaigns(at=now())

    assert elsewhere.reviews.exists()
    assert not ministry.reviews.exists()


def test_the_other_reviewers_are_reminded(
    opened, administrator, worker, ministry, elsewhere, monkeypatch, settings
):
    settings.MAIL_IS_ON = True
    neighbour = PersonFactory(email="neighbour@example.nl")
    give(neighbour, Role.QUOTA_ADMINISTRATOR, elsewhere)
    give(PersonFactory(), Role.AUDITOR, elsewhere)
    broken = opened()
    opened(root=elsewhere)
    monkeypatch.setattr(
        review_reminders, "work_left", failing(review_reminders.work_left, ministry)
    )

    with pytest.raises(ExceptionGroup):
        remind_reviewers(at=broken.opened_at)

    assert [reminder.person for reminder in ReviewReminder.objects.all()] == [neighbour]


@pytest.mark.parametrize("broken", ["close_overdue_campaigns", "open_due_campaigns"])
def test_the_clock_goes_on_and_fails_at_the_end(broken, monkeypatch):
    done = []

    def take(step):
        def run(*, at):
            done.append(step)
            if step == broken:
                raise RuntimeError("no luck")

        return run

    steps = ["close_overdue_campaigns", "open_due_campaigns", "remind_reviewers"]
    for step in steps:
        monkeypatch.setattr(tasks, step, take(step))

    with pytest.raises(RuntimeError):
        tend_access_reviews()

    assert done == steps
