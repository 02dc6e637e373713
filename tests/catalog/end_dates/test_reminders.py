"""Reminders of the end: once for each end date and stage, and one letter for each."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.db.models import F

from catalog.models import EndReminder
from catalog.services import end_reminders
from catalog.services.end_reminders import send_reminder, stage_of
from catalog.tasks import send_end_reminder
from portal.audit.models import AuditEntry
from portal.identity.models import Person, Role, RoleGrant
from tests.catalog.end_dates.conftest import LAST_DAY, after, before, reminders_of, until
from tests.constraints import refused_by
from tests.factories import PersonFactory, grant

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def mail_server(settings, requester):
    settings.MAIL_IS_ON = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    Person.objects.filter(pk=requester.pk).update(email="aanvrager@example.nl")


@pytest.mark.parametrize(
    ("left", "stage"),
    [(31, None), (30, 30), (8, 30), (7, 7), (2, 7), (1, 1), (0, 1), (-1, None)],
)
def test_stages_to_the_day(left, stage):
    assert stage_of(LAST_DAY, LAST_DAY - left * DAY) == stage


def test_three_before_the_end_each_once(strike, server):
    for days in range(45, -1, -1):
        strike(before(days))
        strike(before(days))

    assert reminders_of(server) == [(LAST_DAY, 30), (LAST_DAY, 7), (LAST_DAY, 1)]
    entries = AuditEntry.objects.filter(event="resource.end_reminded").order_by("at", "id")
    assert [entry.data["days"] for entry in entries] == [30, 7, 1]


def test_a_clock_that_stood_still_for_a_week_says_only_what_is_true_now(strike, server):
    strike(before(31))
    strike(before(6))  # missed 30 and 7

    assert reminders_of(server) == [(LAST_DAY, 7)]


def test_after_the_end_there_is_nothing_to_remind_of(strike, server):
    strike(before(31))
    strike(after(1))

    assert reminders_of(server) == []


def test_of_what_is_not_there_nobody_is_reminded(strike, server, retire, engine):
    retire(server)
    engine.run()
    strike(before(7))

    assert reminders_of(server) == []


def test_a_renewal_while_the_clock_looks_is_seen(strike, server, monkeypatch):
    lock = end_reminders.lock_order_and_resource

    def renew_first(resource):
        until(LAST_DAY + 365 * DAY, resource)
        lock(resource)

    monkeypatch.setattr(end_reminders, "lock_order_and_resource", renew_first)
    strike(before(7))

    assert reminders_of(server) == []


@pytest.mark.usefixtures("mail_server")
class TestLetters:
    def test_who_ordered_it_gets_one_for_each(self, strike, server, settings):
        for days in (30, 29, 7, 7, 1, 0):
            strike(before(days))

        subjects = [message.subject for message in mail.outbox]
        assert subjects == [
            "Virtuele server loopt over 30 dagen af",
            "Virtuele server loopt over 7 dagen af",
            "Virtuele server loopt over 1 dag af",
        ]
        assert {tuple(message.to) for message in mail.outbox} == {("aanvrager@example.nl",)}
        body = mail.outbox[0].body
        assert f"{settings.PUBLIC_URL.origin}/resources/{server.public_id}" in body
        assert "14 dagen later ruimen we het op" in body
        assert server.name not in body

    def test_a_repeated_message_sends_nothing_twice(self, strike, server):
        strike(before(7))
        reminder = EndReminder.objects.get()
        send_end_reminder(reminder_id=reminder.pk)

        assert len(mail.outbox) == 1

    def test_a_lost_message_is_rung_again(self, strike, engine, server):
        strike(before(7), hangs=True)
        engine.messages.clear()
        strike(before(7))

        assert len(mail.outbox) == 1

    def test_what_was_renewed_meanwhile_needs_no_letter(self, strike, engine, server):
        strike(before(7), hangs=True)
        until(LAST_DAY + 365 * DAY, server)
        engine.run()

        assert mail.outbox == []

    @pytest.mark.parametrize("change", ["blocked", "without address", "without role"])
    def test_who_left_gets_none(self, strike, server, requester, change):
        people = Person.objects.filter(pk=requester.pk)
        if change == "blocked":
            people.update(is_active=False)
        elif change == "without address":
            people.update(email="")
        else:
            RoleGrant.objects.filter(person=requester).update(
                valid_until=F("valid_from"), end_reason="moved"
            )
        strike(before(7))

        assert mail.outbox == []
        assert reminders_of(server) == [(LAST_DAY, 7)]

    @pytest.mark.parametrize("role", [Role.REQUESTER, Role.QUOTA_ADMINISTRATOR])
    def test_where_who_ordered_it_left_others_are_told(
        self, strike, server, requester, project, role
    ):
        Person.objects.filter(pk=requester.pk).update(is_active=False)
        for number, language in enumerate(("nl", "en")):
            colleague = PersonFactory(email=f"collega{number}@example.nl", language=language)
            grant(colleague, role, project)
        grant(PersonFactory(email="elders@example.nl"), Role.APPROVER, project)
        strike(before(7))

        (letter,) = mail.outbox
        assert letter.recipients() == ["collega0@example.nl", "collega1@example.nl"]
        assert letter.to == [], "nobody reads who else was told"
        assert "niet meer kan worden bereikt" in letter.body
        assert "cannot be reached any more" in letter.body

    def test_in_the_readers_language(self, strike, server, requester):
        Person.objects.filter(pk=requester.pk).update(language="en")
        strike(before(0))

        assert mail.outbox[0].subject == "Virtual server ends today"


def test_without_a_mail_server_the_rows_are_written_and_nothing_is_sent(strike, server):
    strike(before(7))

    assert reminders_of(server) == [(LAST_DAY, 7)]
    assert mail.outbox == []


def test_the_database_keeps_one_and_keeps_it(strike, server):
    strike(before(7))
    reminder = EndReminder.objects.get()
    twin = {"created_at": before(7), "due_at": before(7), "end_date": LAST_DAY, "days": 7}

    with refused_by("end_reminder_one_per_end_date_and_days"):
        EndReminder.objects.create(resource=server, **twin)
    with refused_by("end_reminder_stays"):
        EndReminder.objects.update(days=1)
    with refused_by("end_reminder_stays"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM catalog_endreminder WHERE id = %s", [reminder.pk])
    assert not send_reminder(reminder.pk + 1)
