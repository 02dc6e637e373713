"""Logging in with each of the ready-made profiles: who it is, for whom, and with which roles."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from portal.audit.models import AuditEntry
from portal.identity.models import Identity, LoginSession, Organization, Person, Role, RoleGrant
from portal.identity.oidc.errors import ClaimMissing
from portal.identity.oidc.provider_file import read_providers
from portal.identity.oidc.pseudonyms import read_bsn
from portal.identity.services.tree import create_project
from tests.factories import give_numbers, grant_in_portal
from tests.portal.identity.oidc.fake_provider import ISSUER, MINISTRY_OIN, FakeProvider, log_in

pytestmark = pytest.mark.django_db

BSN = "999990019"
KEY = bytes.fromhex("5a" * 32)
CITY_OIN = "00000001002306608000"
CITY_KVK, CITY_RSIN = "90001354", "002306608"
BRANCH = "000012345678"
KVK = "urn:etoegang:1.9:EntityConcernedID:KvKnr"
RSIN = "urn:etoegang:1.9:EntityConcernedID:RSIN"
LEGAL = "urn:etoegang:core:LegalSubjectID"
ACTING = "urn:etoegang:core:ActingSubjectID"
RESTRICTION = "urn:etoegang:1.9:ServiceRestriction:Vestigingsnr"
LOA3 = "urn:etoegang:core:assurance-class:loa3"
SUBSTANTIAL = "urn:oasis:names:tc:SAML:2.0:ac:classes:Smartcard"
ENTITLEMENT = "urn:rijksoverheid.nl:entitlement"
NUMBER = "urn:rijksoverheid.nl:organizationNumber"

Use = Callable[..., None]

SETTINGS = """
[providers.local]
profile = "{profile}"
issuer = "{issuer}"
client_id = "cloudloket"
client_authentication = "client_secret_post"
client_secret_file = "secret"
signing_algorithm = "RS256"
{more}
"""


@pytest.fixture
def use(ministry: Organization, settings: Settings, tmp_path: Path) -> Use:
    """Let the fake provider be of a kind, by a file as an administrator would write it."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "pseudonym-key").write_text(KEY.hex())
    city = Organization.objects.get(code="voorbeeldstad")
    give_numbers(city, kvk_number=CITY_KVK, rsin=CITY_RSIN)
    create_project(code="burgerzaken", name="Burgerzaken", parent=city, actor=None)

    def choose(profile: str, more: str = "") -> None:
        file = tmp_path / "oidc.toml"
        file.write_text(SETTINGS.format(profile=profile, issuer=ISSUER, more=more))
        settings.OIDC_PROVIDERS = read_providers(str(file), variable="FILE", allow_loopback=True)

    return choose


def grant(person: Person, code: str, role: str = "requester") -> RoleGrant:
    """As somebody does it in the portal."""
    return grant_in_portal(person, Role(role), Organization.objects.get(code=code).node_ptr)


def code_of(response: HttpResponse) -> str:
    text = response.content.decode()
    return text.partition('data-code="')[2].partition('"')[0]


# --- sso-rijk ------------------------------------------------------------------------------------


@pytest.fixture
def rijk(provider: FakeProvider) -> FakeProvider:
    provider.userinfo = {
        "sub": "person-1",
        "name": "Sanne Wiersma",
        "urn:rijksoverheid.nl:emailAddress": "sanne@example.nl",
        NUMBER: MINISTRY_OIN,
        ENTITLEMENT: ["urn:cloudloket:approver", "urn:logius.nl:digimelding:toegang"],
    }
    return provider


def roles_of_everybody() -> set[str]:
    grants = RoleGrant.objects.select_related("node").filter(issuer=ISSUER)
    return {f"{grant.role}@{grant.node.code}" for grant in grants if grant.valid_until > now()}


def test_entitlements_become_roles_on_the_own_organisation(
    client: Client, rijk: FakeProvider, use: Use
) -> None:
    use("sso-rijk")

    assert log_in(client, rijk).status_code == 302
    assert roles_of_everybody() == {"approver@mwb"}
    person = Person.objects.get()
    assert (person.name, person.email) == ("Sanne Wiersma", "sanne@example.nl")


def test_entitlement_may_be_a_single_text(client: Client, rijk: FakeProvider, use: Use) -> None:
    use("sso-rijk")
    rijk.userinfo[ENTITLEMENT] = "urn:cloudloket:auditor"

    log_in(client, rijk)

    assert roles_of_everybody() == {"auditor@mwb"}


def test_file_may_map_entitlements_to_parts_of_the_organisation(
    client: Client, rijk: FakeProvider, use: Use
) -> None:
    use("sso-rijk", '[providers.local.roles]\n"urn:x" = "finance@waterregistratie"')
    rijk.userinfo[ENTITLEMENT] = ["urn:x", "urn:cloudloket:approver"]

    log_in(client, rijk)

    assert roles_of_everybody() == {"finance@waterregistratie"}


