"""Logging in, as a browser sees it, with a provider that behaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth import get_user
from django.test import Client, RequestFactory
from django.utils.timezone import now
from pytest_django import Settings

from portal.audit.models import AuditEntry
from portal.identity.access import roles_of
from portal.identity.models import (
    Identity,
    LoginSession,
    Organization,
    Person,
    Role,
    RoleGrant,
)
from portal.identity.oidc import views
from portal.identity.oidc.session import LAST_SEEN
from portal.identity.oidc.step_up import KEPT_SECONDS, kept_input
from tests.factories import grant_in_portal
from tests.portal.identity.oidc.fake_provider import (
    ISSUER,
    LOW,
    FakeProvider,
    answer,
    come_back,
    log_in,
    public_jwk,
    start,
)

Agree = Callable[..., None]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _tree(ministry: Organization) -> None:
    """Every test here needs the organisations."""


def logged_in_person(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


def test_request_carries_pkce_nonce_state_and_the_levels_that_would_do(
    client: Client, provider: FakeProvider
) -> None:
    parameters = start(client, provider)

    assert parameters["response_type"] == "code"
    assert parameters["code_challenge_method"] == "S256"
    assert len(parameters["code_challenge"]) == 43
    assert len(parameters["state"]) >= 32
    assert len(parameters["nonce"]) >= 32
    assert parameters["redirect_uri"] == "http://127.0.0.1:8000/login/local/callback"
    assert parameters["acr_values"].split()[0] == LOW


def test_first_login_makes_a_person_with_identity_roles_and_audit_trail(
    client: Client, provider: FakeProvider
) -> None:
    response = log_in(client, provider, "?next=/orders")

    assert response["Location"] == "/orders"
    person = Person.objects.get()
    assert (person.name, person.email) == ("Sanne Wiersma", "sanne@example.nl")
    assert Identity.objects.filter(person=person, issuer=ISSUER, subject="person-1").exists()
    grant = RoleGrant.objects.get(person=person)
    assert (grant.role, grant.node.code, grant.issuer) == ("requester", "waterregistratie", ISSUER)
    assert abs(grant.valid_until - now() - timedelta(hours=24)) < timedelta(minutes=1)
    events = AuditEntry.objects.order_by("pk").values_list("event", flat=True)
    wanted = ["person.joined", "role.granted", "person.logged_in"]
    assert [event for event in events if event != "node.created"] == wanted
    assert logged_in_person(client) == str(person.pk)


def test_session_remembers_how_the_person_logged_in(client: Client, provider: FakeProvider) -> None:
    log_in(client, provider)

    login = client.session["login"]
    assert (login["provider"], login["subject"], login["sid"]) == ("local", "person-1", "session-1")
    assert login["level"] == 2
    assert client.session.get_expiry_age() <= 10 * 3600


class TestMethod:
    """How somebody proved who they are (RFC 8176). It allows nothing, so nothing is refused."""

    @pytest.mark.parametrize(
        ("said", "kept"),
        [
            (["pwd", "otp", "mfa"], ["pwd", "otp", "mfa"]),
            (["sc", "sc"], ["sc"]),
            ("hwk", ["hwk"]),
            ([], []),
            (None, []),
            (["pwd", 5], []),
            ([["pwd"]], []),
            ({"pwd": True}, []),
            (["two words"], []),
            (["pwd\x00"], []),
            (["\ud800"], []),
            (["pwd\u202e"], []),
            (["x" * 101], []),
            ([f"m{number}" for number in range(11)], []),
        ],
    )
    def test_is_kept_in_the_session_and_the_trail(
        self, client: Client, provider: FakeProvider, said: Any, kept: list[str]
    ) -> None:
        provider.changes["amr"] = said

        assert log_in(client, provider).status_code == 302

        assert list(client.session["login"]["methods"]) == kept
        data = AuditEntry.objects.get(event="person.logged_in").data
        assert data.get("methods", []) == kept

    def test_comes_from_the_id_token_alone(self, client: Client, provider: FakeProvider) -> None:
        provider.userinfo["amr"] = ["hwk"]
        log_in(client, provider)

        assert not client.session["login"]["methods"]

    def test_may_stand_elsewhere_at_a_provider(
        self, client: Client, provider: FakeProvider, settings: Settings
    ) -> None:
        local = settings.OIDC_PROVIDERS["local"]
        paths = replace(local.claims, method=("login", "how"))
        settings.OIDC_PROVIDERS = {"local": replace(local, claims=paths)}
        provider.changes |= {"login": {"how": ["sms"]}, "amr": ["pwd"]}
        log_in(client, provider)

        assert list(client.session["login"]["methods"]) == ["sms"]

    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            (["pwd", "otp"], "wachtwoord, eenmalige code"),
            (["urn:example:<b>"], "urn:example:&lt;b&gt;"),
            (None, "Onbekend"),
        ],
    )
    def test_is_shown_on_the_account_page(
        self, client: Client, provider: FakeProvider, said: Any, shown: str
    ) -> None:
        provider.changes["amr"] = said
        log_in(client, provider)

        page = client.get("/account").content.decode()

        method = page.partition("<dt>Manier</dt>")[2].partition("</dd>")[0]
        assert shown in method

    def test_a_session_from_before_it_was_kept_goes_on(
        self, client: Client, provider: FakeProvider
    ) -> None:
        log_in(client, provider)
        session = client.session
        del session["login"]["methods"]
        session["login"] = session["login"]
        session.save()

        assert client.get("/account").status_code == 200


def test_login_gives_the_session_a_new_key_each_time(
    client: Client, provider: FakeProvider
) -> None:
    keys = []
    start(client, provider)
    for _ in range(3):
        keys.append(client.session.session_key)
        log_in(client, provider)

    assert len({*keys, client.session.session_key}) == 4


def test_second_login_finds_the_same_person_whatever_the_email(
    client: Client, provider: FakeProvider
) -> None:
    log_in(client, provider)
    provider.userinfo["email"] = "other@example.nl"
    log_in(Client(), provider)

    assert Person.objects.get().email == "other@example.nl"


@pytest.mark.parametrize("email", [5, ["@"], None, "no address", f"{'x' * 60}@{'y.' * 110}nl"])
def test_email_that_cannot_be_kept_is_left_out(
    client: Client, provider: FakeProvider, email: Any
) -> None:
    provider.userinfo["email"] = email

    assert log_in(client, provider).status_code == 302
    assert Person.objects.get().email == ""


def test_same_email_at_another_subject_is_another_person(
    client: Client, provider: FakeProvider
) -> None:
    log_in(client, provider)
    provider.changes["sub"] = provider.userinfo["sub"] = "person-2"
    log_in(Client(), provider)

    assert Person.objects.count() == 2


def test_role_that_the_claim_no_longer_gives_is_ended(
    client: Client, provider: FakeProvider
) -> None:
    provider.userinfo["cloudloket_roles"] = ["requester@waterregistratie", "finance@mwb"]
    log_in(client, provider)
    provider.userinfo["cloudloket_roles"] = ["finance@mwb"]
    log_in(client, provider)

    in_force = RoleGrant.objects.filter(valid_until__gt=now())
    assert [grant.role for grant in in_force] == ["finance"]
    assert AuditEntry.objects.filter(event="role.ended").count() == 1


def test_what_it_gives_is_read_anew_though_the_browser_comes_back_with_get(
    client: Client, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[set[Role]] = []
    enter = views.enter

    def made_finance_meanwhile(*args: Any, **kwargs: Any) -> None:
        person = Person.objects.get()
        known.append(roles_of(person))
        grant_in_portal(person, Role.FINANCE, Organization.objects.get(code="mwb"))
        known.append(roles_of(person))
        enter(*args, **kwargs)

    monkeypatch.setattr(views, "enter", made_finance_meanwhile)

    log_in(client, provider)

    assert known == [{Role.REQUESTER}, {Role.REQUESTER, Role.FINANCE}]


def test_approver_comes_with_an_amount_which_may_become_another(
    client: Client, provider: FakeProvider
) -> None:
    """A grant never changes, so the new amount is a new one."""
    for claimed, limit in [
        (["approver:250.50@mwb"], Decimal("250.50")),
        (["approver:250.50@mwb"], Decimal("250.50")),
        (["approver:100@mwb", "approver:5000@mwb"], Decimal(5000)),
        (["approver:100@mwb", "approver:unlimited@mwb"], None),
    ]:
        provider.userinfo["cloudloket_roles"] = claimed
        log_in(client, provider)

        held = RoleGrant.objects.get(valid_until__gt=now())
        assert (held.role, held.amount_limit) == ("approver", limit)
    assert AuditEntry.objects.filter(event="role.granted").count() == 3
    assert AuditEntry.objects.filter(event="role.ended").count() == 2


def test_login_prolongs_a_grant_and_leaves_those_made_in_the_portal(
    client: Client, provider: FakeProvider, ministry: Organization
) -> None:
    log_in(client, provider)
    person = Person.objects.get()
    own = grant_in_portal(person, Role.AUDITOR, ministry)
    until = own.valid_until
    RoleGrant.objects.filter(role="requester").update(valid_until=now() + timedelta(hours=1))
    log_in(client, provider)

    assert RoleGrant.objects.get(role="requester").valid_until > now() + timedelta(hours=23)
    own.refresh_from_db()
    assert own.valid_until == until


def test_role_that_lapsed_is_granted_again_as_a_new_row(
    client: Client, provider: FakeProvider
) -> None:
    log_in(client, provider)
    RoleGrant.objects.update(valid_from=now() - timedelta(hours=30), valid_until=now())
    log_in(client, provider)

    assert RoleGrant.objects.count() == 2


@pytest.mark.parametrize(("algorithm", "key"), [("PS256", "rs-1"), ("ES256", "es-1")])
def test_other_algorithms_work_when_they_are_agreed(
    client: Client, provider: FakeProvider, agree_on: Agree, algorithm: str, key: str
) -> None:
    agree_on(signing_algorithm=algorithm)
    provider.algorithm, provider.key, provider.kid = algorithm, key, key

    assert log_in(client, provider).status_code == 302
    assert logged_in_person(client)


def test_signed_userinfo_is_verified_and_read(client: Client, provider: FakeProvider) -> None:
    provider.signs_userinfo = True

    assert log_in(client, provider)["Location"] == "/"


def test_new_key_of_the_provider_is_found_without_a_restart(
    client: Client, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.identity.oidc.discovery.LOOK_AGAIN_SECONDS", 0)
    log_in(client, provider)
    provider.key = provider.kid = "rs-2"
    provider.published = [public_jwk("rs-1"), public_jwk("rs-2")]

    assert log_in(Client(), provider).status_code == 302


def test_two_tabs_may_log_in_at_the_same_time(client: Client, provider: FakeProvider) -> None:
    first = start(client, provider, "?next=/a")
    second = start(client, provider, "?next=/b")
    second_nonce, provider.nonce = provider.nonce, first["nonce"]
    assert come_back(client, first["state"])["Location"] == "/a"

    provider.nonce = second_nonce
    assert come_back(client, second["state"])["Location"] == "/b"


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_sent_to_another_site_after_logging_in(
    client: Client, provider: FakeProvider, path: str
) -> None:
    assert log_in(client, provider, f"?next={path}")["Location"] == "/"


def test_a_single_provider_is_gone_to_at_once(client: Client, provider: FakeProvider) -> None:
    response = client.get("/login?next=/orders")

    assert response["Location"] == "/login/local?next=%2Forders"


def test_several_providers_are_shown_to_choose_from(
    client: Client, provider: FakeProvider, settings: Settings
) -> None:
    settings.OIDC_PROVIDERS = {
        "local": settings.OIDC_PROVIDERS["local"],
        "second": settings.OIDC_PROVIDERS["local"],
    }

    response = client.get("/login?next=/orders", headers={"Accept-Language": "nl"})

    assert response.status_code == 200
    assert response.content.decode().count("/login/local?next=%2Forders") == 2


def test_blocked_person_is_gone_from_the_next_request_on(
    client: Client, provider: FakeProvider
) -> None:
    log_in(client, provider)
    Person.objects.update(is_active=False)

    assert client.get("/").status_code == 302
    response = log_in(Client(), provider)
    assert (response.status_code, b"account_blocked" in response.content) == (403, True)


def test_the_session_remembers_where_it_began(client: Client, provider: FakeProvider) -> None:
    start_there = {"User-Agent": "Firefox/140.0 (Windows)", "X-Forwarded-For": "203.0.113.9"}
    parameters = start(client, provider)
    client.get(
        "/login/local/callback",
        {"code": "code-1", "state": parameters["state"], "iss": ISSUER},
        headers=start_there,
    )

    session = LoginSession.objects.get()
    assert (session.agent, session.address) == ("Firefox/140.0 (Windows)", "203.0.113.9")
    assert (session.provider, session.level, session.sid) == ("local", 2, "session-1")
    assert session.session_key == client.session.session_key


def test_a_key_from_before_the_login_is_worth_nothing(
    client: Client, provider: FakeProvider
) -> None:
    log_in(client, provider)
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = str(client.session.session_key)
    assert logged_in_person(thief) is not None

    log_in(client, provider)

    assert logged_in_person(thief) is None
    assert logged_in_person(client) is not None
    assert sorted(LoginSession.objects.values_list("ended_how", flat=True)) == ["", "replaced"]


def test_idle_session_ends(client: Client, provider: FakeProvider) -> None:
    log_in(client, provider)
    session = client.session
    session["last_seen"] -= 3601
    session.save()

    assert client.get("/").status_code == 302
    assert logged_in_person(client) is None


def test_htmx_is_told_to_go_to_the_login_page_itself(client: Client) -> None:
    response = client.get(
        "/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/orders?a=1"}
    )

    address = urlsplit(response["HX-Redirect"])
    assert response.status_code == 200
    assert (address.path, parse_qs(address.query)) == ("/login", {"next": ["/orders?a=1"]})


FORM: Final = "/catalogue/virtual-server/order"


def send_form_too_late(client: Client) -> str:
    """Send a form after the session ran out; returns the query that the login starts with."""
    session = client.session
    session[LAST_SEEN] = 0
    session.save()
    origin = f"http://testserver{FORM}"
    sent = client.post(FORM, {"name": "zaak-app"}, headers={"Referer": origin})
    return f"?{urlsplit(sent['Location']).query}"


def test_what_was_typed_before_the_session_ran_out_survives_the_journey(
    client: Client, provider: FakeProvider
) -> None:
    log_in(client, provider)
    journey = send_form_too_late(client)
    before = client.session.session_key

    response = log_in(client, provider, journey)

    assert typed_in(client, response["Location"]) == {"name": "zaak-app"}
    assert client.session.session_key != before
    assert client.session.get_expiry_age() > KEPT_SECONDS


def test_what_somebody_typed_is_not_shown_to_who_logs_in_next(
    client: Client, provider: FakeProvider
) -> None:
    log_in(client, provider)
    journey = send_form_too_late(client)
    provider.changes["sub"] = provider.userinfo["sub"] = "person-2"

    response = log_in(client, provider, journey)

    assert "kept=" in response["Location"]
    assert typed_in(client, response["Location"]) is None


def test_of_whom_the_portal_does_not_know_it_keeps_nothing(client: Client) -> None:
    sent = client.post(FORM, {"name": "zaak-app"}, headers={"Referer": f"http://testserver{FORM}"})

    assert "kept" not in sent["Location"]
    assert "kept_input" not in client.session


def typed_in(client: Client, page: str) -> dict[str, str] | None:
    """What the page would show again to who is logged in now."""
    request = RequestFactory().get(page)
    request.session, request.user = client.session, get_user(client)
    kept = kept_input(request, FORM)
    return kept.dict() if kept is not None else None


def test_client_may_authenticate_with_basic(
    client: Client, provider: FakeProvider, agree_on: Agree
) -> None:
    agree_on(client_authentication="client_secret_basic")

    log_in(client, provider)

    form = next(form for method, path, form in provider.asked if path == "/token")
    assert "client_secret" not in form
    assert form["code_verifier"]


def test_provider_without_userinfo_may_put_all_in_the_id_token(
    client: Client, provider: FakeProvider
) -> None:
    provider.metadata["userinfo_endpoint"] = ""
    provider.changes.update(provider.userinfo)
    provider.answers["/userinfo"] = answer({}, status=500)

    assert log_in(client, provider).status_code == 302
