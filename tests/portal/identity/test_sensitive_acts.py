"""Every act that binds somebody else, through every door, with a login that is too weak or old.

``acts.TABLE`` has a row for each act that the code declares; a new act without one fails.
"""

from __future__ import annotations

import json
import time
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from portal.audit.models import AuditEntry
from portal.core.errors import StrongerLoginNeeded
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.session import LoginFacts
from portal.identity.sensitive import ACTS, asked_with
from tests.catalog.conftest import draft, platform
from tests.fingerprints import fingerprints
from tests.logins import log_in
from tests.portal.identity.acts import TABLE, WITH_API, WITH_PAGE
from tests.portal.identity.doors import Doors

__all__ = ["draft", "platform"]
pytestmark = pytest.mark.django_db

WEAK: Final = {"level": Assurance.LOW, "age_seconds": 0}
OLD: Final = {"level": Assurance.HIGH, "age_seconds": 16 * 60}
# What was typed is kept in the session; that it was refused stands in the trail.
MOVED_BY_ASKING: Final = frozenset(
    {"django_session", "audit_auditchain", "audit_auditentry", "audit_refusaltally"}
)


@pytest.fixture
def doors(request: pytest.FixtureRequest, act: str, sent_tasks: list[Any]) -> Doors:
    return TABLE[act](request.getfixturevalue)


def database() -> dict[str, tuple[int, int]]:
    """A fingerprint of every row of every table."""
    return fingerprints(without=MOVED_BY_ASKING)


def refused_acts() -> list[str]:
    """What the trail says about acts that a login was not good enough for."""
    entries = AuditEntry.objects.filter(event="access.refused", code="assurance_required")
    return [entry.data["act"] for entry in entries]


class FilledIn(HTMLParser):
    """Collects name and value of every field of a page, as a browser would send them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self._name = ""  # of the list or text area that is open
        self._text: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {key: value or "" for key, value in attrs}
        is_choice = facts.get("type") in {"radio", "checkbox"}
        if tag in {"select", "textarea"}:
            self._name, self._text = facts.get("name", ""), [] if tag == "textarea" else None
        elif tag == "option" and "selected" in facts:
            self.fields.append((self._name, facts.get("value", "")))
        elif tag == "input" and ("checked" in facts or not is_choice):
            self.fields.append((facts.get("name", ""), facts.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._text is not None:
            self.fields.append((self._name, "".join(self._text).strip()))
            self._text = None


def is_asked_to_log_in_again(address: str) -> bool:
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    asked = (query["level"], query["max_age"])
    return parts.path == "/login/local" and asked == (["substantial"], ["900"])


def test_the_table_knows_every_act() -> None:
    assert {row.partition(" ")[0] for row in TABLE} == set(ACTS)


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
        self, client: Client, doors: Doors, act: str, weakness: dict[str, Any]
    ) -> None:
        log_in(client, doors.actor, **weakness)
        before = database()

        response = client.post(doors.page, doors.form)

        assert response.status_code == 302
        assert is_asked_to_log_in_again(response["Location"])
        assert database() == before
        assert refused_acts() == [act.partition(" ")[0]]

    def test_lets_the_browser_itself_go_when_htmx_asks(
        self, client: Client, doors: Doors, weakness: dict[str, Any]
    ) -> None:
        log_in(client, doors.actor, **weakness)
        before = database()

        response = client.post(doors.page, doors.form, headers={"HX-Request": "true"})

        assert response.status_code == 200
        assert is_asked_to_log_in_again(response["HX-Redirect"])
        assert database() == before


@pytest.mark.parametrize("tells_where", [True, False], ids=["tells where", "tells nothing"])
@pytest.mark.parametrize("act", WITH_PAGE)
def test_what_was_typed_stands_there_after_the_login(
    client: Client, doors: Doors, act: str, tells_where: bool
) -> None:
    """Also when the browser does not say on which page the form stood."""
    log_in(client, doors.actor, **OLD)
    origin = f"http://testserver{doors.stands_on or doors.page}" if tells_where else ""
    response = client.post(doors.page, doors.form, headers={"Referer": origin})
    (back,) = parse_qs(urlsplit(response["Location"]).query)["next"]

    response = client.get(back, follow=True)

    assert response.status_code == 200
    assert set(doors.form.items()) <= set(FilledIn(response.content.decode()).fields)


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
    assert refused_acts() == [act.partition(" ")[0]]


def test_doors_are_named_for_every_act_that_has_them(request: pytest.FixtureRequest) -> None:
    """A door that an act gets later stands in the lists above."""
    found = {act: TABLE[act](request.getfixturevalue) for act in TABLE}

    assert tuple(act for act, doors in found.items() if doors.page) == WITH_PAGE
    assert tuple(act for act, doors in found.items() if doors.api) == WITH_API