RIJK_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "entitlements of other applications only": ({ENTITLEMENT: ["urn:other"]}, "no_access"),
    "no entitlements": ({ENTITLEMENT: None}, "claim_missing"),
    "organisation that the provider may not vouch for": (
        {NUMBER: CITY_OIN},
        "organization_not_vouched_for",
    ),
    "number of another kind": ({NUMBER: CITY_KVK}, "claim_missing"),
    "on behalf of somebody else": (
        {"represents": {"sub": "person-2", "iss": ISSUER}},
        "representation_refused",
    ),
    "actor of another token": ({"act": {"sub": "person-2"}}, "representation_refused"),
}


@pytest.mark.parametrize(("changes", "code"), RIJK_REFUSED.values(), ids=RIJK_REFUSED.keys())
@pytest.mark.parametrize("where", ["userinfo", "changes"], ids=["userinfo", "ID token"])
def test_refused_at_the_rijk(
    client: Client, rijk: FakeProvider, use: Use, changes: dict[str, Any], code: str, where: str
) -> None:
    use("sso-rijk", f'organizations = ["{MINISTRY_OIN}"]')
    for name in changes:
        rijk.userinfo.pop(name, None)
    getattr(rijk, where).update(changes)

    response = log_in(client, rijk)

    assert (code_of(response), response.status_code) == (code, 403)
    assert not Person.objects.exists()


# --- eherkenning ---------------------------------------------------------------------------------


@pytest.fixture
def eherkenning(provider: FakeProvider) -> FakeProvider:
    provider.changes["acr"] = LOA3
    provider.userinfo = {
        "sub": "person-1",
        "namequalifier": KVK,
        LEGAL: CITY_KVK,
        ACTING: "9F1C7A52D0E84B6F",
    }
    return provider


def first_login(client: Client, provider: FakeProvider) -> Person:
    """Somebody new gets no further than a page that says under which name they are known."""
    response = log_in(client, provider)
    assert code_of(response) == "no_access"
    person = Person.objects.get()
    assert person.name in response.content.decode()
    assert "_auth_user_id" not in client.session
    return person


@pytest.mark.parametrize(("kind", "number"), [(KVK, CITY_KVK), (RSIN, CITY_RSIN)])
def test_acting_person_is_known_and_gets_roles_in_the_portal(
    client: Client, eherkenning: FakeProvider, use: Use, kind: str, number: str
) -> None:
    use("eherkenning", f'organizations = ["{CITY_OIN}"]')
    eherkenning.userinfo.update({"namequalifier": kind, LEGAL: number})
    person = first_login(client, eherkenning)
    assert person.name.startswith("eHerkenning ")
    assert Identity.objects.get().subject == "9F1C7A52D0E84B6F"
    assert AuditEntry.objects.filter(event="person.joined").exists()
    grant(person, "voorbeeldstad")

    assert log_in(client, eherkenning).status_code == 302
    assert client.get("/").status_code == 200
    person.refresh_from_db()
    assert person.name.startswith("eHerkenning ")


def test_broker_may_hand_out_roles_and_names(
    client: Client, eherkenning: FakeProvider, use: Use
) -> None:
    use("eherkenning", '[providers.local.claims]\nroles = "roles"\nname = "name"')
    eherkenning.userinfo.update(roles=["auditor@voorbeeldstad"], name="Ilse Brandsma")

    assert log_in(client, eherkenning).status_code == 302
    assert Person.objects.get().name == "Ilse Brandsma"


EHERKENNING_REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "type of number is unknown": ({"namequalifier": "urn:other"}, "claim_missing"),
    "type of number is missing": ({"namequalifier": None}, "claim_missing"),
    "number of the other type": ({"namequalifier": RSIN}, "claim_missing"),
    "number in other digits": ({LEGAL: "٩٠٠٠١٣٥٤"}, "claim_missing"),
    "organisation is unknown": ({LEGAL: "90009999"}, "organization_unknown"),
    "nobody acts": ({ACTING: None}, "claim_missing"),
    "who acts is empty": ({ACTING: ""}, "claim_missing"),
    "who acts cannot be stored": ({ACTING: "a\x00"}, "claim_missing"),
    "who acts is a citizen": ({ACTING: f"s00000000:{BSN}"}, "claim_missing"),
    "branch is unknown": ({RESTRICTION: "000000000000"}, "branch_unknown"),
    "branch cannot be read": ({RESTRICTION: [BRANCH]}, "branch_unknown"),
    "branch is empty": ({RESTRICTION: ""}, "branch_unknown"),
}


@pytest.mark.parametrize(
    ("changes", "code"), EHERKENNING_REFUSED.values(), ids=EHERKENNING_REFUSED.keys()
)
def test_refused_at_eherkenning(
    client: Client, eherkenning: FakeProvider, use: Use, changes: dict[str, Any], code: str
) -> None:
    use("eherkenning", f'[providers.local.branches]\n"{BRANCH}" = "burgerzaken"')
    eherkenning.userinfo.update(changes)

    response = log_in(client, eherkenning)

    assert (code_of(response), response.status_code) == (code, 403)
    assert not Person.objects.exists()


