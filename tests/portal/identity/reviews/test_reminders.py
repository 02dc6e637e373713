"""Reminders: whom, when, once, and what they say."""

import smtplib
from datetime import timedelta

import pytest
from django.core import mail
from django.utils.timezone import now

from portal.core import mailing
from portal.identity.models import Person, ReviewReminder, ReviewStage, Role, RoleGrant
from portal.identity.services import review_reminders
from portal.identity.services.review_reminders import remind_reviewers, send_reminder, stage_of
from portal.identity.services.reviews import keep_grants
from portal.identity.tasks import send_review_reminder, tend_access_reviews
from tests.factories import PersonFactory
from tests.portal.identity.reviews.conftest import give, item_of

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def mail_server(settings, sent_tasks):
    settings.MAIL_IS_ON = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    return sent_tasks


@pytest.fixture
def ring(django_capture_on_commit_callbacks):
    """The clock strikes; messages are published, not carried out."""

    def strike(at):
        with django_capture_on_commit_callbacks(execute=True):
            return remind_reviewers(at=at)

    return strike


@pytest.fixture
def campaign(opened, administrator, worker):
    return opened()


def set_clock(monkeypatch, at):
    for module in (mailing, review_reminders):
        monkeypatch.setattr(module, "now", lambda: at)


def reminders():
    return [
        (reminder.person, reminder.stage, reminder.sent_at is not None)
        for reminder in ReviewReminder.objects.order_by("pk")
    ]


def send_all():
    return [send_reminder(pk) for pk in ReviewReminder.objects.values_list("pk", flat=True)]


def test_three_in_the_course_of_a_review(campaign, ring, monkeypatch):
    week, day = campaign.due_at - timedelta(days=7), campaign.due_at - timedelta(days=1)
    for at in (campaign.opened_at, week - SECOND, week, day - SECOND, day, day + SECOND):
        set_clock(monkeypatch, at)
        ring(at)
        send_all()

    assert [stage for _person, stage, _sent in reminders()] == ["opened", "week", "day"]
    assert len(mail.outbox) == 3


@pytest.mark.parametrize(
    ("before", "stage"),
    [
        (timedelta(days=30), ReviewStage.OPENED),
        (timedelta(days=7) + SECOND, ReviewStage.OPENED),
        (timedelta(days=7), ReviewStage.WEEK),
        (timedelta(days=1) + SECOND, ReviewStage.WEEK),
        (timedelta(days=1), ReviewStage.DAY),
    ],
)
def test_stages_to_the_second(campaign, before, stage):
    assert stage_of(campaign, campaign.due_at - before) == stage


def test_only_who_has_work_left_and_an_address(
    opened, administrator, colleague, auditor, worker, ministry, elsewhere, boss, ring
):
    nameless, blocked, other = (
        PersonFactory(),
        PersonFactory(email="b@example.nl"),
        PersonFactory(email="o@example.nl"),
    )
    for person in (nameless, blocked):
        give(person, Role.QUOTA_ADMINISTRATOR, ministry, by=boss)
    give(other, Role.QUOTA_ADMINISTRATOR, elsewhere, by=boss)
    Person.objects.filter(pk=blocked.pk).update(is_active=False)
    Person.objects.filter(pk__in=[auditor.pk, worker.pk]).update(email="x@example.nl")
    campaign = opened()
    mine = [item.public_id for item in campaign.items.exclude(person=administrator)]
    keep_grants(campaign.public_id, mine, reviewer=administrator)

    ring(now())

    assert [person for person, *_rest in reminders()] == [colleague]


def test_who_administers_by_a_claim_hears_it_while_away(opened, worker, ministry, ring):
    away = PersonFactory(email="weg@example.nl")
    give(away, Role.QUOTA_ADMINISTRATOR, ministry, valid_until=now() - timedelta(days=3))
    opened()
    ring(now())

    assert send_all() == [True]
    assert mail.outbox[0].to == ["weg@example.nl"]


def test_it_holds_a_number_a_day_and_a_link_and_nobody_else(
    campaign, ring, settings, administrator
):
    ring(now())
    send_all()

    (message,) = mail.outbox
    assert message.subject.startswith("Bevestig rollen tot en met ")
    assert "wacht 1 rol van iemand in uw organisatie op u" in message.body
    assert f"{settings.PUBLIC_URL.origin}/access-reviews/{campaign.public_id}" in message.body
    for name in ("Daan", "Aafke", "Zaaksysteem", "Ministerie"):
        assert name not in message.subject + message.body


