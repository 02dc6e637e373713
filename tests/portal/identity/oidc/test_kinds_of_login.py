"""Logging in with each of the ready-made profiles: who it is, for whom, and with which roles."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.identity.models import Identity, LoginSession, Person, RoleGrant
from tests.portal.identity.oidc.fake_provider import ISSUER, MINISTRY_OIN, FakeProvider, log_in
from tests.portal.identity.oidc.kinds import (
    ACTING,
    BRANCH,
    BSN,
    CITY_KVK,
    CITY_OIN,
    CITY_RSIN,
    ENTITLEMENT,
    KVK,
    LEGAL,
    LOA3,
    NUMBER,
    RESTRICTION,
    RSIN,
    Use,
    code_of,
    first_login,
    grant,
)

pytestmark = pytest.mark.django_db


# --- sso-rijk ------------------------------------------------------------------------------------


@pytest.fixture
def rijk(provider: FakeProvider) -> FakeProvider:
    provider.userinfo = {
        "sub": "person-1",
        "name": "Sanne Wiersma",
        "urn:rijksoverheid.nl:emailAddress": "sanne@example.nl",
        NUMBER: MINISTRY_OIN,
        ENTITLEMENT: [
            "urn:cloudloket:finance",
            "urn:cloudloket:approver",
            "urn:logius.nl:digimelding:toegang",
        ],
    }
    return provider


def roles_of_everybody() -> set[str]:
    grants = RoleGrant.objects.select_related("node").filter(issuer=ISSUER)
    return {f"{grant.role}@{grant.node.code}" for grant in grants if grant.valid_until > now()}


def test_entitlements_become_roles_on_the_own_organisation(
    client: Client, rijk: FakeProvider, use_kind: Use
) -> None:
    use_kind("sso-rijk")

    assert log_in(client, rijk).status_code == 302
    # Up to which amount somebody approves is not ours to say: the file does.
    assert roles_of_everybody() == {"finance@mwb"}
    person = Person.objects.get()
    assert (person.name, person.email) == ("Sanne Wiersma", "sanne@example.nl")


def test_entitlement_may_be_a_single_text(
    client: Client, rijk: FakeProvider, use_kind: Use
) -> None:
    use_kind("sso-rijk")
    rijk.userinfo[ENTITLEMENT] = "urn:cloudloket:auditor"

    log_in(client, rijk)

    assert roles_of_everybody() == {"auditor@mwb"}


def test_file_may_map_entitlements_to_parts_of_the_organisation(
    client: Client, rijk: FakeProvider, use_kind: Use
) -> None:
    own = '"urn:x" = "finance@waterregistratie"\n"urn:y" = "approver:5000"'
    use_kind("sso-rijk", f"[providers.local.roles]\n{own}")
    rijk.userinfo[ENTITLEMENT] = ["urn:x", "urn:y", "urn:cloudloket:operator"]

    log_in(client, rijk)

    assert roles_of_everybody() == {"finance@waterregistratie", "approver@mwb"}
    assert RoleGrant.objects.get(role="approver").amount_limit == 5000


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
    client: Client,
    rijk: FakeProvider,
    use_kind: Use,
    changes: dict[str, Any],
    code: str,
    where: str,
) -> None:
    use_kind("sso-rijk", f'organizations = ["{MINISTRY_OIN}"]')
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


@pytest.mark.parametrize(("kind", "number"), [(KVK, CITY_KVK), (RSIN, CITY_RSIN)])
def test_acting_person_is_known_and_gets_roles_in_the_portal(
    client: Client, eherkenning: FakeProvider, use_kind: Use, kind: str, number: str
) -> None:
    use_kind("eherkenning", f'organizations = ["{CITY_OIN}"]')
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
    client: Client, eherkenning: FakeProvider, use_kind: Use
) -> None:
    use_kind("eherkenning", '[providers.local.claims]\nroles = "roles"\nname = "name"')
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
    client: Client, eherkenning: FakeProvider, use_kind: Use, changes: dict[str, Any], code: str
) -> None:
    use_kind("eherkenning", f'[providers.local.branches]\n"{BRANCH}" = "burgerzaken"')
    eherkenning.userinfo.update(changes)

    response = log_in(client, eherkenning)

    assert (code_of(response), response.status_code) == (code, 403)
    assert not Person.objects.exists()


BRANCHES = f'[providers.local.branches]\n"{BRANCH}" = "{{code}}"\n'
ROLES = '[providers.local.claims]\nroles = "roles"\n'


def test_login_for_a_branch_does_not_act_for_the_whole(
    client: Client, eherkenning: FakeProvider, use_kind: Use
) -> None:
    use_kind("eherkenning", BRANCHES.format(code="burgerzaken") + ROLES)
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
    client: Client, eherkenning: FakeProvider, use_kind: Use
) -> None:
    use_kind("eherkenning", BRANCHES.format(code="waterregistratie"))
    eherkenning.userinfo[RESTRICTION] = BRANCH

    assert code_of(log_in(client, eherkenning)) == "organization_unknown"


def test_login_for_one_organisation_gives_nothing_at_another(
    client: Client, eherkenning: FakeProvider, use_kind: Use
) -> None:
    use_kind("eherkenning")
    grant(first_login(client, eherkenning), "mwb", "operator")

    assert code_of(log_in(client, eherkenning)) == "outside_organization"


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
    use_kind: Use,
    changes: dict[str, Any],
    status: int,
    is_logged_in: bool,
) -> None:
    use_kind("eherkenning")
    grant(first_login(client, eherkenning), "voorbeeldstad")
    log_in(client, eherkenning)
    token = eherkenning.logout_token(**changes)

    response = Client().post("/login/local/backchannel-logout", {"logout_token": token})

    assert response.status_code == status
    assert LoginSession.objects.filter(ended_at=None).exists() == is_logged_in