BRANCHES = f'[providers.local.branches]\n"{BRANCH}" = "{{code}}"\n'
ROLES = '[providers.local.claims]\nroles = "roles"\n'


def test_login_for_a_branch_does_not_act_for_the_whole(
    client: Client, eherkenning: FakeProvider, use: Use
) -> None:
    use("eherkenning", BRANCHES.format(code="burgerzaken") + ROLES)
    eherkenning.userinfo.update({RESTRICTION: BRANCH, "roles": ["requester@voorbeeldstad"]})
    assert code_of(log_in(client, eherkenning)) == "role_unknown"
    eherkenning.userinfo["roles"] = ["requester@burgerzaken"]
    assert log_in(client, eherkenning).status_code == 302

    grant(Person.objects.get(identities__isnull=False), "voorbeeldstad", "approver")

    assert client.get("/").status_code == 302  # logged out at once
    assert code_of(log_in(client, eherkenning)) == "outside_organization"
    del eherkenning.userinfo[RESTRICTION]
    assert log_in(client, eherkenning).status_code == 302


def test_branch_of_another_organisation(
    client: Client, eherkenning: FakeProvider, use: Use
) -> None:
    use("eherkenning", BRANCHES.format(code="waterregistratie"))
    eherkenning.userinfo[RESTRICTION] = BRANCH

    assert code_of(log_in(client, eherkenning)) == "organization_unknown"


def test_login_for_one_organisation_gives_nothing_at_another(
    client: Client, eherkenning: FakeProvider, use: Use
) -> None:
    use("eherkenning")
    grant(first_login(client, eherkenning), "mwb", "operator")

    assert code_of(log_in(client, eherkenning)) == "outside_organization"


# --- digid ---------------------------------------------------------------------------------------

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
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            texts.append(repr(cursor.fetchall()))
    return "\n".join(texts)


@pytest.mark.parametrize("value", [BSN, f"s00000000:{BSN}"], ids=["bare", "with sector"])
@pytest.mark.parametrize("is_in_sub", [False, True], ids=["claim", "sub"])
def test_bsn_becomes_a_pseudonym_and_is_nowhere_else(
    client: Client,
    digid: FakeProvider,
    use: Use,
    caplog: pytest.LogCaptureFixture,
    value: str,
    is_in_sub: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    use("digid", DIGID + (IN_SUB if is_in_sub else ""))
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
    use: Use,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, Any],
    code: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    use("digid", DIGID)
    digid.userinfo.update(changes)

    response = log_in(client, digid)

    assert (code_of(response), response.status_code) == (code, 403)
    assert not Person.objects.exists()
    assert BSN not in response.content.decode() + caplog.text + everything_stored()


def test_session_id_that_holds_the_bsn_is_refused(
    client: Client, digid: FakeProvider, use: Use
) -> None:
    use("digid", DIGID)
    digid.changes["sid"] = f"session-{BSN}"

    assert code_of(log_in(client, digid)) == "claim_missing"


def test_level_below_the_minimum_at_digid(client: Client, digid: FakeProvider, use: Use) -> None:
    use("digid", DIGID)
    digid.changes["acr"] = "urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract"

    assert code_of(log_in(client, digid)) == "assurance_too_low"


def test_provider_ends_the_session_of_a_bsn_that_it_names(
    client: Client, digid: FakeProvider, use: Use
) -> None:
    use("digid", DIGID + IN_SUB)
    bsn_in_sub(digid)
    grant(first_login(client, digid), "mwb")
    log_in(client, digid)
    token = digid.logout_token(sid=None, sub=BSN)

    response = client.post("/login/local/backchannel-logout", {"logout_token": token})

    assert response.status_code == 200
    assert not LoginSession.objects.filter(ended_at=None).exists()


@pytest.mark.parametrize(
    ("changes", "status", "is_logged_in"),
    [
        ({"sub": "person-1"}, 200, False),
        ({}, 200, False),
        ({"sub": "person-1", "sid": None}, 400, True),
    ],
    ids=["both", "session alone", "subject alone"],
)
def test_where_people_are_not_known_by_sub_a_logout_token_must_name_the_session(
    client: Client,
    eherkenning: FakeProvider,
    use: Use,
    changes: dict[str, Any],
    status: int,
    is_logged_in: bool,
) -> None:
    use("eherkenning")
    grant(first_login(client, eherkenning), "voorbeeldstad")
    log_in(client, eherkenning)
    token = eherkenning.logout_token(**changes)

    response = Client().post("/login/local/backchannel-logout", {"logout_token": token})

    assert response.status_code == status
    assert LoginSession.objects.filter(ended_at=None).exists() == is_logged_in


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
