"""What emergency access refuses: guesses, second uses, and what takes two people."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils.timezone import now

from catalog.models import Order, OrderState
from catalog.services.approvals import approve_order
from portal.audit.models import AuditEntry, RefusalTally
from portal.audit.refusals import WRITTEN_PER_MINUTE
from portal.core.errors import NotAllowed
from portal.identity.models import (
    BreakGlassAttempt,
    BreakGlassPassword,
    LoginSession,
    Person,
    Project,
    SessionEnd,
)
from portal.identity.services import break_glass
from portal.identity.services.break_glass import (
    MOST_ALTOGETHER,
    MOST_PER_ADDRESS,
    BreakGlassRefused,
    forget_old_attempts,
    log_in_with_password,
)
from portal.identity.services.sessions import end_all_sessions
from tests.factories import place
from tests.logins import log_in
from tests.portal.identity.break_glass.emergency import (
    WRONG,
    age_password,
    issue,
    shouts,
    try_password,
)

pytestmark = pytest.mark.django_db


class TestRefusing:
    """Nobody learns why, or whether there is anything to guess."""

    def answers(self, client: Client, password: str) -> tuple[int, str]:
        response = try_password(client, password)
        text = response.content.decode()
        return response.status_code, re.sub(r'value="[^"]{64}"', "", text)

    def test_every_refusal_reads_the_same(self, client: Client, password: str) -> None:
        wrong = self.answers(client, WRONG)
        age_password(minutes=16)
        expired = self.answers(client, password)
        issue()
        replaced = self.answers(client, password)
        newest = issue()
        try_password(Client(), newest)
        used = self.answers(client, newest)
        none_open = self.answers(client, WRONG)

        assert wrong[0] == 403
        assert wrong == expired == replaced == used == none_open
        assert "klopt niet, of geldt niet meer" in wrong[1]

    def test_as_much_is_computed_when_nothing_is_open(
        self, client: Client, switched_on: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        judged: list[str] = []
        check = break_glass.check_password

        def note(secret: str, encoded: str) -> bool:
            judged.append(encoded)
            return bool(check(secret, encoded))

        monkeypatch.setattr(break_glass, "check_password", note)
        try_password(client, WRONG)
        issue()
        try_password(client, WRONG)

        assert [encoded.split("$")[0] for encoded in judged] == ["scrypt", "scrypt"]

    @pytest.mark.parametrize("typed", ["", "\x00", "é" * 5000, "-" * 50, "' OR 1=1 --"])
    def test_whatever_is_typed(self, client: Client, password: str, typed: str) -> None:
        assert try_password(client, typed).status_code == 403

    def test_each_try_is_audited_and_shouted(
        self, client: Client, password: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        try_password(client, WRONG)

        attempt = BreakGlassAttempt.objects.get()
        entry = AuditEntry.objects.get(event="break_glass.refused")
        assert (entry.subject_public_id, entry.actor_id) == (attempt.public_id, None)
        assert (entry.result, entry.code) == ("refused", "break_glass_refused")
        assert "break-glass: a wrong emergency password from 192.0.2.1" in shouts(caplog)
        assert WRONG not in caplog.text

    def test_an_address_has_few_tries(
        self, client: Client, password: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(MOST_PER_ADDRESS):
            assert try_password(client, WRONG).status_code == 403

        response = try_password(client, password)

        assert (response.status_code, response["Retry-After"]) == (429, "900")
        assert "too many tries, the last from 192.0.2.1" in shouts(caplog)[-1]
        assert try_password(client, password, "192.0.2.2").status_code == 302

    def test_tries_beyond_that_are_audited_and_counted(self, client: Client, password: str) -> None:
        for _ in range(MOST_PER_ADDRESS + 20):
            try_password(client, WRONG)

        refused = AuditEntry.objects.filter(event="break_glass.refused", actor_id=None)
        beyond = refused.filter(code="too_many_attempts", result="refused")
        assert refused.count() - beyond.count() == MOST_PER_ADDRESS
        assert beyond.count() == WRITTEN_PER_MINUTE
        assert len(set(beyond.values_list("subject_public_id"))) == 1
        assert RefusalTally.objects.get(event="break_glass.refused").count == 20

    def test_all_addresses_together_have_not_many_more(self, client: Client, password: str) -> None:
        for number in range(MOST_ALTOGETHER):
            BreakGlassAttempt.objects.create(address=f"198.51.100.{number}", at=now())

        assert try_password(client, password).status_code == 429

    def test_after_a_while_one_may_try_again(self, client: Client, password: str) -> None:
        age_password(minutes=20)
        for _ in range(MOST_PER_ADDRESS):
            try_password(client, WRONG)
        BreakGlassAttempt.objects.update(at=now() - timedelta(minutes=15, seconds=1))

        assert try_password(client, WRONG).status_code == 403

    def test_a_new_password_begins_the_count_anew(self, client: Client, password: str) -> None:
        for _ in range(MOST_PER_ADDRESS):
            try_password(client, WRONG)

        assert try_password(client, issue()).status_code == 302

    def test_tries_are_forgotten_after_a_while(self, client: Client, password: str) -> None:
        try_password(client, WRONG)
        BreakGlassAttempt.objects.update(at=now() - timedelta(days=91))

        assert forget_old_attempts() == 1

    def test_another_site_cannot_send_the_form(self, password: str) -> None:
        assert try_password(Client(enforce_csrf_checks=True), password).status_code == 403
        assert not BreakGlassAttempt.objects.exists()


class TestFourEyes:
    @pytest.fixture
    def order(self, requester: Person, project: Project, version: Any, sent_tasks: Any) -> Order:
        return place(requester, project, version)

    def test_it_cannot_approve(self, client: Client, password: str, order: Order) -> None:
        try_password(client, password)
        person = LoginSession.objects.get(ended_at=None).identity.person

        with pytest.raises(NotAllowed):
            approve_order(order.public_id, approver=person)
        response = client.post(f"/approvals/{order.public_id}/approve", {"reason": "Ja"})

        assert response.status_code in {302, 403}
        order.refresh_from_db()
        assert order.state == OrderState.PENDING_APPROVAL

    def test_it_binds_others_in_its_first_minutes_only(
        self, client: Client, password: str, requester: Person
    ) -> None:
        log_in(Client(), requester)
        session = LoginSession.objects.get(identity__person=requester)
        try_password(client, password)
        address = f"/people/{requester.public_id}/sessions/{session.public_id}/end"
        kept = client.session
        kept["login"]["auth_time"] -= 16 * 60
        kept.save()

        response = client.post(address)

        assert response["Location"].startswith("/login?next=")
        session.refresh_from_db()
        assert session.ended_at is None
        kept["login"]["auth_time"] += 16 * 60
        kept.save()
        assert client.post(address)["Location"].endswith("/sessions")
        session.refresh_from_db()
        assert session.ended_how == SessionEnd.OPERATOR

    def test_its_sessions_can_be_ended_by_others(self, client: Client, password: str) -> None:
        try_password(client, password)
        person = LoginSession.objects.get().identity.person

        end_all_sessions(person, actor=None, reason=SessionEnd.BLOCKED)

        assert client.get("/").status_code == 302


class TestDatabase:
    def refuses(self, name: str, change: Callable[[], object]) -> None:
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            change()

    def test_refuses_nonsense(self, password: str) -> None:
        rows, row = BreakGlassPassword.objects, BreakGlassPassword.objects.get()
        copy = BreakGlassPassword(
            secret_hash="x", reason="x", issued_by="x", issued_at=now(), expires_at=row.expires_at
        )

        self.refuses("break_glass_one_open_password", copy.save)
        self.refuses("break_glass_outcome_known", lambda: rows.update(outcome="lost"))
        self.refuses("break_glass_secret_kept_while_open_only", lambda: rows.update(secret_hash=""))
        self.refuses(
            "break_glass_password_is_short_lived",
            lambda: rows.update(expires_at=row.issued_at + timedelta(hours=1)),
        )
        self.refuses("break_glass_says_why_and_by_whom", lambda: rows.update(reason=""))

    def test_what_closed_stays_closed_and_nothing_is_deleted(self, password: str) -> None:
        rows = BreakGlassPassword.objects
        self.refuses("none is ever deleted", rows.all().delete)
        rows.update(closed_at=now(), outcome="used", secret_hash="")

        self.refuses(
            "stays as it is",
            lambda: rows.update(closed_at=None, outcome="", secret_hash="again"),
        )


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def use_twice(self, password: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Two people type the same password; both have judged it before either goes on."""
        outcomes: list[str] = []
        judged = threading.Barrier(2, timeout=2)
        check = break_glass.check_password

        def judge(secret: str, encoded: str) -> bool:
            is_right = check(secret, encoded)
            with suppress(threading.BrokenBarrierError):  # the other waits for our lock
                judged.wait()
            return bool(is_right)

        def log_in_once() -> None:
            try:
                log_in_with_password(password)
                outcomes.append("in")
            except BreakGlassRefused:
                outcomes.append("refused")
            except IntegrityError:
                outcomes.append("stopped by the database")
            finally:
                connection.close()

        monkeypatch.setattr(break_glass, "check_password", judge)
        people = [threading.Thread(target=log_in_once) for _ in range(2)]
        for person in people:
            person.start()
        for person in people:
            person.join()
        return sorted(outcomes)

    def test_one_gets_in(self, password: str, monkeypatch: pytest.MonkeyPatch) -> None:
        break_glass._hash_of_nothing()

        assert self.use_twice(password, monkeypatch) == ["in", "refused"]

    def test_without_the_lock_both_believe_it_and_the_database_stops_one(
        self, password: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Shows that the race exists, and what stands behind the lock."""
        monkeypatch.setattr(
            break_glass,
            "_lock_open_password",
            lambda: BreakGlassPassword.objects.filter(closed_at=None).first(),
        )

        assert self.use_twice(password, monkeypatch) == ["in", "stopped by the database"]
