"""Two things happen to one person's logins at once: neither waits for the other in a circle.

A row that names somebody asks for that person's row at commit. Whoever holds that one may be
waiting for the first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils.timezone import now

from portal.identity.models import Identity, LoginSession, Organization, Person, SessionEnd
from portal.identity.oidc.session import LoginFacts
from portal.identity.services import logins, roles, sessions
from tests import logins as browsers
from tests.factories import PersonFactory
from tests.portal.identity.oidc.fake_provider import ISSUER
from tests.portal.identity.oidc.test_first_login_race import LOGIN
from tests.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

BOTH = ["done", "done"]
ONE_IS_STOPPED = ["OperationalError", "done"]  # the database ends the circle


class Crossing:
    """Where each of two waits, once, until the other is there or a lock keeps them away."""

    def __init__(self) -> None:
        self._both = threading.Barrier(2)
        self._been = threading.local()

    def wait(self) -> None:
        if getattr(self._been, "here", False):
            return
        self._been.here = True
        try:
            self._both.wait(timeout=1)
        except threading.BrokenBarrierError:
            return

    def after(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def act_then_wait(*arguments: Any, **named: Any) -> Any:
            done = act(*arguments, **named)
            self.wait()
            return done

        return act_then_wait


@pytest.fixture
def crossing() -> Crossing:
    return Crossing()


class TestLoggingInTwice:
    """In two tabs: one login is judged while the session of the other is opened."""

    @pytest.fixture(autouse=True)
    def _known(self, ministry: Organization) -> None:
        logins.log_in(LOGIN)

    def log_in_twice(self, crossing: Crossing, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        monkeypatch.setattr(logins, "_claim_identity", crossing.after(logins._claim_identity))
        monkeypatch.setattr(sessions, "lock_person", crossing.after(sessions.lock_person))
        return at_once(lambda: logins.log_in(LOGIN), self.open_session)

    def open_session(self) -> None:
        moment = int(time.time())
        facts = LoginFacts(
            provider="local",
            issuer=ISSUER,
            subject=LOGIN.subject,
            sid="",
            acr="",
            level=2,
            auth_time=moment,
            issued_at=moment,
        )
        expires_at = now() + timedelta(hours=1)
        sessions.open_session(facts, session_key="k" * 32, earlier_key=None, expires_at=expires_at)

    def test_both_come_in(self, crossing: Crossing, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.log_in_twice(crossing, monkeypatch) == BOTH
        assert LoginSession.objects.get().identity == Identity.objects.get()

    def test_the_circle_is_real_where_the_identity_is_locked_first(
        self, crossing: Crossing, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        claim = logins._claim_identity

        def claim_and_lock(login: logins.Login) -> tuple[Identity, bool]:
            identity, is_new = claim(login)
            return Identity.objects.select_for_update().get(pk=identity.pk), is_new

        monkeypatch.setattr(logins, "_claim_identity", claim_and_lock)

        assert sorted(self.log_in_twice(crossing, monkeypatch)) == ONE_IS_STOPPED


def end_one(person: Person) -> None:
    session = LoginSession.objects.get(identity__person=person)
    sessions.end_session(session.public_id, actor=person)


def end_others(person: Person) -> None:
    sessions.end_other_sessions(person, session_key="")


def log_out(person: Person) -> None:
    session = LoginSession.objects.get(identity__person=person)
    sessions.log_out(person.pk, session_key=session.session_key)


@pytest.mark.parametrize("way", [end_one, end_others, log_out])
class TestEndingWhileSomebodyIsBlocked:
    @pytest.fixture
    def person(self) -> Person:
        person = PersonFactory()
        browsers.log_in(Client(), person)
        return person

    def end_twice(
        self,
        way: Callable[[Person], None],
        person: Person,
        crossing: Crossing,
        monkeypatch: pytest.MonkeyPatch,
    ) -> list[str]:
        def block() -> None:
            with transaction.atomic():
                roles.lock_person(person.pk)
                crossing.wait()
                sessions.end_all_sessions(person, actor=None, reason=SessionEnd.BLOCKED)

        monkeypatch.setattr(sessions, "_end", crossing.after(sessions._end))
        return at_once(lambda: way(person), block)

    def test_both_are_done(
        self,
        way: Callable[[Person], None],
        person: Person,
        crossing: Crossing,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        assert self.end_twice(way, person, crossing, monkeypatch) == BOTH
        assert not LoginSession.objects.filter(ended_at=None).exists()

    def test_the_circle_is_real_without_the_lock(
        self,
        way: Callable[[Person], None],
        person: Person,
        crossing: Crossing,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(sessions, "lock_people", lambda ids: None)
        monkeypatch.setattr(sessions, "lock_person", lambda pk: Person.objects.get(pk=pk))

        assert sorted(self.end_twice(way, person, crossing, monkeypatch)) == ONE_IS_STOPPED
