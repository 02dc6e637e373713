"""Setting limits by a program."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from catalog.models import LimitChange, Metric, Quota
from catalog.services.limits import set_limit
from portal.audit.models import AuditEntry
from portal.identity.models import Role
from tests.catalog.api.conftest import Api
from tests.factories import PersonFactory, grant, make_organization, make_project

pytestmark = pytest.mark.django_db

ADDRESS = "/quotas/limits"


@pytest.fixture
def organization(db):
    organization = make_organization()
    set_limit(organization, Metric.VCPUS, Decimal(100), valid_from=now(), actor=None)
    return organization


@pytest.fixture
def node(organization):
    return make_project(organization)


@pytest.fixture
def api(organization):
    person = PersonFactory()
    grant(person, Role.QUOTA_ADMINISTRATOR, organization)
    return Api(person)


def body(*limits, **others):
    return {"limits": list(limits), "reason": "New year", **others}


def one(node, amount="40", **others):
    return {"node": str(node.public_id), "metric": "vcpus", "amount": amount, **others}


def held(node):
    return list(Quota.objects.filter(node=node).values_list("metric", "limit_now"))


def test_it_tells_what_was_to_follow(api, node):
    end = now().replace(microsecond=0) + timedelta(days=30)
    set_limit(node, Metric.VCPUS, Decimal(5), valid_from=now(), valid_until=end, actor=None)

    answer = api.post(ADDRESS, body(one(node), dry_run=True))

    (undone,) = answer.json()["effects"][0]["undone"]
    assert datetime.fromisoformat(undone["since"]) == end
    assert (undone["until"], undone["limit"]) == (None, "0.000000")


def test_limits_are_set_all_at_once(api, node):
    other = make_project(node.parent)

    answer = api.post(ADDRESS, body(one(node), one(other, "10")))

    assert answer.status_code == 200, answer.json()
    assert answer.json()["is_set"] is True
    assert [effect["amount"] for effect in answer.json()["effects"]] == ["40.000000", "10.000000"]
    assert held(node) == [("vcpus", 40)]
    assert LimitChange.objects.filter(reason="New year").count() == 2
    assert AuditEntry.objects.filter(event="quota.limit_set", actor_id__isnull=False).count() == 2


def test_null_is_unlimited_for_a_time(api, node):
    Quota.objects.filter(node=node.parent).update(overcommit_allowed=True)
    until = (now() + timedelta(days=2)).isoformat()

    api.post(ADDRESS, body(one(node, None, valid_until=until)))

    change = LimitChange.objects.get(quota__node=node)
    assert (change.amount, change.valid_until.isoformat()) == (None, until)


def test_a_dry_run_tells_and_sets_nothing(api, node):
    answer = api.post(ADDRESS, body(one(node), dry_run=True))

    assert answer.json() == {
        "is_set": False,
        "effects": [
            {
                "node": answer.json()["effects"][0]["node"],
                "metric": "vcpus",
                "before": "0.000000",
                "amount": "40.000000",
                "claimed": "0.000000",
                "free": "40.000000",
                "changes_something": True,
                "undone": [],
            }
        ],
    }
    assert held(node) == []


def test_what_holds_already_is_not_set_again(api, node):
    api.post(ADDRESS, body(one(node)))

    assert api.post(ADDRESS, body(one(node))).json()["is_set"] is False
    assert LimitChange.objects.filter(quota__node=node).count() == 1


@pytest.mark.parametrize("dry_run", [True, False])
def test_every_line_says_what_is_wrong_with_it(api, node, dry_run):
    elsewhere = make_project()

    for limits, names in (
        ([one(elsewhere)], ["limits.1.node"]),
        ([one(node, "-1"), one(node.parent, "1.5")], ["limits.1", "limits.2"]),
        ([one(node.parent), one(node, "101")], ["limits.1", "limits.2"]),
        ([one(node), one(node, "5")], ["limits.2"]),
        ([one(node, valid_until="2020-01-01T00:00:00Z")], ["limits.1"]),
        ([one(node, valid_until="9999-12-31T23:30:00Z")], ["limits.1"]),
        ([one(node, valid_until="2999-12-31T23:30:00-02:00")], ["limits.1"]),
        ([one(node, valid_until="0001-01-02T00:00:00Z")], ["limits.1"]),
        ([one(node, valid_from="3000-01-01T00:00:00Z")], ["limits.1"]),
    ):
        answer = api.post(ADDRESS, body(*limits, dry_run=dry_run))

        assert (answer.status_code, answer.json()["code"]) == (400, "limits_refused")
        assert [error["name"] for error in answer.json()["errors"]] == names
    assert held(node) == []


@pytest.mark.parametrize(
    "change",
    [
        {"limits": []},
        {"limits": [{}]},
        {"limits": "x"},
        {"reason": ""},
        {"dry_run": "yes"},
        {"more": 1},
    ],
)
def test_another_body_is_refused(api, node, change):
    assert api.post(ADDRESS, {**body(one(node)), **change}).status_code == 400
    assert held(node) == []


def test_the_own_top_of_who_governs_a_part_is_not_theirs_to_set(node):
    person = PersonFactory()
    grant(person, Role.QUOTA_ADMINISTRATOR, node)

    answer = Api(person).post(ADDRESS, body(one(node)))

    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert AuditEntry.objects.filter(event="quota.limit_refused").count() == 1


def test_an_old_login_may_look_and_set_nothing(organization, node):
    person = PersonFactory()
    grant(person, Role.QUOTA_ADMINISTRATOR, organization)
    api = Api(person, age_seconds=3600)

    assert api.post(ADDRESS, body(one(node), dry_run=True)).status_code == 200
    answer = api.post(ADDRESS, body(one(node)))

    assert (answer.status_code, answer.json()["code"]) == (403, "assurance_required")
    assert held(node) == []
