"""Submitting: quota claimed, price frozen, all or nothing, and once however often it is sent."""

import threading
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import localdate, now

from catalog.errors import IdempotencyConflict, NameTaken, OfferingUnavailable
from catalog.models import (
    ClaimState,
    Metric,
    Order,
    OrderState,
    PlacementDecision,
    Quota,
    QuotaClaim,
)
from catalog.placement_errors import PlacementRefused
from catalog.quota_errors import QuotaExceeded
from catalog.services import orders
from catalog.services.limits import set_limit
from catalog.services.orders import expire_orders, withdraw_order
from catalog.services.quota_checks import find_differences
from catalog.services.resources import open_resource
from portal.audit.models import AuditEntry
from portal.cloud.models import Image
from portal.core.calendar import end_of_day
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.states import IllegalTransition
from tests.factories import SPEC, change_price, place, unanswered, with_longest_term, withdrawn

pytestmark = pytest.mark.django_db


def claimed(project, metric):
    return Quota.objects.get(node=project, metric=metric).claimed


def assert_nothing_happened(project):
    assert not Order.objects.exists()
    assert not QuotaClaim.objects.exists()
    assert not PlacementDecision.objects.exists()
    assert not AuditEntry.objects.filter(event__startswith="order.").exists()
    assert not Quota.objects.filter(claimed__gt=0).exists()


def test_order_claims_quota_and_freezes_the_price(requester, project, version):
    order = place(requester, project, version)

    line = order.lines.get()
    assert order.state == OrderState.PENDING_APPROVAL
    assert order.monthly_price == Decimal("38.40") + 40 * Decimal("0.085")
    assert claimed(project, Metric.VCPUS) == 2
    assert claimed(project, Metric.MONTHLY_COST_EUR) == order.monthly_price
    assert line.claim.state == ClaimState.RESERVED
    assert line.claim.expires_at == order.expires_at
    assert line.placement.verdict == "allowed"


def test_later_price_does_not_change_the_quote(requester, project, version):
    order = place(requester, project, version)
    change_price("server.gp.small", "999")

    order.refresh_from_db()
    assert order.monthly_price == Decimal("41.8")


def test_it_is_written_down_without_names(requester, project, version):
    order = place(requester, project, version, purpose="Voor mevrouw Jansen")

    entry = AuditEntry.objects.get(event="order.submitted")
    assert (entry.subject_public_id, entry.actor_id) == (order.public_id, requester.pk)
    assert "Jansen" not in str(entry.data)


NO_DNS_LABELS = [
    "",
    "Hoofdletter",
    "-streep",
    "streep-",
    "a" * 64,
    "zaak app",
    "zaak\u202eapp",
    "<b>",
    "app\n",
    "1zaak",
    "café",
]
NO_SENTENCES = ["", "   ", "x" * 301, "zaak\x00", "\u202e"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", text) for text in NO_DNS_LABELS] + [("purpose", text) for text in NO_SENTENCES],
)
def test_wrong_text_is_refused_at_its_field(requester, project, version, field, value):
    with pytest.raises(InvalidInput) as refusal:
        place(requester, project, version, **{field: value})

    assert set(refusal.value.errors) == {field}
    assert_nothing_happened(project)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("volume_gib", value)
        for value in (
            "",
            "-1",
            "0",
            "9",
            "501",
            "10.5",
            "1e3",
            "veel",
            "٤٠",
            None,
            True,
            40.0,
            [40],
        )
    ]
    + [
        (name, value)
        for name in ("flavor", "image", "network")
        for value in ("", "onbekend", None, 1, ["gp.small"], {"a": 1}, "<script>")
    ]
    + [("surprise", "1")],
)
def test_wrong_parameter_is_refused_at_its_field(requester, project, version, parameter, value):
    with pytest.raises(InvalidInput) as refusal:
        place(requester, project, version, spec={**SPEC, parameter: value})

    assert set(refusal.value.errors) == {parameter}
    assert_nothing_happened(project)


