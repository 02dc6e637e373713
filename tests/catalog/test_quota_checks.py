"""Counters, claims and what holds them are proven to agree, and only counters are corrected."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from catalog.models import Metric, Quota, QuotaClaimLine
from catalog.services.approvals import approve_order
from catalog.services.limits import set_limit
from catalog.services.orders import withdraw_order
from catalog.services.quota_checks import (
    find_claims_of_nothing,
    find_differences,
    find_other_claims,
)
from catalog.services.quotas import claim_quota
from portal.audit.models import AuditEntry
from tests.factories import delivered, place

pytestmark = pytest.mark.django_db


@pytest.fixture
def counter(project):
    return Quota.objects.get(node=project, metric=Metric.SERVERS)


@pytest.fixture
def server(requester, approver, project, version, sent_tasks):
    """Runs, as far as we know."""
    return delivered(place(requester, project, version), approver=approver)


def test_orders_and_what_runs_agree_from_beginning_to_end(
    requester, approver, project, version, sent_tasks, server, capsys
):
    waiting, withdrawn, begun = (place(requester, project, version) for _number in range(3))
    withdraw_order(withdrawn.public_id, actor=requester)
    approve_order(begun.public_id, approver=approver)

    call_command("check_quotas")

    assert "agree" in capsys.readouterr().out
    assert waiting.lines.get().claim.state == "reserved"


def test_counter_that_differs_is_found_and_corrected_with_a_flag(counter, server, capsys):
    Quota.objects.filter(pk=counter.pk).update(claimed=7)
    with pytest.raises(CommandError, match="1 counters"):
        call_command("check_quotas")
    assert "counter 7.000000, claims 1.000000" in capsys.readouterr().out

    call_command("check_quotas", repair=True)

    counter.refresh_from_db()
    assert counter.claimed == 1
    entry = AuditEntry.objects.get(event="quota.counter_corrected")
    assert (entry.actor_id, entry.node_id) == (None, counter.node_id)
    assert entry.data == {"metric": "servers", "before": "7.000000", "after": "1.000000"}


def test_corrected_above_its_limit_it_says_since_when_it_is_over(counter, server):
    set_limit(counter.node, Metric.SERVERS, Decimal(1), valid_from=now(), actor=None)
    QuotaClaimLine.objects.filter(quota=counter).update(amount=2)

    with pytest.raises(CommandError):  # the claim still holds more than its server needs
        call_command("check_quotas", repair=True)

    counter.refresh_from_db()
    assert counter.claimed == 2
    assert counter.over_since is not None


def test_where_all_agree_nothing_is_corrected(server):
    call_command("check_quotas", repair=True)

    assert not AuditEntry.objects.filter(event="quota.counter_corrected").exists()


def test_claim_that_nothing_holds_is_found(project):
    claim = claim_quota(
        project, {Metric.SERVERS: Decimal(1)}, expires_at=now() + timedelta(days=14)
    )

    assert find_differences() == []
    assert find_claims_of_nothing() == [f"{project}: claim {claim.public_id} is held by nothing"]


def test_claim_that_holds_something_else_than_its_thing_needs_is_found(server):
    lines = server.claim.lines.filter(quota__metric=Metric.VCPUS)
    lines.update(amount=5)

    (fault,) = find_other_claims()

    assert "vcpus 5" in fault.partition("needs")[0]
    assert "vcpus 2" in fault.partition("needs")[2]