def test_in_the_readers_language(campaign, ring, administrator):
    Person.objects.filter(pk=administrator.pk).update(language="en")
    ring(now())
    send_all()

    assert mail.outbox[0].subject.startswith("Confirm roles until and including ")


class TestOnce:
    def test_however_often_the_clock_or_the_bell_rings(self, campaign, ring, sent_tasks):
        ring(now())
        ring(now())
        assert len(sent_tasks) == 2

        for name, arguments in sent_tasks:
            assert name == "identity.send_review_reminder"
            send_review_reminder(**arguments)

        assert len(mail.outbox) == len(reminders()) == 1
        ring(now())
        assert len(sent_tasks) == 2

    def test_a_lost_message_is_rung_again(self, campaign, ring, sent_tasks):
        ring(now())
        sent_tasks.clear()

        ring(now() + timedelta(minutes=1))

        assert len(sent_tasks) == 1

    def test_while_one_worker_has_it_another_leaves_it(self, campaign, ring, monkeypatch):
        ring(now())
        (reminder,) = ReviewReminder.objects.all()
        compose = review_reminders._compose

        def meanwhile(*arguments):
            assert not send_reminder(reminder.pk)
            return compose(*arguments)

        monkeypatch.setattr(review_reminders, "_compose", meanwhile)

        assert send_reminder(reminder.pk)
        assert len(mail.outbox) == 1

    def test_without_that_lease_both_send(self, campaign, ring, monkeypatch):
        monkeypatch.setattr(mailing, "LEASE", -SECOND)
        ring(now())
        (reminder,) = ReviewReminder.objects.all()
        compose, is_second = review_reminders._compose, []

        def meanwhile(*arguments):
            if not is_second:
                is_second.append(True)
                send_reminder(reminder.pk)
            return compose(*arguments)

        monkeypatch.setattr(review_reminders, "_compose", meanwhile)
        send_reminder(reminder.pk)

        assert len(mail.outbox) == 2


class TestTrouble:
    @pytest.mark.parametrize("error", [smtplib.SMTPServerDisconnected("x"), OSError("refused")])
    def test_it_is_tried_again_later(self, campaign, ring, monkeypatch, error):
        ring(now())
        (reminder,) = ReviewReminder.objects.all()

        def refuse(self, *, fail_silently=False):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr("django.core.mail.EmailMessage.send", refuse)
            assert not send_reminder(reminder.pk)
        assert not send_reminder(reminder.pk)  # not yet

        set_clock(monkeypatch, now() + timedelta(minutes=16))
        assert send_reminder(reminder.pk)

    def test_what_was_decided_meanwhile_needs_no_message(
        self, campaign, ring, administrator, worker
    ):
        ring(now())
        keep_grants(
            campaign.public_id, [item_of(campaign, worker).public_id], reviewer=administrator
        )

        assert send_all() == [False]
        assert mail.outbox == []

    def test_after_the_due_date_nothing_is_sent(self, campaign, ring, monkeypatch, sent_tasks):
        ring(now())
        sent_tasks.clear()
        set_clock(monkeypatch, campaign.due_at)

        assert ring(campaign.due_at) == 0
        assert send_all() == [False]
        assert mail.outbox == []

    def test_without_a_mail_server_nothing_is_written(self, campaign, ring, settings):
        settings.MAIL_IS_ON = False

        assert ring(now()) == 0
        assert reminders() == []

    def test_one_who_missed_the_first_gets_only_the_stage_of_now(self, campaign, ring):
        ring(campaign.due_at - timedelta(hours=3))

        assert [stage for _person, stage, _sent in reminders()] == ["day"]


@pytest.mark.django_db(transaction=True)
def test_the_clock_does_all_of_it(opened, administrator, worker, ministry, sent_tasks, boss):
    overdue = opened(now() - timedelta(days=40))
    give(PersonFactory(), Role.FINANCE, ministry, by=boss)

    tend_access_reviews()

    overdue.refresh_from_db()
    assert overdue.closed_at
    assert RoleGrant.objects.get(person=worker).valid_until