@pytest.mark.parametrize("days", [-1, 0, 3654])
def test_end_date_lies_in_the_future_and_within_ten_years(requester, project, version, days):
    with pytest.raises(InvalidInput) as refusal:
        place(requester, project, version, end_date=localdate() + timedelta(days=days))

    assert set(refusal.value.errors) == {"end_date"}


@pytest.mark.parametrize("days", [None, 366])
def test_a_longest_term_holds_without_an_end_date_too(requester, project, version, days):
    limited = with_longest_term(version, days=365)

    with pytest.raises(InvalidInput) as refusal:
        place(
            requester,
            project,
            limited,
            end_date=days and localdate() + timedelta(days=days),
        )

    assert set(refusal.value.errors) == {"end_date"}
    assert_nothing_happened(project)


def test_the_last_day_of_the_longest_term_may_be_asked(requester, project, version):
    last = localdate() + timedelta(days=365)

    order = place(requester, project, with_longest_term(version, days=365), end_date=last)

    assert order.lines.get().end_date == last


@pytest.mark.parametrize("days", [1, 30])
def test_nobody_decides_after_the_day_until_which_it_is_needed(requester, project, version, days):
    end_date = localdate() + timedelta(days=days)

    order = place(requester, project, version, end_date=end_date)

    after_a_fortnight = order.submitted_at + timedelta(days=14)
    assert order.expires_at == min(after_a_fortnight, end_of_day(end_date))
    assert order.lines.get().claim.expires_at == order.expires_at


def test_all_wrong_fields_are_told_at_once(requester, project, version):
    with pytest.raises(InvalidInput) as refusal:
        place(
            requester,
            project,
            version,
            name="!",
            spec={**SPEC, "volume_gib": 0},
            end_date=localdate(),
        )

    assert set(refusal.value.errors) == {"name", "volume_gib", "end_date"}


def test_what_does_not_fit_stores_nothing(requester, project, version):
    set_limit(project, Metric.VCPUS, Decimal(1), valid_from=now(), actor=None)

    with pytest.raises(QuotaExceeded):
        place(requester, project, version)

    assert_nothing_happened(project)


def test_name_that_waits_already_is_taken(requester, project, version):
    place(requester, project, version, name="zaak-app")

    with pytest.raises(NameTaken):
        place(requester, project, version, name="zaak-app")


def test_data_that_nobody_answered_about_may_stand_nowhere(requester, project, version):
    unanswered(project)

    with pytest.raises(PlacementRefused):
        place(requester, project, version)

    assert_nothing_happened(project)


def test_withdrawn_offering_can_no_longer_be_ordered(requester, project, version):
    withdrawn(version)

    with pytest.raises(OfferingUnavailable):
        place(requester, project, version)


class TestRepeating:
    def test_same_key_and_content_is_the_same_order(self, requester, project, version):
        first = place(requester, project, version, key="k", name="zaak-app")
        again = place(requester, project, version, key="k", name="zaak-app")

        assert first.pk == again.pk
        assert claimed(project, Metric.SERVERS) == 1

    def test_same_again_is_not_judged_anew(self, requester, project, version):
        first = place(requester, project, version, key="k", name="zaak-app")
        Image.objects.update(gone_at=now())

        assert place(requester, project, version, key="k", name="zaak-app").pk == first.pk

    def test_same_key_for_something_else_is_a_conflict(self, requester, project, version):
        place(requester, project, version, key="k", name="zaak-app")

        with pytest.raises(IdempotencyConflict):
            place(requester, project, version, key="k", name="iets-anders")

    @pytest.mark.django_db(transaction=True)
    def test_twice_at_the_same_moment_is_one_order(self, requester, project, version):
        start, numbers = threading.Barrier(2), []

        def submit():
            try:
                start.wait(timeout=5)
                numbers.append(place(requester, project, version, key="k", name="zaak-app").number)
            finally:
                connection.close()

        threads = [threading.Thread(target=submit) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)

        assert len(numbers) == 2
        assert len(set(numbers)) == 1
        assert find_differences() == []

    @pytest.mark.django_db(transaction=True)
    def test_one_name_twice_at_the_same_moment_is_taken(
        self, requester, project, version, monkeypatch
    ):
        both_checked, outcomes = threading.Barrier(2), []
        check = orders._check_name_is_free

        def check_then_wait_for_the_other(*args):
            check(*args)
            with suppress(threading.BrokenBarrierError):  # never met while a lock keeps one outside
                both_checked.wait(timeout=1)

        monkeypatch.setattr(orders, "_check_name_is_free", check_then_wait_for_the_other)

        def submit():
            try:
                place(requester, project, version, name="zaak-app")
                outcomes.append("placed")
            except NameTaken:
                outcomes.append("taken")
            finally:
                connection.close()

        threads = [threading.Thread(target=submit) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)

        assert sorted(outcomes) == ["placed", "taken"]
        assert find_differences() == []


