"""Claims hold on every level of the tree, and nobody gets the same last unit twice."""

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import ClaimState, LimitChange, Metric, Quota, QuotaClaim, QuotaLimit
from catalog.quota_errors import LimitsRefused, QuotaExceeded
from catalog.services import limits, quotas
from catalog.services.limits import set_limit
from catalog.services.quota_checks import find_differences
from catalog.services.quotas import claim_quota, commit_claim, release_claim
from portal.audit.models import AuditEntry
from portal.core.models import is_in_force
from portal.identity.models import Node
from tests.factories import generous_limits, make_organization, make_project

ONE_SERVER = {Metric.SERVERS: Decimal(1)}
AT = datetime(2027, 1, 1, tzinfo=UTC)
HOURS = 12
# From which hour, for how many (None: for good), and how much (None: unlimited).
CHANGES = st.tuples(
    st.integers(0, HOURS - 1),
    st.none() | st.integers(1, HOURS),
    st.none() | st.integers(0, 9).map(Decimal),
)


def claim(project, demand=ONE_SERVER):
    return claim_quota(project, demand, expires_at=now() + timedelta(days=14))


def periods(node):
    """Each limit and until when it holds, in order."""
    limits = QuotaLimit.objects.filter(quota__node=node, quota__metric=Metric.SERVERS)
    return list(limits.order_by("valid_from", "pk").values_list("amount", "valid_until"))


def claimed(node, metric=Metric.SERVERS):
    return Quota.objects.get(node=node, metric=metric).claimed


@pytest.mark.django_db
class TestTemporaryLimit:
    """It holds from a moment until another; what was in force around it goes on."""

    def test_it_ends_by_itself(self, project):
        soon = now() + timedelta(days=7)
        set_limit(project, Metric.SERVERS, Decimal(3), valid_from=now(), actor=None)

        set_limit(
            project, Metric.SERVERS, Decimal(5), valid_from=now(), valid_until=soon, actor=None
        )

        assert periods(project)[-2:] == [(Decimal(5), soon), (Decimal(3), None)]
        entry = AuditEntry.objects.filter(event="quota.limit_set").latest("pk")
        assert entry.data["valid_until"] == soon.isoformat()

    def test_one_without_an_end_replaces_what_was_planned(self, project):
        for start, end in ((1, 2), (3, None)):
            set_limit(
                project,
                Metric.SERVERS,
                Decimal(start),
                valid_from=now() + timedelta(days=start),
                valid_until=now() + timedelta(days=end) if end else None,
                actor=None,
            )

        set_limit(project, Metric.SERVERS, None, valid_from=now(), actor=None)

        assert periods(project)[-1] == (None, None)

    @pytest.mark.parametrize("hours", [0, -1])
    def test_one_that_ends_before_it_begins_is_refused(self, project, hours):
        before, moment = periods(project), now()

        with pytest.raises(LimitsRefused):
            set_limit(
                project,
                Metric.SERVERS,
                Decimal(5),
                valid_from=moment,
                valid_until=moment + timedelta(hours=hours),
                actor=None,
            )

        assert periods(project) == before

    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
    )
    @given(changes=st.lists(CHANGES, max_size=8))
    def test_what_holds_when_is_what_was_said_last_about_that_moment(self, project, changes):
        """Beside a list with a place for each hour."""
        model: list[Decimal | None] = [Decimal(0)] * HOURS
        with transaction.atomic():
            QuotaLimit.objects.filter(quota__node=project).delete()
            for start, length, amount in changes:
                end = None if length is None else start + length
                set_limit(
                    project,
                    Metric.ROUTERS,
                    amount,
                    valid_from=AT + timedelta(hours=start),
                    valid_until=None if end is None else AT + timedelta(hours=end),
                    actor=None,
                )
                model[start:end] = [amount] * len(model[start:end])
            limits = QuotaLimit.objects.filter(quota__node=project, quota__metric=Metric.ROUTERS)
            held = [
                next((one.amount for one in limits.filter(is_in_force(moment))), Decimal(0))
                for moment in (AT + timedelta(hours=hour) for hour in range(HOURS))
            ]
            transaction.set_rollback(True)
        assert held == model

    def test_beginning_and_end_are_written_when_nobody_claims(self, project, monkeypatch):
        begin, end = now() + timedelta(hours=1), now() + timedelta(hours=2)
        set_limit(project, Metric.SERVERS, Decimal(1), valid_from=now(), actor=None)
        claim(project)
        set_limit(project, Metric.SERVERS, None, valid_from=begin, valid_until=end, actor=None)
        row = Quota.objects.get(node=project, metric=Metric.SERVERS)
        assert limits.turn_limits() == 0

        for moment, limit in ((begin, None), (end, Decimal(1))):
            monkeypatch.setattr(limits, "now", lambda moment=moment: moment)
            assert limits.turn_limits() == 1
            row.refresh_from_db()
            assert (row.limit_now, row.over_since) == (limit, None)
            assert limits.turn_limits() == 0

    def test_what_does_not_fit_any_more_is_over_from_then_on(self, project, monkeypatch):
        end = now() + timedelta(hours=1)
        set_limit(project, Metric.SERVERS, Decimal(1), valid_from=now(), actor=None)
        set_limit(
            project, Metric.SERVERS, Decimal(2), valid_from=now(), valid_until=end, actor=None
        )
        claim(project, {Metric.SERVERS: Decimal(2)})

        monkeypatch.setattr(limits, "now", lambda: end)
        assert limits.turn_limits() == 1

        row = Quota.objects.get(node=project, metric=Metric.SERVERS)
        assert (row.limit_now, row.over_since) == (1, end)


