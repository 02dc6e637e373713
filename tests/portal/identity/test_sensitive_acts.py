"""Every act that binds somebody else, through every door, with a login that is too weak or old.

The table below has a row for each act that the code declares; a new act without one fails.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from catalog.models import Metric
from catalog.services.approvals import approve_order, reject_order
from catalog.services.quotas import set_limit
from portal.core.errors import StrongerLoginNeeded
from portal.identity.models import LoginSession, Person, Role
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.session import LoginFacts
from portal.identity.sensitive import ACTS, asked_with
from portal.identity.services.sessions import end_session
from tests.factories import PersonFactory, grant, place
from tests.logins import log_in

pytestmark = pytest.mark.django_db

WEAK: Final = {"level": Assurance.LOW, "age_seconds": 0}
OLD: Final = {"level": Assurance.HIGH, "age_seconds": 16 * 60}
MOVED_BY_ASKING: Final = {"django_session"}  # what was typed is kept there


@dataclass(frozen=True, kw_only=True)
class Doors:
    """Who would do it, and how: the service itself, a page's form, a call of the API.

    ``form`` and ``body`` are what the doors are sent. A door that is not there is empty.
    """

    actor: Person
    service: Callable[[], object]
    page: str = ""
    form: dict[str, str] = field(default_factory=dict)
    api: str = ""
    body: dict[str, Any] = field(default_factory=dict)


def approving(get: Callable[[str], Any]) -> Doors:
    order = place(get("requester"), get("project"), get("version"))
    approver = get("approver")
    return Doors(
        actor=approver,
        service=lambda: approve_order(order.public_id, approver=approver),
        page=f"/approvals/{order.public_id}/approve",
        form={"reason": "Prima"},
        api=f"/api/v1/orders/{order.public_id}/approvals",
        body={"decision": "approved"},
    )


def rejecting(get: Callable[[str], Any]) -> Doors:
    order = place(get("requester"), get("project"), get("version"))
    approver = get("approver")
    return Doors(
        actor=approver,
        service=lambda: reject_order(order.public_id, approver=approver, reason="Te duur"),
        page=f"/approvals/{order.public_id}/reject",
        form={"reason": "Te duur"},
        api=f"/api/v1/orders/{order.public_id}/approvals",
        body={"decision": "rejected", "reason": "Te duur"},
    )


def setting_a_limit(get: Callable[[str], Any]) -> Doors:
    """No door leads to it yet."""
    project = get("project")
    return Doors(
        actor=get("approver"),
        service=lambda: set_limit(project, Metric.VCPUS, Decimal(1), valid_from=now()),
    )


def ending_a_session(get: Callable[[str], Any]) -> Doors:
    operator, requester = PersonFactory(), get("requester")
    grant(operator, Role.OPERATOR, get("project").parent)
    log_in(Client(), requester)
    session = LoginSession.objects.get(identity__person=requester)
    return Doors(
        actor=operator,
        service=lambda: end_session(session.public_id, actor=operator),
        page=f"/people/{requester.public_id}/sessions/{session.public_id}/end",
    )


TABLE: Final[dict[str, Callable[[Callable[[str], Any]], Doors]]] = {
    "order.approve": approving,
    "order.reject": rejecting,
    "quota.set_limit": setting_a_limit,
    "session.end_of_another": ending_a_session,
}
WITH_PAGE: Final = ("order.approve", "order.reject", "session.end_of_another")
WITH_API: Final = ("order.approve", "order.reject")


@pytest.fixture
def doors(request: pytest.FixtureRequest, act: str, sent_tasks: list[Any]) -> Doors:
    return TABLE[act](request.getfixturevalue)


def database() -> dict[str, str]:
    """A fingerprint of every row of every table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = sorted({name for (name,) in cursor.fetchall()} - MOVED_BY_ASKING)
        prints = {}
        for table in tables:
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"  # noqa: S608
                f' FROM "{table}" t'
            )
            (prints[table],) = cursor.fetchone()
    return prints


def is_asked_to_log_in_again(address: str) -> bool:
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    asked = (query["level"], query["max_age"])
    return parts.path == "/login/local" and asked == (["substantial"], ["900"])


def test_the_table_knows_every_act() -> None:
    assert set(TABLE) == set(ACTS)


@pytest.mark.parametrize("weakness", [WEAK, OLD], ids=["weak", "old"])
@pytest.mark.parametrize("act", TABLE)
class TestWithoutDoor:
    def test_the_act_itself_refuses(self, doors: Doors, weakness: dict[str, Any]) -> None:
        login = LoginFacts(
            provider="local",
            issuer="",
            subject="",
            sid="",
            acr="",
            level=int(weakness["level"]),
            auth_time=int(time.time()) - weakness["age_seconds"],
        )
        before = database()

        with asked_with(login), pytest.raises(StrongerLoginNeeded):
            doors.service()

        assert database() == before


@pytest.mark.parametrize("weakness", [WEAK, OLD], ids=["weak", "old"])
@pytest.mark.parametrize("act", WITH_PAGE)
class TestPage:
    def test_leads_to_the_provider_and_changes_nothing(
        self, client: Client, doors: Doors, weakness: dict[str, Any]
    ) -> None:
        log_in(client, doors.actor, **weakness)
        before = database()

        response = client.post(doors.page, doors.form)

        assert response.status_code == 302
        assert is_asked_to_log_in_again(response["Location"])
        assert database() == before

    def test_lets_the_browser_itself_go_when_htmx_asks(
        self, client: Client, doors: Doors, weakness: dict[str, Any]
    ) -> None:
        log_in(client, doors.actor, **weakness)
        before = database()

        response = client.post(doors.page, doors.form, headers={"HX-Request": "true"})

        assert response.status_code == 200
        assert is_asked_to_log_in_again(response["HX-Redirect"])
        assert database() == before


@pytest.mark.parametrize("act", WITH_PAGE)
def test_page_does_it_for_a_strong_and_fresh_login(client: Client, doors: Doors, act: str) -> None:
    log_in(client, doors.actor)
    before = database()

    response = client.post(doors.page, doors.form)

    assert "/login" not in response["Location"]
    assert database() != before


@pytest.mark.parametrize("weakness", [WEAK, OLD], ids=["weak", "old"])
@pytest.mark.parametrize("act", WITH_API)
def test_api_says_what_login_it_needs(
    client: Client, doors: Doors, act: str, weakness: dict[str, Any]
) -> None:
    log_in(client, doors.actor, **weakness)
    before = database()

    response = client.post(doors.api, json.dumps(doors.body), content_type="application/json")

    assert (response.status_code, response.json()["code"]) == (403, "assurance_required")
    assert response["WWW-Authenticate"] == (
        'Session realm="Cloudloket", error="insufficient_user_authentication",'
        ' error_description="A stronger or fresher login is needed",'
        ' acr_values="http://eidas.europa.eu/LoA/substantial http://eidas.europa.eu/LoA/high",'
        ' max_age="900"'
    )
    assert database() == before


def test_doors_are_named_for_every_act_that_has_them(request: pytest.FixtureRequest) -> None:
    """A door that an act gets later stands in the lists above."""
    found = {act: TABLE[act](request.getfixturevalue) for act in TABLE}

    assert tuple(act for act, doors in found.items() if doors.page) == WITH_PAGE
    assert tuple(act for act, doors in found.items() if doors.api) == WITH_API
