"""Assessing places by program: the same rules, the same two people."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils.timezone import localdate

from catalog.models import SupplyProfile
from tests.catalog.api.conftest import Api, assert_problem
from tests.factories import PersonFactory, drafted_supply, proposed_supply

pytestmark = pytest.mark.django_db
DAY = localdate().isoformat()
NEXT_YEAR = (localdate() + timedelta(days=365)).isoformat()
SAYS = {
    "hosting": "government",
    "locations": ["NL", "DE"],
    "chain": [{"name": "Datacentrum BV", "jurisdiction": "NL"}],
    "keys": "customer",
    "is_encrypted_at_rest": True,
    "certifications": [{"name": "ISO 27001", "valid_until": NEXT_YEAR}],
    "lists_dependencies": True,
    "dependencies": [
        {
            "key": "stroom",
            "name": "Stroom",
            "kind": "service",
            "supplier": "Net NV",
            "jurisdiction": "NL",
            "is_critical": True,
        }
    ],
    "highest_protection_level": 3,
    "answers": [
        {"criterion": "SOV-1.1", "answer": 3, "evidence": "Rapport", "evidenced_on": DAY},
        {"criterion": "SOV-1.3", "answer": 2},
    ],
    "valid_until": NEXT_YEAR,
}


@pytest.fixture
def cloud(version):
    return version.cloud


@pytest.fixture
def drafter(platform):
    return Api(platform.drafter)


def patch(api, shown, body):
    return api.client.patch(
        f"/api/v1/supply-profiles/{shown['id']}", json.dumps(body), content_type="application/json"
    )


def test_from_nothing_to_in_force(platform, drafter, cloud):
    begun = drafter.post("/supply-profiles", {"cloud": cloud.key})
    assert begun.status_code == 201
    kept = patch(drafter, begun.json(), SAYS)
    assert kept.status_code == 200
    assert {name: kept.json()[name] for name in ("hosting", "locations", "certifications")} == {
        name: SAYS[name] for name in ("hosting", "locations", "certifications")
    }
    assert kept.json()["chain"] == [
        {"name": "Datacentrum BV", "jurisdiction": "NL", "is_operator": True}
    ]
    address = f"/supply-profiles/{begun.json()['id']}"

    proposed = drafter.post(f"{address}/proposal")
    own = drafter.post(f"{address}/decision", {"decision": "confirmed"})
    done = Api(platform.administrator).post(f"{address}/decision", {"decision": "confirmed"})

    assert (proposed.status_code, proposed.json()["seals"]["SOV-1"]) == (201, None)
    assert_problem(own, 403, "own_supply")
    assert (done.status_code, done.json()["state"]) == (200, "confirmed")
    assert done.json()["decided_by"]["name"] == "Joost Meulen"


def test_what_is_left_out_stays_as_it_is(drafter, platform, cloud):
    draft = drafted_supply(cloud, by=platform.drafter)
    shown = drafter.get(f"/supply-profiles/{draft.public_id}").json()
    patch(drafter, shown, SAYS)

    answer = patch(drafter, shown, {"answers": [{"criterion": "SOV-1.3", "answer": None}]})

    (left,) = answer.json()["answers"]
    assert (left["criterion"], left["answer"], left["evidence"]) == ("SOV-1.1", 3, "Rapport")
    assert answer.json()["keys"] == "customer"


def test_says_what_cannot_be(drafter, platform, cloud):
    draft = drafted_supply(cloud, by=platform.drafter)
    shown = {"id": draft.public_id}

    strange = patch(drafter, shown, {"answers": [{"criterion": "SOV-9.9", "answer": 0}]})
    unknown = patch(drafter, shown, {"colour": "blue"})
    nowhere = drafter.post("/supply-profiles", {"cloud": "nergens"})
    waits = drafter.post("/supply-profiles", {"cloud": cloud.key})

    assert strange.status_code == unknown.status_code == nowhere.status_code == 400
    assert_problem(waits, 409, "supply_waits")


def test_a_refusal_needs_a_reason(platform, cloud):
    profile = proposed_supply(cloud, by=platform.drafter)
    address = f"/supply-profiles/{profile.public_id}/decision"
    colleague = Api(platform.colleague)

    assert_problem(
        colleague.post(address, {"decision": "refused"}), 400, "reason_required", "reason"
    )
    done = colleague.post(address, {"decision": "refused", "reason": "Keten klopt niet."})

    assert (done.json()["state"], done.json()["decision_reason"]) == (
        "refused",
        "Keten klopt niet.",
    )


def test_a_draft_is_thrown_away_and_a_proposal_taken_back(drafter, platform, cloud):
    draft = drafted_supply(cloud, by=platform.drafter)

    gone = drafter.client.delete(f"/api/v1/supply-profiles/{draft.public_id}")
    proposed = proposed_supply(cloud, by=platform.drafter)
    back = drafter.post(f"/supply-profiles/{proposed.public_id}/withdrawal")

    assert (gone.status_code, back.json()["state"]) == (204, "withdrawn")
    assert not SupplyProfile.objects.filter(is_draft=True).exists()


def test_others_read_what_is_in_force_and_not_who_decided(platform, cloud):
    proposed_supply(cloud, by=platform.drafter)
    anybody = Api(PersonFactory())

    (shown,) = anybody.get("/supply-profiles").json()["results"]

    assert (shown["state"], shown["cloud"]["key"]) == ("confirmed", cloud.key)
    assert shown["proposed_by"] is shown["decided_by"] is None
    assert_problem(anybody.post("/supply-profiles", {"cloud": cloud.key}), 403, "not_allowed")