class TestEnding:
    def test_withdrawing_frees_the_quota(self, requester, project, version):
        order = place(requester, project, version)

        withdraw_order(order.public_id, actor=requester)

        order.refresh_from_db()
        assert order.state == OrderState.WITHDRAWN
        assert claimed(project, Metric.SERVERS) == 0

    def test_somebody_else_may_not_withdraw(self, requester, approver, project, version):
        order = place(requester, project, version)

        with pytest.raises(NotAllowed):
            withdraw_order(order.public_id, actor=approver)

    def test_withdrawing_twice_is_refused(self, requester, project, version):
        order = place(requester, project, version)
        withdraw_order(order.public_id, actor=requester)

        with pytest.raises(IllegalTransition):
            withdraw_order(order.public_id, actor=requester)

    def test_nobody_decided_in_time(self, requester, project, version):
        order = place(requester, project, version)
        still_open = place(requester, project, version)
        Order.objects.filter(pk=order.pk).update(expires_at=now())

        assert expire_orders() == 1

        order.refresh_from_db()
        still_open.refresh_from_db()
        assert (order.state, still_open.state) == (OrderState.EXPIRED, OrderState.PENDING_APPROVAL)
        assert claimed(project, Metric.SERVERS) == 1


class TestDatabase:
    def test_it_refuses_another_requester(self, requester, approver, project, version):
        order = place(requester, project, version)

        with pytest.raises(IntegrityError, match="never changes"):
            Order.objects.filter(pk=order.pk).update(requested_by=approver)

    def test_it_refuses_to_go_on_without_an_approval(self, requester, project, version):
        order = place(requester, project, version)

        with pytest.raises(IntegrityError, match="only after an approval"):
            Order.objects.filter(pk=order.pk).update(state=OrderState.PROVISIONING)

    def test_it_reads_no_approval_that_a_session_made_up(self, requester, project, version):
        order = place(requester, project, version)
        with connection.cursor() as cursor:  # as the owner, who may make temporary tables
            cursor.execute("CREATE TEMP TABLE catalog_approval (order_id bigint, decision text)")
            cursor.execute("INSERT INTO catalog_approval VALUES (%s, 'approved')", [order.pk])

        with pytest.raises(IntegrityError, match="only after an approval"), transaction.atomic():
            Order.objects.filter(pk=order.pk).update(state=OrderState.PROVISIONING)

    def test_it_refuses_a_detour_around_the_approval(self, requester, project, version):
        order = place(requester, project, version)
        Order.objects.filter(pk=order.pk).update(state=OrderState.WITHDRAWN)

        with pytest.raises(IntegrityError, match="stays ended"):
            Order.objects.filter(pk=order.pk).update(state=OrderState.PROVISIONING)

    def test_it_refuses_a_resource_before_the_approval(self, requester, project, version):
        line = place(requester, project, version).lines.get()

        with pytest.raises(IntegrityError, match="that nobody approved"):
            open_resource(line)

    def test_it_refuses_an_order_that_was_never_waiting(self, requester, project, version):
        order = place(requester, project, version)
        order.pk, order.public_id, order.number, order.idempotency_key = None, uuid4(), "x", "x"
        order.state = OrderState.COMPLETED

        with pytest.raises(IntegrityError, match="begins by waiting"):
            Order.objects.bulk_create([order])
