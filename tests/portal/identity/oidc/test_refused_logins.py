"""All that may be wrong with an answer: a page that says what to do, and nobody logged in."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.identity.models import Organization, Person, RoleGrant
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.transport import Answer
from tests.portal.identity.oidc.fake_provider import (
    LOW,
    FakeProvider,
    answer,
    come_back,
    log_in,
    public_jwk,
    start,
    unavailable,
)

pytestmark = pytest.mark.django_db

Change = Callable[[FakeProvider], Any]


@pytest.fixture(autouse=True)
def _tree(ministry: Organization) -> None:
    """Every test here needs the organisations."""


def assert_refused(response: HttpResponse, client: Client, *, status: int, code: str) -> None:
    page = response.content.decode()
    assert response.status_code == status, page
    assert f'data-code="{code}"' in page
    assert "Traceback" not in page
    assert "_auth_user_id" not in client.session
    assert not Person.objects.exists()


def claims(**changes: Any) -> Change:
    return lambda provider: provider.changes.update(changes)


def times(**seconds: int) -> Change:
    """Claims so many seconds from the moment at which the test runs."""
    return lambda provider: provider.changes.update(
        {name: int(time.time()) + away for name, away in seconds.items()}
    )


def says(path: str, what: Any) -> Change:
    return lambda provider: provider.answers.update({path: what})


def userinfo(**changes: Any) -> Change:
    return lambda provider: provider.userinfo.update(changes)


def has(**attributes: Any) -> Change:
    return lambda provider: provider.__dict__.update(attributes)


NOT_TRUSTED: dict[str, Change] = {
    "audience is another client": claims(aud="other-client"),
    "audience holds another client": claims(aud=["cloudloket", "other-client"]),
    "issuer is another": claims(iss="https://evil.example"),
    "issuer is missing": claims(iss=None),
    "subject is missing": claims(sub=None),
    "subject is empty": claims(sub=""),
    "subject is a number": claims(sub=1),
    "subject is too long": claims(sub="x" * 256),
    "subject holds a control character": claims(sub="person\x00"),
    "expiry is beyond all time": claims(exp=float("inf")),
    "token is too long": claims(padding="x" * 20_000),
    "expiry is missing": claims(exp=None),
    "expiry is a list": claims(exp=[1]),
    "expiry is text": claims(exp="4102444800"),
    "time of issue is text": claims(iat=str(int(time.time()))),
    "time of issue is a list": claims(iat=[]),
    "expiry is beyond all counting": claims(exp=10**400),
    "expiry is no number": claims(exp=float("nan")),
    "expiry is later than anything": claims(exp=2**53 + 1),
    "time of issue is before all counting": claims(iat=-(10**400)),
    "time of issue is infinite": claims(iat=float("-inf")),
    "start of validity is before 1970": claims(nbf=-1),
    "start of validity is before all counting": claims(nbf=-(10**400)),
    "start of validity is true": claims(nbf=True),
    "session id is half a character": claims(sid="\ud800"),
    "subject is half a character": claims(sub="\ud800"),
    "nonce is half a character": claims(nonce="\ud800"),
    "session id cannot be stored": claims(sid="a\x00"),
    "session id is a number": claims(sid=1),
    "expired": claims(exp=int(time.time()) - 60),
    "issued in the future": claims(iat=int(time.time()) + 3600),
    "issued long ago": claims(iat=int(time.time()) - 3600),
    "not valid yet": claims(nbf=int(time.time()) + 3600),
    "start of validity is text": claims(nbf=str(int(time.time()) - 60)),
    "token is an access token": has(headers={"typ": "at+jwt"}),
    "token is a logout token": has(headers={"typ": "logout+jwt"}),
    "token needs an extension": has(headers={"crit": ["exp"]}),
    "time of issue is missing": claims(iat=None),
    "nonce is another": claims(nonce="another"),
    "nonce is missing": claims(nonce=None),
    "authorized party is another": claims(azp="other-client"),
    "hash of the access token is another": claims(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "algorithm is not the agreed one": has(algorithm="PS256"),
    "algorithm is none": has(algorithm="none"),
    "algorithm is symmetric": has(algorithm="HS256"),
    "key id is unknown": has(kid="another"),
    "key id is missing and two keys fit": has(
        kid=None, published=[public_jwk("rs-1"), public_jwk("rs-2")]
    ),
    "key is another than published": has(key="rs-2"),
    "key is published for encryption": has(published=[public_jwk("rs-1") | {"use": "enc"}]),
    "token is no token": says("/token", answer({"access_token": "a", "id_token": "é.b.c"})),
    "token is half a character": says(
        "/token", answer({"access_token": "a", "id_token": "\ud800"})
    ),
    "token holds half a character": says(
        "/token", answer({"access_token": "a", "id_token": "a.\ud800.c"})
    ),
    "userinfo is about another": userinfo(sub="person-2"),
    "userinfo is about nobody": userinfo(sub=None),
    "userinfo is about half a character": userinfo(sub="\ud800"),
}


@pytest.mark.parametrize("wrong", NOT_TRUSTED.values(), ids=NOT_TRUSTED.keys())
def test_answer_that_cannot_be_trusted(
    client: Client, provider: FakeProvider, wrong: Change
) -> None:
    wrong(provider)

    assert_refused(log_in(client, provider), client, status=403, code="answer_not_trusted")


NO_ANSWER: dict[str, Change] = {
    "token endpoint: 500": says("/token", unavailable()),
    "token endpoint: client refused": says("/token", answer({"error": "x"}, status=401)),
    "token endpoint: not JSON": says("/token", answer(b"<html>oops</html>")),
    "token endpoint: not an object": says("/token", answer([])),
    "token endpoint: no ID token": says("/token", answer({"access_token": "a"})),
    "token endpoint: ID token is no text": says(
        "/token", answer({"access_token": "a", "id_token": {}})
    ),
    "token endpoint: access token is half a character": says(
        "/token", answer({"access_token": "\ud800", "id_token": "a.b.c"})
    ),
    "userinfo: 500": says("/userinfo", unavailable()),
    "userinfo: 401": says("/userinfo", answer({}, status=401)),
    "userinfo: not JSON": says("/userinfo", answer(b"oops")),
    "keys: time-out": says("/jwks", unavailable()),
    "keys: not a list": says("/jwks", answer({"keys": 1})),
}


@pytest.mark.parametrize("wrong", NO_ANSWER.values(), ids=NO_ANSWER.keys())
def test_provider_that_does_not_answer_well(
    client: Client, provider: FakeProvider, wrong: Change
) -> None:
    wrong(provider)

    assert_refused(log_in(client, provider), client, status=503, code="provider_unavailable")


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": None},
        {"jwks_uri": "https://[x"},
        {"jwks_uri": "https://[::1"},
        {"token_endpoint": "https://idp.example\ud800/token"},
        {"token_endpoint": "https://idp.example/\ud800"},
        {"authorization_endpoint": "https://idp.example/\r\nX: y"},
        {"authorization_endpoint": "https://idp.example; script-src *"},
        {"end_session_endpoint": "https://idp.example/\ud800"},
        {"end_session_endpoint": ["https://idp.example/"]},
        {"userinfo_endpoint": f"https://idp.example/{'x' * 5000}"},
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_provider_whose_metadata_cannot_be_used(
    client: Client, provider: FakeProvider, metadata: dict[str, Any]
) -> None:
    provider.metadata.update(metadata)

    response = client.get("/login/local")

    assert_refused(response, client, status=503, code="provider_unavailable")


IN_TIME: dict[str, Change] = {
    "expired a moment ago": times(exp=-3),
    "issued a moment from now": times(iat=+7),
    "valid a moment from now": times(nbf=+7),
    "logged in a moment from now": times(auth_time=+7),
    "audience is a list of us alone": claims(aud=["cloudloket"]),
    "authorized party is us": claims(azp="cloudloket"),
    "no hash of the access token": claims(at_hash=None),
    "type is written in small letters": has(headers={"typ": "jwt"}),
}


@pytest.mark.parametrize("right", IN_TIME.values(), ids=IN_TIME.keys())
def test_clocks_may_differ_a_little_and_what_may_be_left_out_may(
    client: Client, provider: FakeProvider, right: Change
) -> None:
    right(provider)

    assert log_in(client, provider, "?level=low&max_age=900").status_code == 302


AGES: dict[str, tuple[Any, str]] = {
    "too old": (int(time.time()) - 3600, "assurance_too_low"),
    "missing": (None, "answer_not_trusted"),
    "text": (str(int(time.time())), "answer_not_trusted"),
    "true": (True, "answer_not_trusted"),
    "yet to come": (int(time.time()) + 3600, "answer_not_trusted"),
    "before 1970": (-1, "answer_not_trusted"),
    "before all counting": (-(10**400), "answer_not_trusted"),
}


@pytest.mark.parametrize(("auth_time", "code"), AGES.values(), ids=AGES.keys())
def test_age_of_the_login(
    client: Client, provider: FakeProvider, auth_time: Any, code: str
) -> None:
    provider.changes["auth_time"] = auth_time

    response = log_in(client, provider, "?level=low&max_age=900")

    assert_refused(response, client, status=403, code=code)


@pytest.mark.parametrize(
    "auth_time",
    [True, "now", int(time.time()) + 3600, -1, -(10**400)],
    ids=["true", "text", "yet to come", "before 1970", "before all counting"],
)
def test_age_that_nobody_asked_for_is_the_truth_too(
    client: Client, provider: FakeProvider, auth_time: Any
) -> None:
    provider.changes["auth_time"] = auth_time

    assert_refused(log_in(client, provider), client, status=403, code="answer_not_trusted")


@pytest.mark.parametrize("acr", [LOW, "made-up", None, 3], ids=["low", "unknown", "none", "number"])
def test_level_of_assurance_below_the_minimum(
    client: Client, provider: FakeProvider, agree_on: Callable[..., None], acr: Any
) -> None:
    agree_on(minimum_assurance=Assurance.SUBSTANTIAL)
    provider.changes["acr"] = acr

    assert_refused(log_in(client, provider), client, status=403, code="assurance_too_low")


def deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


CLAIMS: dict[str, tuple[Change, str]] = {
    "no name": (userinfo(name=None), "claim_missing"),
    "empty name": (userinfo(name=" \u202e"), "claim_missing"),
    "no organisation": (userinfo(organization_oin=None), "claim_missing"),
    "organisation is a number": (userinfo(organization_oin=1), "claim_missing"),
    "organisation is no OIN": (userinfo(organization_oin="9" * 19), "claim_missing"),
    "organisation is not ours": (userinfo(organization_oin="9" * 20), "organization_unknown"),
    "no roles": (userinfo(cloudloket_roles=None), "claim_missing"),
    "roles is a number": (userinfo(cloudloket_roles=5), "claim_missing"),
    "role list is endless": (userinfo(cloudloket_roles=["auditor@mwb"] * 201), "claim_missing"),
    "role list is empty": (userinfo(cloudloket_roles=[]), "no_access"),
    "role is not ours": (userinfo(cloudloket_roles=["boss@mwb"]), "role_unknown"),
    "approver without an amount": (userinfo(cloudloket_roles=["approver@mwb"]), "role_unknown"),
    "approver of nothing": (userinfo(cloudloket_roles=["approver:0@mwb"]), "role_unknown"),
    "amount is no amount": (userinfo(cloudloket_roles=["approver:1e9@mwb"]), "role_unknown"),
    "amount of another role": (userinfo(cloudloket_roles=["finance:5@mwb"]), "role_unknown"),
    "role without a node": (userinfo(cloudloket_roles=["auditor"]), "role_unknown"),
    "role is a list": (userinfo(cloudloket_roles=[["auditor@mwb"]]), "role_unknown"),
    "role is nested without end": (userinfo(cloudloket_roles=[deep(500)]), "role_unknown"),
    "name is nested without end": (userinfo(name=deep(500)), "claim_missing"),
    "name is half a character": (userinfo(name="\ud800"), "claim_missing"),
    "organisation is half a character": (userinfo(organization_oin="\ud800"), "claim_missing"),
    "role on an unknown node": (userinfo(cloudloket_roles=["auditor@nowhere"]), "role_unknown"),
    "role on a node that no code can be": (
        userinfo(cloudloket_roles=["auditor@\x00", "auditor@\ud800"]),
        "role_unknown",
    ),
    "role at another organisation": (
        userinfo(cloudloket_roles=["auditor@mwb", "auditor@voorbeeldstad"]),
        "role_unknown",
    ),
}


@pytest.mark.parametrize(("wrong", "code"), CLAIMS.values(), ids=CLAIMS.keys())
def test_claims_that_say_too_little_or_too_much(
    client: Client, provider: FakeProvider, wrong: Change, code: str
) -> None:
    wrong(provider)

    assert_refused(log_in(client, provider), client, status=403, code=code)


@pytest.mark.parametrize(
    "email",
    ["a@\ud800.nl", "\ud800@example.nl", f"a@{'é' * 200}.nl", "a@é..nl", "a@[\ud800]", 5, deep(9)],
    ids=lambda value: ascii(value)[:60],
)
def test_address_that_is_none_is_left_out(
    client: Client, provider: FakeProvider, email: Any
) -> None:
    provider.userinfo["email"] = email

    assert log_in(client, provider).status_code == 302
    assert Person.objects.get().email == ""


def test_used_code(client: Client, provider: FakeProvider) -> None:
    provider.answers["/token"] = answer({"error": "invalid_grant"}, status=400)

    assert_refused(log_in(client, provider), client, status=400, code="login_expired")


def test_state_that_was_used(client: Client, provider: FakeProvider) -> None:
    state = start(client, provider)["state"]
    provider.changes["aud"] = "other"
    come_back(client, state)
    provider.changes.clear()

    assert_refused(come_back(client, state), client, status=400, code="login_expired")


@pytest.mark.parametrize("state", ["", "made-up"])
def test_state_that_is_not_known(client: Client, provider: FakeProvider, state: str) -> None:
    start(client, provider)

    assert_refused(come_back(client, state), client, status=400, code="login_expired")


def test_state_of_another_browser(client: Client, provider: FakeProvider) -> None:
    state = start(client, provider)["state"]

    assert_refused(come_back(Client(), state), client, status=400, code="login_expired")


def test_state_that_is_too_old(client: Client, provider: FakeProvider) -> None:
    state = start(client, provider)["state"]
    session = client.session
    session["oidc_states"][state]["added_on"] -= 16 * 60
    session.save()

    assert_refused(come_back(client, state), client, status=400, code="login_expired")


def test_state_that_was_made_for_another_provider(client: Client, provider: FakeProvider) -> None:
    state = start(client, provider)["state"]
    session = client.session
    session["oidc_states"][state]["provider"] = "second"
    session.save()

    assert_refused(come_back(client, state), client, status=400, code="login_expired")


def test_callback_without_anything(client: Client, provider: FakeProvider) -> None:
    provider.metadata.clear()

    response = client.get("/login/local/callback")

    assert_refused(response, client, status=400, code="login_expired")


def test_callback_without_a_code(client: Client, provider: FakeProvider) -> None:
    response = come_back(client, start(client, provider)["state"], code="")

    assert_refused(response, client, status=400, code="login_expired")


def test_issuer_of_the_response_is_another(client: Client, provider: FakeProvider) -> None:
    state = start(client, provider)["state"]

    response = come_back(client, state, iss="https://evil.example")

    assert_refused(response, client, status=403, code="answer_not_trusted")


@pytest.mark.parametrize(("announced", "status"), [(True, 403), (False, 302)])
def test_issuer_of_the_response_is_missing(
    client: Client, provider: FakeProvider, announced: bool, status: int
) -> None:
    provider.metadata["authorization_response_iss_parameter_supported"] = announced
    state = start(client, provider)["state"]

    response = client.get("/login/local/callback", {"state": state, "code": "code-1"})

    assert response.status_code == status


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ("access_denied", 400, "login_canceled"),
        ("temporarily_unavailable", 503, "provider_unavailable"),
        ("<script>alert(1)</script>", 403, "login_refused_by_provider"),
    ],
)
def test_provider_says_no(
    client: Client, provider: FakeProvider, error: str, status: int, code: str
) -> None:
    response = come_back(client, start(client, provider)["state"], error=error)

    assert b"<script>alert" not in response.content
    assert_refused(response, client, status=status, code=code)


def test_unknown_provider_is_not_found(client: Client) -> None:
    assert client.get("/login/nobody").status_code == 404


def test_cancelled_step_up_keeps_the_earlier_login(client: Client, provider: FakeProvider) -> None:
    log_in(client, provider)
    state = start(client, provider, "?level=high")["state"]

    response = come_back(client, state, error="access_denied")

    assert response.status_code == 400
    assert "_auth_user_id" in client.session


def test_page_of_a_failed_step_up_leads_to_the_same_step_up(
    client: Client, provider: FakeProvider
) -> None:
    query = "next=%2Forders%2F1&level=high&max_age=900"
    response = log_in(client, provider, f"?{query}")

    assert f'href="/login/local?{query.replace("&", "&amp;")}"' in response.content.decode()


def test_refusal_of_somebody_we_know_is_audited(client: Client, provider: FakeProvider) -> None:
    log_in(client, provider)
    provider.userinfo["cloudloket_roles"] = []
    log_in(Client(), provider)

    entry = AuditEntry.objects.get(event="person.login_refused")
    assert (entry.actor_id, entry.code) == (Person.objects.get().pk, "no_access")


SIGNED_USERINFO: dict[str, Change] = {
    "of another issuer": userinfo(iss="https://evil.example"),
    "for another client": userinfo(aud="other-client"),
    "for others as well": userinfo(aud=["cloudloket", "other-client"]),
    "expired": userinfo(exp=int(time.time()) - 60),
    "about another": userinfo(sub="person-2"),
    "an access token": has(headers={"typ": "at+jwt"}),
}


@pytest.mark.parametrize("wrong", SIGNED_USERINFO.values(), ids=SIGNED_USERINFO.keys())
def test_signed_userinfo_that_is_wrong(
    client: Client, provider: FakeProvider, wrong: Change
) -> None:
    provider.signs_userinfo = True
    wrong(provider)

    assert_refused(log_in(client, provider), client, status=403, code="answer_not_trusted")


@pytest.mark.parametrize("body", [b"a.b.c", "é".encode(), b""], ids=["no token", "bytes", "empty"])
def test_signed_userinfo_that_is_no_token(
    client: Client, provider: FakeProvider, body: bytes
) -> None:
    headers = {"Content-Type": "application/jwt; charset=utf-8"}
    provider.answers["/userinfo"] = Answer(status=200, headers=headers, body=body)

    assert_refused(log_in(client, provider), client, status=403, code="answer_not_trusted")


def test_roles_that_the_provider_took_away_end_in_every_session(
    client: Client, provider: FakeProvider
) -> None:
    log_in(client, provider)
    provider.userinfo["cloudloket_roles"] = []
    log_in(Client(), provider)

    grant = RoleGrant.objects.get()
    assert grant.valid_until is not None
    assert grant.valid_until <= now()
    assert AuditEntry.objects.filter(event="role.ended", subject_public_id=grant.public_id).exists()
