"""Sessions: what they remember, when they end, and who may end them."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.core.errors import NotAllowed
from portal.identity.access import endable_sessions
from portal.identity.middleware import POLL
from portal.identity.models import LoginSession, Person, Project, Role, SessionEnd
from portal.identity.oidc.errors import AccountBlocked
from portal.identity.oidc.session import ENDS_AT, LAST_SEEN, LOGIN, LoginFacts
from portal.identity.services import sessions
from portal.identity.services.roles import end_grant
from portal.identity.services.sessions import (
    KEPT_FOR,
    end_all_sessions,
    end_lapsed_sessions,
    end_other_sessions,
    end_session,
    forget_old_sessions,
    open_session,
)
from tests.factories import PersonFactory, grant, make_project
from tests.logins import log_in

pytestmark = pytest.mark.django_db

POLLING = {"HX-Request": "true", POLL: "1"}


def is_known(client: Client) -> bool:
    """Is the next request somebody's, or a stranger's?"""
    return bool(client.get("/").status_code == 200)


def session_of(client: Client) -> LoginSession:
    return LoginSession.objects.get(session_key=client.session.session_key)


def change(client: Client, **values: Any) -> None:
    session = client.session
    session.update(values)
    session.save()


def ends() -> list[tuple[str, int | None, dict[str, Any]]]:
    """What the trail says about sessions that ended, in order."""
    entries = AuditEntry.objects.filter(event="session.ended").order_by("at", "pk")
    return [(str(entry.subject_public_id), entry.actor_id, entry.data) for entry in entries]


@pytest.fixture
def person(project: Project) -> Person:
    person = PersonFactory(name="Sanne Wiersma")
    grant(person, Role.REQUESTER, project)
    return person


@pytest.fixture
def operator(project: Project) -> Person:
    operator = PersonFactory(name="Fenna Dijkgraaf")
    grant(operator, Role.OPERATOR, project.parent)
    return operator


class TestBeginning:
    def test_it_remembers_where_it_began(self, client: Client, person: Person) -> None:
        client.get("/login", headers={"User-Agent": "Firefox/140.0 (Windows)"})
        log_in(client, person)

        session = session_of(client)
        assert session.identity.person == person
        assert (session.provider, session.level) == ("local", 3)
        assert session.expires_at - session.created_at > timedelta(hours=9)
        assert session.ended_at is None

    def test_a_new_login_in_the_same_browser_replaces_the_earlier(
        self, client: Client, person: Person
    ) -> None:
        log_in(client, person)
        earlier = session_of(client)
        facts = LoginFacts(**client.session[LOGIN])

        open_session(
            facts,
            session_key="new",
            earlier_key=earlier.session_key,
            expires_at=now() + timedelta(hours=1),
        )

        earlier.refresh_from_db()
        assert (earlier.ended_how, earlier.session_key) == (SessionEnd.REPLACED, None)
        assert not is_known(client)

    def test_who_is_blocked_meanwhile_gets_none(self, client: Client, person: Person) -> None:
        log_in(client, person)
        facts = LoginFacts(**client.session[LOGIN])
        Person.objects.update(is_active=False)

        with pytest.raises(AccountBlocked):
            open_session(
                facts,
                session_key="new",
                earlier_key=None,
                expires_at=now() + timedelta(hours=1),
            )

        assert not LoginSession.objects.filter(session_key="new").exists()


class TestLimits:
    def test_an_idle_session_ends(self, client: Client, person: Person) -> None:
        log_in(client, person)
        session = session_of(client)
        change(client, **{LAST_SEEN: int(time.time()) - settings.SESSION_IDLE_SECONDS - 1})

        assert not is_known(client)

        session.refresh_from_db()
        assert session.ended_how == SessionEnd.IDLE
        data = {"person": person.pk, "how": "idle"}
        assert ends() == [(str(session.public_id), None, data)]

    def test_a_busy_session_ends_too_whatever_its_row_and_cookie_say(
        self, client: Client, person: Person
    ) -> None:
        log_in(client, person)
        session = session_of(client)
        change(client, **{ENDS_AT: int(time.time())})
        Session.objects.update(expire_date=now() + timedelta(days=365))
        assert Session.objects.count() == 1

        assert not is_known(client)

        session.refresh_from_db()
        assert session.ended_how == SessionEnd.ABSOLUTE
        assert not Session.objects.filter(expire_date__gt=now() + timedelta(days=2)).exists()

    def test_a_session_that_does_not_say_when_it_ends_is_over(
        self, client: Client, person: Person
    ) -> None:
        log_in(client, person)
        session = client.session
        del session[ENDS_AT]
        session.save()

        assert not is_known(client)

    def test_activity_is_written_once_a_minute(self, client: Client, person: Person) -> None:
        log_in(client, person)
        before = session_of(client).last_seen_at
        assert is_known(client)
        assert session_of(client).last_seen_at == before

        change(client, **{LAST_SEEN: int(time.time()) - 61})
        assert is_known(client)

        assert session_of(client).last_seen_at > before
        assert client.session[LAST_SEEN] >= int(time.time()) - 2

    def test_what_a_page_asks_by_itself_is_no_activity(
        self, client: Client, person: Person
    ) -> None:
        log_in(client, person)
        long_ago = int(time.time()) - settings.SESSION_IDLE_SECONDS + 5
        change(client, **{LAST_SEEN: long_ago})
        before = session_of(client).last_seen_at

        assert client.get("/", headers=POLLING).status_code == 200

        assert (client.session[LAST_SEEN], session_of(client).last_seen_at) == (long_ago, before)

    def test_a_poll_after_the_limit_leads_to_the_login_page(
        self, client: Client, person: Person
    ) -> None:
        log_in(client, person)
        change(client, **{LAST_SEEN: int(time.time()) - settings.SESSION_IDLE_SECONDS - 1})

        assert client.get("/", headers=POLLING)["HX-Redirect"].startswith("/login")

    def test_the_mark_hides_nothing_but_questions(self, client: Client, person: Person) -> None:
        log_in(client, person)
        change(client, **{LAST_SEEN: int(time.time()) - 61})

        client.post("/account/sessions/end-others", headers=POLLING)

        assert client.session[LAST_SEEN] >= int(time.time()) - 2

    def test_the_clock_ends_what_nobody_comes_back_to(self, client: Client, person: Person) -> None:
        browsers = [log_in(Client(), person) for _ in range(3)]
        idle, expired, living = (session_of(browser) for browser in browsers)
        hour_ago = now() - timedelta(seconds=settings.SESSION_IDLE_SECONDS + 1)
        LoginSession.objects.filter(pk=idle.pk).update(last_seen_at=hour_ago)
        LoginSession.objects.filter(pk=expired.pk).update(
            created_at=now() - timedelta(hours=11), expires_at=now() - timedelta(hours=1)
        )

        assert end_lapsed_sessions() == 2
        assert end_lapsed_sessions() == 0

        assert [is_known(browser) for browser in browsers] == [False, False, True]
        how = dict(LoginSession.objects.values_list("pk", "ended_how"))
        assert (how[idle.pk], how[expired.pk], how[living.pk]) == ("idle", "absolute", "")

    def test_one_that_somebody_came_back_to_meanwhile_goes_on(
        self, client: Client, person: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log_in(client, person)
        hour_ago = now() - timedelta(seconds=settings.SESSION_IDLE_SECONDS + 1)
        LoginSession.objects.update(last_seen_at=hour_ago)
        lock = sessions._living

        def come_back_first() -> Any:
            LoginSession.objects.update(last_seen_at=now())
            return lock()

        monkeypatch.setattr(sessions, "_living", come_back_first)

        assert end_lapsed_sessions() == 0
        assert is_known(client)

    def test_ended_sessions_are_forgotten_after_a_while(
        self, client: Client, person: Person
    ) -> None:
        for _ in range(2):
            log_in(client, person)
        young = session_of(client)
        end_all_sessions(person, actor=None, reason=SessionEnd.BLOCKED)
        with connection.cursor() as cursor:  # what ended stays as it is, so time is turned back
            cursor.execute("SET LOCAL session_replication_role = replica")
        old = LoginSession.objects.exclude(pk=young.pk)
        assert old.update(ended_at=now() - KEPT_FOR - timedelta(days=1)) == 1

        assert forget_old_sessions() == 1

        assert LoginSession.objects.get() == young


class TestEnding:
    def test_one_of_my_own(self, person: Person) -> None:
        here, there = log_in(Client(), person), log_in(Client(), person)
        session = session_of(there)

        end_session(session.public_id, actor=person)

        assert (is_known(here), is_known(there)) == (True, False)
        session.refresh_from_db()
        assert (session.ended_how, session.ended_by) == (SessionEnd.OWN, person)
        data = {"person": person.pk, "how": "own"}
        assert ends() == [(str(session.public_id), person.pk, data)]

    def test_ending_twice_tells_once(self, client: Client, person: Person) -> None:
        session = session_of(log_in(client, person))

        for _ in range(2):
            end_session(session.public_id, actor=person)

        assert len(ends()) == 1

    def test_by_an_operator_who_reaches_the_person(
        self, client: Client, person: Person, operator: Person, project: Project
    ) -> None:
        session = session_of(log_in(client, person))

        end_session(session.public_id, actor=operator)

        assert not is_known(client)
        data = {"person": person.pk, "how": "operator"}
        assert ends() == [(str(session.public_id), operator.pk, data)]
        assert AuditEntry.objects.get(event="session.ended").node_id == project.pk

    @pytest.mark.parametrize("role", sorted(set(Role) - {Role.OPERATOR}))
    def test_by_nobody_in_another_role(
        self, client: Client, person: Person, project: Project, role: Role
    ) -> None:
        other = PersonFactory()
        grant(other, role, project.parent)
        session = session_of(log_in(client, person))

        with pytest.raises(NotAllowed):
            end_session(session.public_id, actor=other)

        assert is_known(client)

    def test_by_no_operator_of_another_organisation_or_below_the_person(
        self, client: Client, person: Person, project: Project
    ) -> None:
        elsewhere, below = PersonFactory(), PersonFactory()
        grant(elsewhere, Role.OPERATOR, make_project().parent)
        boss = PersonFactory()
        grant(boss, Role.FINANCE, project.parent)
        grant(below, Role.OPERATOR, project)
        session, of_boss = session_of(log_in(client, person)), session_of(log_in(Client(), boss))

        for actor, about in ((elsewhere, session), (below, of_boss)):
            with pytest.raises(NotAllowed):
                end_session(about.public_id, actor=actor)

    def test_an_operator_sees_those_whom_they_reach_as_operator(
        self, client: Client, person: Person, operator: Person
    ) -> None:
        approved_by, elsewhere = make_project(), PersonFactory()
        grant(operator, Role.APPROVER, approved_by)
        grant(elsewhere, Role.REQUESTER, approved_by)
        log_in(Client(), elsewhere)
        log_in(client, person)

        assert list(endable_sessions(operator)) == [session_of(client)]
        assert not endable_sessions(person).exists()

    def test_an_operator_ends_that_of_who_just_lost_their_last_role(
        self, client: Client, person: Person, operator: Person
    ) -> None:
        session = session_of(log_in(client, person))
        end_grant(person.grants.get().public_id, actor=None, reason="Misbruik")

        assert list(endable_sessions(operator)) == [session]
        end_session(session.public_id, actor=operator)

        assert not is_known(client)

    def test_and_of_who_logs_in_for_a_node_without_a_role_yet(
        self, client: Client, project: Project, operator: Person
    ) -> None:
        newcomer = PersonFactory()
        session = session_of(log_in(client, newcomer))
        newcomer.identities.update(node=project.parent)

        end_session(session.public_id, actor=operator)

        assert not is_known(client)

    def test_but_not_what_began_after_the_role_had_ended(
        self, client: Client, person: Person, operator: Person
    ) -> None:
        end_grant(person.grants.get().public_id, actor=None, reason="Elders aan het werk")
        session = session_of(log_in(client, person))

        with pytest.raises(NotAllowed):
            end_session(session.public_id, actor=operator)

        assert not endable_sessions(operator).exists()

    def test_everywhere_else(self, person: Person, operator: Person) -> None:
        here, *others = (log_in(Client(), person) for _ in range(3))
        of_another = log_in(Client(), operator)

        count = end_other_sessions(person, session_key=str(here.session.session_key))

        assert count == 2
        assert [is_known(browser) for browser in (here, *others)] == [True, False, False]
        assert is_known(of_another)

    def test_of_somebody_who_leaves(self, person: Person, operator: Person) -> None:
        browsers = [log_in(Client(), person) for _ in range(3)]

        count = end_all_sessions(person, actor=operator, reason=SessionEnd.BLOCKED)

        assert count == 3
        assert [is_known(browser) for browser in browsers] == [False] * 3
        assert [entry[1:] for entry in ends()] == [
            (operator.pk, {"person": person.pk, "how": "blocked"})
        ] * 3

    def test_a_request_that_still_runs_does_not_bring_it_back(
        self, client: Client, person: Person
    ) -> None:
        log_in(client, person)
        running = client.session
        running["kept_input"] = "typed meanwhile"

        end_all_sessions(person, actor=None, reason=SessionEnd.BLOCKED)
        with pytest.raises(UpdateError):
            running.save(must_create=False)

        assert not is_known(client)
