"""More quota is asked by one human, and given by another who governs the level above."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError
from django.utils.timezone import now
from django.utils.translation import override

from catalog.errors import ReasonRequired
from catalog.models import Cart, LimitChange, Metric, Quota, QuotaRequest
from catalog.quota_errors import (
    OwnQuotaRequest,
    QuotaNotThere,
    QuotaRequestOvertaken,
    QuotaRequestSettled,
    QuotaRequestWaits,
)
from catalog.quota_policies import names_to_ask, requests_to_decide, visible_requests
from catalog.services import quota_requests
from catalog.services.limits import end_limits, set_limit
from catalog.services.quota_advice import advise
from catalog.services.quota_requests import (
    grant_request,
    refuse_request,
    take_back_request,
    why_overtaken,
)
from portal.audit.models import AuditEntry
from portal.core.calendar import day_of, end_of_day
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.models import is_in_force
from portal.identity.errors import EmergencyDecidesNothing
from portal.identity.four_eyes import SameHuman
from portal.identity.models import Role
from portal.identity.models.proposed import DecisionState
from portal.identity.services.break_glass import ISSUER
from portal.identity.services.links import WantedLink, confirm_link, propose_link
from tests.catalog.quota_requests.conftest import METRIC, limit_that_holds
from tests.factories import PersonFactory, grant, make_project

pytestmark = pytest.mark.django_db


class TestAsking:
    def test_it_waits_with_what_was_asked(self, ask, narrow, requester):
        request = ask()

        assert request.state == DecisionState.PROPOSED
        assert (request.before, request.amount) == (50, 80)
        entry = AuditEntry.objects.get(event="quota.requested")
        assert (entry.actor_id, entry.node_id) == (requester.pk, narrow.pk)
        assert entry.data["request"] == str(request.public_id)

    def test_the_same_again_is_the_same_request(self, ask):
        assert ask() == ask()
        assert AuditEntry.objects.filter(event="quota.requested").count() == 1

    @pytest.mark.parametrize("change", [{"amount": Decimal(81)}, {"reason": "Iets anders"}])
    def test_one_waits_at_a_time(self, ask, change):
        first = ask()
        with pytest.raises(QuotaRequestWaits) as refusal:
            ask(**change)

        assert refusal.value.request == first

    def test_what_another_asked_is_no_obstacle(self, ask, narrow, administrator):
        colleague = PersonFactory()
        grant(colleague, Role.REQUESTER, narrow)
        requests = [ask(), ask(actor=colleague), ask(node=narrow.parent, amount=Decimal(10**6))]
        requests += [ask(node=narrow.parent, amount=Decimal(120), actor=colleague)]

        assert set(requests_to_decide(administrator)) == set(requests)
        grant_request(requests[0].public_id, actor=administrator)
        with pytest.raises(QuotaRequestOvertaken):
            grant_request(requests[1].public_id, actor=administrator)

    def test_of_another_metric_another_may_wait(self, ask, narrow):
        set_limit(narrow, Metric.VCPUS, Decimal(4), valid_from=now(), actor=None)
        ask()
        ask(metric=Metric.VCPUS)

        assert QuotaRequest.objects.count() == 2

    def test_a_level_above_may_be_asked_for(self, ask, narrow):
        assert ask(node=narrow.parent, amount=Decimal(200)).node_id == narrow.parent_id

    def test_who_neither_orders_nor_governs_there_asks_nothing(self, ask, approver):
        for actor in (approver, PersonFactory()):
            with pytest.raises(NotAllowed):
                ask(actor=actor)

    def test_nothing_is_asked_of_somebody_elses_project(self, ask):
        with pytest.raises(NotAllowed):
            ask(node=make_project())

    @pytest.mark.parametrize("amount", ["50", "10", "0", "-1", "80.5", "NaN", "Infinity", "1e30"])
    def test_an_amount_that_is_no_more_is_refused(self, ask, amount):
        with pytest.raises(InvalidInput) as refusal:
            ask(amount=Decimal(amount))

        assert set(refusal.value.errors) == {"amount"}
        assert not QuotaRequest.objects.exists()

    def test_where_nothing_limits_nothing_is_asked(self, ask, narrow):
        set_limit(narrow.parent, METRIC, None, valid_from=now(), actor=None)
        set_limit(narrow, METRIC, None, valid_from=now(), actor=None)
        with pytest.raises(InvalidInput) as refusal:
            ask()

        assert set(refusal.value.errors) == {"amount"}

    def test_without_a_limit_it_begins_at_zero(self, ask, narrow):
        end_limits(narrow)

        assert ask(amount=Decimal(1)).before == 0

    @pytest.mark.parametrize("days", [-1, 365 * 20])
    def test_a_period_that_cannot_be_is_refused(self, ask, days):
        with pytest.raises(InvalidInput) as refusal:
            ask(end_date=day_of(now()) + timedelta(days=days))

        assert set(refusal.value.errors) == {"end_date"}

    @pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\x00b"])
    def test_a_reason_is_needed(self, ask, reason):
        with pytest.raises(InvalidInput) as refusal:
            ask(reason=reason)

        assert set(refusal.value.errors) == {"reason"}

    def test_only_ones_own_cart_waits_for_it(self, ask, narrow, requester):
        theirs = Cart.objects.create(owner=PersonFactory(), project=narrow)
        with pytest.raises(NotAllowed):
            ask(cart=theirs)
        mine = Cart.objects.create(owner=requester, project=narrow)

        assert ask(cart=mine).cart == mine


class TestGranting:
    def test_the_limit_holds_at_once(self, request_, narrow, administrator):
        granted = grant_request(request_.public_id, actor=administrator)

        assert granted.state == DecisionState.CONFIRMED
        assert Quota.objects.get(node=narrow, metric=METRIC).limit_now == 80
        change = LimitChange.objects.latest("pk")
        assert (change.before, change.amount, change.changed_by) == (50, 80, administrator)
        assert (change.reason, change.request) == ("", request_)
        for event in ("quota.request_confirmed", "quota.limit_set"):
            assert AuditEntry.objects.filter(event=event, actor_id=administrator.pk).exists()

    def test_it_ends_with_the_period_that_was_asked(self, ask, narrow, administrator):
        last = day_of(now()) + timedelta(days=7)
        grant_request(ask(end_date=last).public_id, actor=administrator)

        limits = Quota.objects.get(node=narrow, metric=METRIC).limits.order_by("valid_from")
        *_earlier, before, given, after = limits
        assert [limit.amount for limit in (before, given, after)] == [50, 80, 50]
        assert given.valid_until == end_of_day(last)

    def test_nobody_gives_it_to_themselves(self, ask, administrator):
        request = ask(actor=administrator)
        with pytest.raises(OwnQuotaRequest):
            grant_request(request.public_id, actor=administrator)

        entry = AuditEntry.objects.get(event="quota.request_decision_refused")
        assert entry.code == "own_quota_request"
        assert_waits(request)

    def test_nor_with_a_second_login(self, request_, requester, administrator):
        requester.email = administrator.email = "een@example.nl"
        requester.save(update_fields=["email"])
        administrator.save(update_fields=["email"])
        for decide in (grant_request, lambda *a, **k: refuse_request(*a, **k, reason="Nee")):
            with pytest.raises(SameHuman):
                decide(request_.public_id, actor=administrator)

        assert_waits(request_)

    def test_only_who_governs_the_level_above_gives(self, request_, narrow, approver):
        of_project = PersonFactory()
        grant(of_project, Role.QUOTA_ADMINISTRATOR, narrow)
        for actor in (of_project, approver, PersonFactory()):
            with pytest.raises(NotAllowed):
                grant_request(request_.public_id, actor=actor)

        assert AuditEntry.objects.filter(event="quota.request_decision_refused").count() == 3
        assert_waits(request_)

    def test_above_the_topmost_its_own_administrator_gives(self, ask, narrow, administrator):
        request = ask(node=narrow.parent, amount=Decimal(200))

        assert grant_request(request.public_id, actor=administrator).amount == 200

    def test_who_came_by_emergency_decides_nothing(self, request_, narrow):
        somebody = PersonFactory()
        grant(somebody, Role.QUOTA_ADMINISTRATOR, narrow.parent, issuer=ISSUER)
        with pytest.raises(EmergencyDecidesNothing):
            grant_request(request_.public_id, actor=somebody)

        assert_waits(request_)

    def test_what_the_level_above_does_not_have_it_cannot_give(self, ask, administrator):
        request = ask(amount=Decimal(101))
        with pytest.raises(QuotaNotThere):
            grant_request(request.public_id, actor=administrator)

        assert_waits(request)
        assert LimitChange.objects.filter(changed_by=administrator).count() == 0

    def test_what_became_enough_meanwhile_is_not_lowered(self, request_, narrow, administrator):
        set_limit(narrow, METRIC, Decimal(90), valid_from=now(), actor=None)
        with pytest.raises(QuotaRequestOvertaken):
            grant_request(request_.public_id, actor=administrator)

        assert limit_that_holds(narrow, METRIC) == 90
        refuse_request(request_.public_id, actor=administrator, reason="Is er al")

    def test_what_is_needed_no_longer_is_not_given(self, ask, administrator, monkeypatch):
        request = ask(end_date=day_of(now()))
        in_two_days = now() + timedelta(days=2)
        monkeypatch.setattr(quota_requests, "now", lambda: in_two_days)
        with override("en"), pytest.raises(QuotaRequestOvertaken, match="It was needed until"):
            grant_request(request.public_id, actor=administrator)

        assert_waits(request)

    def test_it_is_decided_once(self, request_, administrator):
        grant_request(request_.public_id, actor=administrator)
        for decide in (grant_request, lambda *a, **k: refuse_request(*a, **k, reason="Nee")):
            with pytest.raises(QuotaRequestSettled):
                decide(request_.public_id, actor=administrator)

    def test_after_it_another_may_be_asked(self, ask, administrator):
        grant_request(ask().public_id, actor=administrator)

        assert ask(amount=Decimal(90)).before == 80


class TestOvertaken:
    """What nobody can grant any more makes way when the same person asks again."""

    @pytest.fixture
    def overtaken(self, ask, narrow):
        request = ask()
        set_limit(narrow, METRIC, Decimal(85), valid_from=now(), actor=None)
        return request

    def test_by_a_limit_that_came_otherwise(self, overtaken, ask, requester):
        assert ask(amount=Decimal(90)).before == 85

        overtaken.refresh_from_db()
        assert (overtaken.state, overtaken.decided_by) == (DecisionState.WITHDRAWN, requester)
        entry = AuditEntry.objects.get(event="quota.request_overtaken")
        assert (entry.actor_id, entry.node_id) == (None, overtaken.node_id)
        assert entry.data["request"] == str(overtaken.public_id)

    def test_by_the_end_of_its_period(self, ask, monkeypatch):
        request = ask(end_date=day_of(now()))
        in_two_days = now() + timedelta(days=2)
        monkeypatch.setattr(quota_requests, "now", lambda: in_two_days)
        ask(end_date=day_of(in_two_days))

        request.refresh_from_db()
        assert request.state == DecisionState.WITHDRAWN

    def test_not_when_nothing_is_asked_in_its_place(self, overtaken, ask):
        with pytest.raises(InvalidInput):
            ask(amount=Decimal(85))

        assert_waits(overtaken)

    def test_nor_when_another_asks(self, overtaken, ask, narrow):
        colleague = PersonFactory()
        grant(colleague, Role.REQUESTER, narrow)
        ask(actor=colleague, amount=Decimal(90))

        assert_waits(overtaken)


class TestBesideWhatIsPlanned:
    """A period in which one limit follows on another."""

    def test_a_temporary_limit_is_asked_for_longer(self, ask, narrow, administrator):
        ends = in_days(10)
        planned(narrow, 80, now(), ends)
        request = ask(end_date=day_of(in_days(30)))
        assert request.before == 50
        grant_request(request.public_id, actor=administrator)

        assert amounts_from_now(narrow) == [80, 80, 50]
        assert limit_at(narrow, ends + timedelta(days=1)) == 80

    def test_what_holds_through_all_of_it_is_not_asked(self, ask, narrow):
        planned(narrow, 80, now(), end_of_day(day_of(in_days(30))))
        with pytest.raises(InvalidInput):
            ask(end_date=day_of(in_days(30)))

        assert ask(end_date=day_of(in_days(31))).before == 50

    def test_without_a_limit_later_it_begins_there(self, ask, narrow, administrator):
        end = in_days(10)
        quota = Quota.objects.get(node=narrow, metric=METRIC)
        quota.limits.filter(valid_until=None).update(valid_until=end, amount=90)
        request = ask()
        assert request.before == 0
        grant_request(request.public_id, actor=administrator)

        assert amounts_from_now(narrow) == [90, 80]

    @pytest.mark.parametrize("more", [90, None])
    @pytest.mark.parametrize("days", [None, 30])
    def test_what_is_planned_to_be_more_stays(self, ask, narrow, administrator, more, days):
        Quota.objects.filter(node=narrow.parent).update(overcommit_allowed=True)
        planned(narrow, more, in_days(10), in_days(20))
        request = ask(end_date=day_of(in_days(days)) if days else None)
        grant_request(request.public_id, actor=administrator)

        after = [50] if days else []
        assert amounts_from_now(narrow) == [80, more, 80, *after]

    def test_what_is_planned_to_be_less_is_raised(self, ask, narrow, administrator):
        planned(narrow, 20, in_days(10), in_days(20))
        request = ask()
        assert request.before == 20
        grant_request(request.public_id, actor=administrator)

        assert amounts_from_now(narrow) == [80]

    def test_the_advice_looks_at_the_moments_that_change(self, ask, narrow, administrator):
        planned(narrow, 80, now(), in_days(10))
        request = ask(end_date=day_of(in_days(30)))
        set_limit(narrow.parent, METRIC, Decimal(70), valid_from=in_days(11), actor=None)

        advice = advise(request, reader=administrator)
        assert (advice.extra, advice.lacks) == (30, 10)


class TestRefusing:
    def test_a_no_has_a_reason(self, request_, narrow, administrator):
        with pytest.raises(ReasonRequired):
            refuse_request(request_.public_id, actor=administrator, reason=" ")
        refuse_request(request_.public_id, actor=administrator, reason="Ruim eerst op")

        request_.refresh_from_db()
        assert (request_.state, request_.decision_reason) == ("refused", "Ruim eerst op")
        assert limit_that_holds(narrow, METRIC) == 50
        assert AuditEntry.objects.filter(event="quota.request_refused").exists()

    def test_who_asked_takes_it_back(self, request_, requester, administrator):
        with pytest.raises(NotAllowed):
            take_back_request(request_.public_id, actor=administrator)
        take_back_request(request_.public_id, actor=requester)

        with pytest.raises(QuotaRequestSettled):
            take_back_request(request_.public_id, actor=requester)
        assert AuditEntry.objects.filter(event="quota.request_taken_back").exists()


class TestOfAPartThatEnded:
    @pytest.fixture(autouse=True)
    def ended(self, request_, narrow):
        narrow.ended_at = now()
        narrow.save(update_fields=["ended_at"])

    def test_nobody_decides_on_it(self, request_, administrator):
        for decide in (grant_request, lambda *a, **k: refuse_request(*a, **k, reason="Nee")):
            with pytest.raises(QuotaRequestOvertaken):
                decide(request_.public_id, actor=administrator)

        request_.refresh_from_db()
        assert not requests_to_decide(administrator).exists()
        assert_waits(request_)

    def test_who_asked_may_take_it_back(self, request_, requester):
        request_.refresh_from_db()
        assert why_overtaken(QuotaRequest.objects.get(pk=request_.pk), reader=requester)
        take_back_request(request_.public_id, actor=requester)


class TestWhoSeesIt:
    def test_who_asked_and_who_governs_or_audits_there(
        self, request_, narrow, requester, administrator
    ):
        auditor, colleague = PersonFactory(), PersonFactory()
        grant(auditor, Role.AUDITOR, narrow.parent)
        grant(colleague, Role.REQUESTER, narrow)

        seen = {
            person
            for person in (requester, administrator, auditor, colleague)
            if visible_requests(person).exists()
        }
        assert seen == {requester, administrator, auditor}

    def test_a_login_that_was_linked_once_reads_nothing(self, request_, requester, narrow):
        other = PersonFactory()
        joined(requester, other, narrow.parent)

        assert not visible_requests(other).exists()

    def test_it_waits_for_who_gives_alone(self, request_, narrow, requester, administrator):
        of_project = PersonFactory()
        grant(of_project, Role.QUOTA_ADMINISTRATOR, narrow)

        assert list(requests_to_decide(administrator)) == [request_]
        assert not requests_to_decide(of_project).exists()
        assert not requests_to_decide(requester).exists()


class TestWhoIsNamed:
    """As whom to ask: others than the human who asks."""

    def test_nobody_else(self, narrow, administrator, requester):
        assert names_to_ask(narrow, asker=requester) == administrator.name
        with override("en"):
            assert names_to_ask(narrow, asker=administrator).startswith("nobody else; ")

    def test_none_of_ones_own_logins(self, narrow, administrator):
        second_login = PersonFactory(name="Tweede Login")
        grant(second_login, Role.QUOTA_ADMINISTRATOR, narrow.parent)
        assert names_to_ask(narrow, asker=administrator) == "Tweede Login"
        joined(administrator, second_login, narrow.parent)
        givers = set(names_to_ask(narrow, asker=administrator).split(", "))

        assert givers
        assert not givers & {"Tweede Login", administrator.name}

    def test_where_there_is_nobody(self, narrow, requester):
        with override("en"):
            assert names_to_ask(narrow, asker=requester).startswith("nobody yet; ")


class TestDatabase:
    """What no code of ours can do."""

    def test_it_takes_another_human(self, request_, requester):
        with refused("another"):
            decided(request_, requester)

    def test_a_second_login_is_no_other_human(self, request_, requester, administrator, narrow):
        joined(requester, administrator, narrow.parent)
        with refused("one human"):
            decided(request_, administrator)

    def test_it_begins_as_a_proposal(self, request_, administrator):
        request_.pk, request_.public_id = None, None
        with refused("begins as a proposal"):
            QuotaRequest.objects.create(
                node=request_.node,
                metric=Metric.VCPUS,
                before=1,
                amount=2,
                reason="x",
                proposed_by=request_.proposed_by,
                proposed_at=now(),
                state="confirmed",
                decided_by=administrator,
                decided_at=now(),
            )

    @pytest.mark.parametrize("change", [{"amount": 99}, {"reason": "Anders"}, {"before": 1}])
    def test_what_was_asked_never_changes(self, request_, change):
        with refused("never changes"):
            QuotaRequest.objects.update(**change)

    def test_nor_what_was_decided(self, request_, administrator):
        grant_request(request_.public_id, actor=administrator)
        with refused("never changes"):
            QuotaRequest.objects.update(state="refused", decision_reason="Toch niet")

    def test_it_stays(self, request_):
        with refused("never changes"):
            QuotaRequest.objects.all().delete()


def decided(request, by):
    QuotaRequest.objects.filter(pk=request.pk).update(
        state="confirmed", decided_by=by, decided_at=now()
    )


def joined(holder, receiver, node):
    """Two others said that these are one human."""
    first, second = PersonFactory(), PersonFactory()
    for person in (first, second):
        grant(person, Role.QUOTA_ADMINISTRATOR, node)
    wanted = WantedLink(holder=holder, receiver=receiver, reason="Liet beide passen zien")
    confirm_link(propose_link(wanted, actor=first).public_id, actor=second)


def in_days(days):
    return now() + timedelta(days=days)


def planned(node, amount, since, until):
    amount = None if amount is None else Decimal(amount)
    set_limit(node, METRIC, amount, valid_from=since, valid_until=until, actor=None)


def amounts_from_now(node):
    limits = Quota.objects.get(node=node, metric=METRIC).limits.exclude(valid_until__lte=now())
    return list(limits.order_by("valid_from").values_list("amount", flat=True))


def limit_at(node, moment):
    return Quota.objects.get(node=node, metric=METRIC).limits.get(is_in_force(moment)).amount


def refused(match):
    return pytest.raises(IntegrityError, match=match)


def assert_waits(request):
    assert QuotaRequest.objects.get(pk=request.pk).state == DecisionState.PROPOSED
