"""Logging in with DigiD: a BSN becomes a pseudonym, and is kept, told and shown nowhere."""

from __future__ import annotations

import hashlib
import hmac
import logging
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from portal.identity.models import Identity, LoginSession, Person
from portal.identity.oidc.errors import ClaimMissing
from portal.identity.oidc.pseudonyms import read_bsn
from tests.portal.identity.oidc.fake_provider import MINISTRY_OIN, FakeProvider, log_in
from tests.portal.identity.oidc.kinds import BSN, KEY, SUBSTANTIAL, Use, code_of, first_login, grant

pytestmark = pytest.mark.django_db


DIGID = (
    f'enabled = true\npseudonym_key_file = "pseudonym-key"\norganizations = ["{MINISTRY_OIN}"]\n'
)
IN_SUB = '[providers.local.claims]\nsubject = "sub"\n'


@pytest.fixture
def digid(provider: FakeProvider) -> FakeProvider:
    provider.changes["acr"] = SUBSTANTIAL
    provider.userinfo = {"sub": "person-1", "bsn": BSN}
    return provider


def bsn_in_sub(provider: FakeProvider, subject: str = BSN) -> None:
    provider.userinfo = {"sub": subject}
    provider.changes["sub"] = subject


def pseudonym(key: bytes = KEY) -> str:
    return hmac.new(key, f"s00000000:{BSN}".encode(), hashlib.sha256).hexdigest()


def everything_stored() -> str:
    """All rows of all tables, and what sessions hold."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        texts = []
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            texts.append(repr(cursor.fetchall()))
    return "\n".join(texts)


@pytest.mark.parametrize("value", [BSN, f"s00000000:{BSN}"], ids=["bare", "with sector"])
@pytest.mark.parametrize("is_in_sub", [False, True], ids=["claim", "sub"])
def test_bsn_becomes_a_pseudonym_and_is_nowhere_else(
    client: Client,
    digid: FakeProvider,
    use_kind: Use,
    caplog: pytest.LogCaptureFixture,
    value: str,
    is_in_sub: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    use_kind("digid", DIGID + (IN_SUB if is_in_sub else ""))
    digid.userinfo["bsn"] = value
    if is_in_sub:
        bsn_in_sub(digid, value)
    person = first_login(client, digid)
    grant(person, "mwb")
    assert Identity.objects.get(person=person).subject == pseudonym()

    log_in(client, digid)
    pages = [client.get("/"), client.post("/logout")]

    assert [page.status_code for page in pages] == [200, 302]
    assert BSN not in pages[0].content.decode()
    assert "id_token_hint" not in pages[1]["Location"]
    log_in(client, digid)
    assert BSN not in str(dict(client.session.items()))
    assert "id_token" not in str(dict(client.session.items())) or not client.session["id_token"]
    assert BSN not in everything_stored()
    assert BSN not in caplog.text


DIGID_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no BSN": ({"bsn": None}, "claim_missing"),
    "BSN is a number": ({"bsn": int(BSN)}, "claim_missing"),
    "fails the test of eleven": ({"bsn": "999990018"}, "claim_missing"),
    "all zeros": ({"bsn": "000000000"}, "claim_missing"),
    "too short": ({"bsn": "99999001"}, "claim_missing"),
    "in other digits": ({"bsn": "٩٩٩٩٩٠٠١٩"}, "claim_missing"),
    "SOFI number": ({"bsn": f"s00000001:{BSN}"}, "claim_missing"),
    "sector is empty": ({"bsn": f":{BSN}"}, "claim_missing"),
    "DigiD Machtigen": ({"urn:nl-eid-gdi:1.0:LegalSubjectID": BSN}, "representation_refused"),
    "bewindvoering": ({"sel_uid": BSN}, "representation_refused"),
    "represents": ({"represents": {"sub": BSN}}, "representation_refused"),
}


@pytest.mark.parametrize(("changes", "code"), DIGID_REFUSED.values(), ids=DIGID_REFUSED.keys())
def test_refused_at_digid(
    client: Client,
    digid: FakeProvider,
    use_kind: Use,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, Any],
    code: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    use_kind("digid", DIGID)
    digid.userinfo.update(changes)

    response = log_in(client, digid)

    assert (code_of(response), response.status_code) == (code, 403)
    assert not Person.objects.exists()
    assert BSN not in response.content.decode() + caplog.text + everything_stored()


def test_session_id_that_holds_the_bsn_is_refused(
    client: Client, digid: FakeProvider, use_kind: Use
) -> None:
    use_kind("digid", DIGID)
    digid.changes["sid"] = f"session-{BSN}"

    assert code_of(log_in(client, digid)) == "claim_missing"


def test_method_that_holds_the_bsn_is_refused(
    client: Client, digid: FakeProvider, use_kind: Use
) -> None:
    use_kind("digid", DIGID)
    digid.changes["amr"] = ["pwd", f"urn:{BSN}"]

    assert code_of(log_in(client, digid)) == "claim_missing"


def test_level_below_the_minimum_at_digid(
    client: Client, digid: FakeProvider, use_kind: Use
) -> None:
    use_kind("digid", DIGID)
    digid.changes["acr"] = "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract"

    assert code_of(log_in(client, digid)) == "assurance_too_low"


def test_provider_ends_the_session_of_a_bsn_that_it_names(
    client: Client, digid: FakeProvider, use_kind: Use
) -> None:
    use_kind("digid", DIGID + IN_SUB)
    bsn_in_sub(digid)
    grant(first_login(client, digid), "mwb")
    log_in(client, digid)
    token = digid.logout_token(sid=None, sub=BSN)

    response = client.post("/login/local/backchannel-logout", {"logout_token": token})

    assert response.status_code == 200
    assert not LoginSession.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize("value", [BSN, f"s00000000:{BSN}"])
def test_nine_digits_are_read(value: str) -> None:
    assert read_bsn(value) == BSN


def test_every_single_mistake_in_a_digit_is_found() -> None:
    for place in range(9):
        for digit in "0123456789":
            wrong = BSN[:place] + digit + BSN[place + 1 :]
            if wrong != BSN:
                with pytest.raises(ClaimMissing):
                    read_bsn(wrong)