@pytest.mark.django_db
class TestClaim:
    def test_it_is_held_on_every_level(self):
        ministry = make_organization()
        project = make_project(make_organization(ministry))
        generous_limits(project)

        claim(project)

        assert [claimed(node) for node in (ministry, project.parent, project)] == [1, 1, 1]
        assert find_differences() == []

    def test_without_a_row_nothing_is_allowed(self):
        with pytest.raises(QuotaExceeded):
            claim(make_project())

    def test_level_above_can_be_the_one_that_is_full(self, project):
        set_limit(project.parent, Metric.SERVERS, Decimal(0), valid_from=now(), actor=None)

        with pytest.raises(QuotaExceeded, match=project.parent.name):
            claim(project)

    def test_all_or_nothing(self, project):
        set_limit(project, Metric.VCPUS, Decimal(1), valid_from=now(), actor=None)
        with pytest.raises(QuotaExceeded), transaction.atomic():
            claim(project, {Metric.SERVERS: Decimal(1), Metric.VCPUS: Decimal(2)})

        assert claimed(project) == 0
        assert not QuotaClaim.objects.exists()

    def test_unlimited_is_a_choice_that_somebody_made(self, project):
        for node_id in project.lineage_ids:
            node = Node.objects.get(pk=node_id)
            set_limit(node, Metric.SERVERS, None, valid_from=now(), actor=None)

        claim(project, {Metric.SERVERS: Decimal(10**9)})

        assert claimed(project) == 10**9

    def test_release_may_be_repeated(self, project):
        held = claim(project)

        release_claim(held)
        release_claim(held)

        assert claimed(project) == 0
        held.refresh_from_db()
        assert held.state == ClaimState.RELEASED
        assert not held.lines.exists()

    def test_commit_takes_the_expiry_away(self, project):
        held = claim(project)

        commit_claim(held)

        held.refresh_from_db()
        assert (held.state, held.expires_at) == (ClaimState.COMMITTED, None)


