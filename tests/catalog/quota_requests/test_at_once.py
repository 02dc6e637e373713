"""Several people decide or ask at once: real threads, real transactions."""

from decimal import Decimal

import pytest
from django.db import transaction
from django.utils.timezone import now

from catalog.models import LimitChange, Quota, QuotaRequest
from catalog.services import quota_requests
from catalog.services.limits import set_limit
from catalog.services.quota_requests import grant_request, refuse_request
from portal.audit.models import AuditEntry
from portal.identity.models import Role
from tests.catalog.quota_requests.conftest import METRIC, limit_that_holds
from tests.factories import PersonFactory, grant, make_project
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def second(narrow):
    """Another quota administrator of the organization."""
    person = PersonFactory()
    grant(person, Role.QUOTA_ADMINISTRATOR, narrow.parent)
    return person


def test_two_say_yes_at_once_and_it_is_given_once(
    request_, narrow, administrator, second, monkeypatch
):
    meet(monkeypatch, "_lock_for_decision")
    outcomes = at_once(
        lambda: grant_request(request_.public_id, actor=administrator),
        lambda: grant_request(request_.public_id, actor=second),
    )

    assert sorted(outcomes) == ["QuotaRequestSettled", "done"]
    assert LimitChange.objects.filter(amount=80).count() == 1


def test_a_yes_and_a_no_at_once_are_one_decision(
    request_, narrow, administrator, second, monkeypatch
):
    meet(monkeypatch, "_lock_for_decision")
    outcomes = at_once(
        lambda: grant_request(request_.public_id, actor=administrator),
        lambda: refuse_request(request_.public_id, actor=second, reason="Nee"),
    )

    assert sorted(outcomes) == ["QuotaRequestSettled", "done"]
    state = QuotaRequest.objects.get().state
    assert limit_that_holds(narrow, METRIC) == (80 if state == "confirmed" else 50)


def test_a_higher_limit_that_comes_meanwhile_is_not_lowered(
    request_, narrow, administrator, monkeypatch
):
    # The other has the counter when this one comes to judge it.
    meet(monkeypatch, "lock_levels")
    at_once(
        lambda: grant_request(request_.public_id, actor=administrator),
        transaction.atomic(
            lambda: set_limit(narrow, METRIC, Decimal(95), valid_from=now(), actor=None)
        ),
    )

    assert limit_that_holds(narrow, METRIC) == 95


def test_one_who_asks_two_things_at_once_asks_one(ask, monkeypatch):
    meet(monkeypatch, "limits_through")
    outcomes = at_once(ask, lambda: ask(amount=Decimal(81)))

    assert sorted(outcomes) == ["QuotaRequestWaits", "done"]
    assert QuotaRequest.objects.count() == 1


def test_what_is_overtaken_makes_way_once(request_, narrow, ask, monkeypatch):
    set_limit(narrow, METRIC, Decimal(85), valid_from=now(), actor=None)
    meet(monkeypatch, "_clear_away_overtaken")
    outcomes = at_once(lambda: ask(amount=Decimal(90)), lambda: ask(amount=Decimal(91)))

    assert sorted(outcomes) == ["QuotaRequestWaits", "done"]
    assert AuditEntry.objects.filter(event="quota.request_overtaken").count() == 1


def test_requests_of_siblings_never_exceed_what_there_is(narrow, ask, administrator, second):
    sibling = make_project(narrow.parent)
    requests = [ask(amount=Decimal(80)), ask_for(sibling, administrator)]
    outcomes = at_once(
        lambda: grant_request(requests[0].public_id, actor=second),
        lambda: grant_request(requests[1].public_id, actor=second),
    )

    assert sorted(outcomes) == ["QuotaNotThere", "done"]
    below = Quota.objects.filter(node__parent=narrow.parent, metric=METRIC)
    assert sum(quota.limit_now for quota in below) <= 100


def ask_for(node, actor):
    asked = quota_requests.Asked(node=node, metric=METRIC, amount=Decimal(45), reason="Meer zaken")
    return quota_requests.ask_quota(asked, actor=actor)[0]


def meet(monkeypatch, name):
    """Both come to this function before either goes on, as far as locks let them."""
    monkeypatch.setattr(quota_requests, name, meeting(getattr(quota_requests, name)))