@pytest.mark.django_db
class TestLimit:
    def test_lowered_below_what_is_held_it_stops_new_claims_and_says_since_when(self, project):
        claim(project, {Metric.SERVERS: Decimal(5)})

        row = set_limit(project, Metric.SERVERS, Decimal(3), valid_from=now(), actor=None)

        assert row.over_since is not None
        with pytest.raises(QuotaExceeded):
            claim(project)

    def test_room_that_comes_back_ends_the_being_over(self, project):
        held = claim(project, {Metric.SERVERS: Decimal(5)})
        set_limit(project, Metric.SERVERS, Decimal(3), valid_from=now(), actor=None)

        release_claim(held)

        assert Quota.objects.get(node=project, metric=Metric.SERVERS).over_since is None

    def test_one_that_has_ended_counts_no_longer(self, project):
        row = set_limit(
            project, Metric.SERVERS, Decimal(9), valid_from=now() - timedelta(hours=2), actor=None
        )
        row.limits.filter(valid_until=None).update(valid_until=now() - timedelta(hours=1))

        with pytest.raises(QuotaExceeded):
            claim(project)


@pytest.mark.django_db
@pytest.mark.parametrize(("amount", "written"), [(Decimal(3), "3"), (None, None)])
def test_a_limit_is_written_down_with_who_set_it(project, approver, amount, written):
    moment = now()

    set_limit(project, Metric.SERVERS, amount, valid_from=moment, actor=approver)

    entry = AuditEntry.objects.get(event="quota.limit_set")
    assert (entry.actor_id, entry.node_id) == (approver.pk, project.pk)
    assert entry.subject_public_id == project.public_id
    assert entry.data == {
        "metric": "servers",
        "amount": written,
        "valid_from": moment.isoformat(),
        "valid_until": None,
        "change": str(LimitChange.objects.get().public_id),
    }


@pytest.mark.django_db
def test_database_refuses_a_counter_above_its_limit(project):
    with pytest.raises(IntegrityError, match="quota_claimed_within_limit"):
        Quota.objects.filter(node=project).update(claimed=10**12)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "until", [datetime(3000, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
)
def test_the_database_keeps_no_limit_that_ends_too_far_away(project, until):
    row = Quota.objects.filter(node=project).first()
    period = {"quota": row, "valid_from": datetime(2900, 1, 1, tzinfo=UTC), "valid_until": until}

    with pytest.raises(IntegrityError, match="quota_limit_has_a_horizon"), transaction.atomic():
        QuotaLimit.objects.filter(quota=row).update(valid_until=until)
    with pytest.raises(IntegrityError, match="limit_change_has_a_horizon"), transaction.atomic():
        LimitChange.objects.create(**period)
    with pytest.raises(IntegrityError, match="limit_change_has_a_horizon"), transaction.atomic():
        LimitChange.objects.create(**{**period, "valid_from": until, "valid_until": None})


# --- two at the same moment, on a real PostgreSQL, with real transactions ----------------------


@pytest.fixture
def last_unit(transactional_db, monkeypatch):
    """A project with one server left, and two claims that look before either writes."""
    project = make_project()
    generous_limits(project, servers=1)
    both_looked = threading.Barrier(2)
    check = quotas._check_fits

    def check_then_wait_for_the_other(row, *rest):
        check(row, *rest)
        try:
            both_looked.wait(timeout=1)  # never met while a lock keeps the other outside
        except threading.BrokenBarrierError:
            return

    monkeypatch.setattr(quotas, "_check_fits", check_then_wait_for_the_other)
    return project


def claim_twice_at_once(project):
    outcomes = []

    def attempt():
        try:
            with transaction.atomic():
                claim(project)
            outcomes.append("claimed")
        except (QuotaExceeded, IntegrityError) as refusal:
            outcomes.append(type(refusal).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    return sorted(outcomes)


def test_the_race_is_real_when_the_lock_is_taken_out(last_unit, monkeypatch):
    # Proves that the next test can fail: without the lock both see the last unit. The second
    # write is an increment of what was read, so the counter itself ends up wrong.
    def read_without_lock(node_ids, demand):
        rows = Quota.objects.filter(node__in=node_ids, metric__in=demand).order_by("pk")
        return {(row.node_id, row.metric): row for row in rows}

    monkeypatch.setattr(quotas, "_lock_rows", read_without_lock)

    assert claim_twice_at_once(last_unit) == ["claimed", "claimed"]
    assert find_differences() != []


def test_only_one_of_two_gets_the_last_unit(last_unit):
    assert claim_twice_at_once(last_unit) == ["QuotaExceeded", "claimed"]
    assert find_differences() == []
