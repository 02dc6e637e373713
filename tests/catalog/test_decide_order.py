"""Four eyes: another person decides, once, knowing what changed. The database agrees."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import localdate, now

from billing.errors import PriceMissing
from catalog.errors import (
    AlreadyDecided,
    ApprovalAboveLimit,
    ConditionsChanged,
    EndDatePassed,
    NameTaken,
    ReasonRequired,
    SelfApproval,
)
from catalog.models import (
    Approval,
    ClaimState,
    Decision,
    Metric,
    Operation,
    Order,
    OrderState,
    Quota,
    Resource,
    ResourceState,
)
from catalog.placement_errors import PlacementRefused
from catalog.placement_words import Score
from catalog.services import approvals, orders
from catalog.services.approvals import approve_order, reject_order
from portal.audit.models import AuditEntry
from portal.cloud.models import Flavor, Image
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.models import Role
from tests.factories import (
    PersonFactory,
    change_price,
    classify,
    deputize,
    end_price,
    grant,
    make_organization,
    place,
)
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(requester, project, version):
    return place(requester, project, version)


class TestApproving:
    def test_it_keeps_the_quota_and_starts_the_engine(
        self, order, approver, sent_tasks, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            approve_order(order.public_id, approver=approver)

        order.refresh_from_db()
        operation = Operation.objects.get()
        assert order.state == OrderState.PROVISIONING
        assert order.lines.get().claim.state == ClaimState.COMMITTED
        assert Resource.objects.get().state == ResourceState.PROVISIONING
        assert ("catalog.run_operation", {"operation_id": operation.pk}) in sent_tasks
        assert operation.steps.count() > 3

    def test_it_is_written_down(self, order, approver, sent_tasks):
        approve_order(order.public_id, approver=approver, reason="Akkoord")

        approval = Approval.objects.get()
        entry = AuditEntry.objects.get(event="order.approved")
        assert (approval.requester, approval.approver) == (order.requested_by, approver)
        assert entry.actor_id == approver.pk

    def test_refused_when_the_role_is_missing(self, order, sent_tasks):
        stranger = PersonFactory()
        grant(stranger, Role.APPROVER, make_organization())

        with pytest.raises(NotAllowed):
            approve_order(order.public_id, approver=stranger)

        assert AuditEntry.objects.get(event="order.approval_refused").actor_id == stranger.pk
        assert sent_tasks == []

    def test_refused_above_the_amount(self, order, project):
        junior = PersonFactory()
        grant(junior, Role.APPROVER, project, amount_limit=Decimal("41.79"))

        with pytest.raises(ApprovalAboveLimit, match="41,79"):
            approve_order(order.public_id, approver=junior)

    def test_allowed_at_exactly_the_amount(self, order, project, sent_tasks):
        junior = PersonFactory()
        grant(junior, Role.APPROVER, project, amount_limit=Decimal("41.80"))

        approve_order(order.public_id, approver=junior)

    def test_order_that_ran_out_is_not_decided_on_before_the_clock_says_so(self, order, approver):
        Order.objects.update(expires_at=now())

        with pytest.raises(AlreadyDecided):
            approve_order(order.public_id, approver=approver)

    def test_order_from_before_that_rule_is_not_delivered_after_its_last_day(
        self, requester, approver, project, version, monkeypatch, sent_tasks
    ):
        order = place(requester, project, version, end_date=localdate() + timedelta(days=1))
        Order.objects.update(expires_at=now() + timedelta(days=14))
        monkeypatch.setattr(approvals, "now", lambda: now() + timedelta(days=2))

        with pytest.raises(EndDatePassed):
            approve_order(order.public_id, approver=approver, accepts_changes=True)
        reject_order(order.public_id, approver=approver, reason="Te laat")

    def test_second_time_comes_too_late(self, order, approver, sent_tasks):
        approve_order(order.public_id, approver=approver)

        with pytest.raises(AlreadyDecided):
            approve_order(order.public_id, approver=approver)

    def test_name_that_was_taken_meanwhile(self, order, approver, sent_tasks, monkeypatch):
        line = order.lines.get()
        approve_order(order.public_id, approver=approver)
        with monkeypatch.context() as patched:
            patched.setattr(orders, "_check_name_is_free", lambda project, line: None)
            other = place(order.requested_by, order.project, line.offering_version, name=line.name)

        with pytest.raises(NameTaken):
            approve_order(other.public_id, approver=approver)

        other.refresh_from_db()
        assert other.state == OrderState.PENDING_APPROVAL


class TestFourEyes:
    @pytest.fixture
    def both(self, requester, project):
        """The requester has the approver's role as well."""
        grant(requester, Role.APPROVER, project)
        return requester

    def test_own_order_is_refused_and_written_down(self, order, both):
        with pytest.raises(SelfApproval):
            approve_order(order.public_id, approver=both)

        assert AuditEntry.objects.get(event="order.approval_refused").code == "self_approval"

    def test_own_order_cannot_be_refused_either(self, order, both):
        with pytest.raises(SelfApproval):
            reject_order(order.public_id, approver=both, reason="toch niet")

        assert AuditEntry.objects.get(event="order.rejection_refused").code == "self_approval"

    def test_deputy_of_the_requester_is_refused(self, order, both, project):
        deputy = PersonFactory()
        grant(deputy, Role.REQUESTER, project)
        deputize(both, deputy)

        with pytest.raises(SelfApproval):
            approve_order(order.public_id, approver=deputy)

    def test_orm_cannot_write_it(self, order, both):
        with pytest.raises(IntegrityError, match="approval_given_by_another_person"):
            Approval.objects.create(
                order=order,
                requester=both,
                approver=both,
                decision=Decision.APPROVED,
                decided_at=now(),
            )

    def test_orm_cannot_name_another_requester(self, order, both, approver):
        with pytest.raises(IntegrityError, match="approval_names_the_requester"):
            Approval.objects.create(
                order=order,
                requester=approver,
                approver=both,
                decision=Decision.APPROVED,
                decided_at=now(),
            )

    @pytest.mark.parametrize("rule", ["", "cheap enough, version 1"])
    def test_orm_cannot_write_a_decision_of_nobody(self, order, rule):
        with pytest.raises(IntegrityError, match="approval_given_by_a_person"):
            Approval.objects.create(
                order=order,
                requester=order.requested_by,
                rule=rule,
                decision=Decision.APPROVED,
                decided_at=now(),
            )

    def test_sql_cannot_turn_a_decision_around(self, order, both, approver, sent_tasks):
        approve_order(order.public_id, approver=approver)

        for statement in (
            "UPDATE catalog_approval SET approver_id = requester_id",
            "DELETE FROM catalog_approval",
        ):
            with (
                pytest.raises(IntegrityError, match="never changed or deleted"),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement)

    def test_sql_cannot_approve_by_changing_who_asked(self, order, both, approver):
        with (
            pytest.raises(IntegrityError, match="never changes"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("UPDATE catalog_order SET requested_by_id = %s", [approver.pk])


class TestRefusing:
    def test_it_frees_the_quota(self, order, approver, project):
        reject_order(order.public_id, approver=approver, reason="Past niet in het plan")

        order.refresh_from_db()
        assert order.state == OrderState.REJECTED
        assert Quota.objects.get(node=project, metric=Metric.SERVERS).claimed == 0
        assert Approval.objects.get().reason == "Past niet in het plan"

    @pytest.mark.parametrize("reason", ["", "   ", "\n"])
    def test_it_needs_a_reason(self, order, approver, reason):
        with pytest.raises(ReasonRequired):
            reject_order(order.public_id, approver=approver, reason=reason)

    @pytest.mark.parametrize("reason", ["x" * 1001, "nee\x00", "\u202enee"])
    def test_it_needs_a_readable_reason(self, order, approver, reason):
        with pytest.raises(InvalidInput):
            reject_order(order.public_id, approver=approver, reason=reason)


class TestChangedConditions:
    def test_higher_price_must_be_accepted(self, order, approver, sent_tasks):
        change_price("server.gp.small", "50")

        with pytest.raises(ConditionsChanged, match="53,40"):
            approve_order(order.public_id, approver=approver)
        approve_order(order.public_id, approver=approver, accepts_changes=True)

    @pytest.mark.parametrize(("goods", "name"), [(Image, "Debian 12"), (Flavor, "gp.small")])
    def test_choice_that_is_no_longer_offered_must_be_accepted(
        self, order, approver, sent_tasks, goods, name
    ):
        goods.objects.update(gone_at=now())

        with pytest.raises(ConditionsChanged, match=name):
            approve_order(order.public_id, approver=approver)
        approve_order(order.public_id, approver=approver, accepts_changes=True)

    def test_lower_price_needs_no_question(self, order, approver, sent_tasks):
        change_price("server.gp.small", "30")

        approve_order(order.public_id, approver=approver)

    @pytest.mark.parametrize("accepts_changes", [False, True])
    def test_nobody_agrees_to_a_price_that_is_not_there(self, order, approver, accepts_changes):
        end_price("server.gp.small")

        with pytest.raises(PriceMissing):
            approve_order(order.public_id, approver=approver, accepts_changes=accepts_changes)

    def test_order_without_a_price_can_still_be_refused(self, order, approver):
        end_price("server.gp.small")

        reject_order(order.public_id, approver=approver, reason="Dit is uit de handel")

    def test_place_that_is_no_longer_allowed_is_refused(self, order, approver, project):
        classify(project, integrity=Score.VERY_HIGH)

        with pytest.raises(PlacementRefused):
            approve_order(order.public_id, approver=approver, accepts_changes=True)


# --- two approvers at the same moment ----------------------------------------------------------


@pytest.fixture
def rivals(order, approver, project, monkeypatch, sent_tasks):
    """Two approvers who both look at the state before either writes."""
    second = PersonFactory()
    grant(second, Role.APPROVER, project)
    monkeypatch.setattr(approvals, "has_role", meeting(approvals.has_role))
    return [approver, second]


def approve_at_once(order, people):
    acts = [partial(approve_order, order.public_id, approver=person) for person in people]
    return sorted(at_once(*acts))


@pytest.mark.django_db(transaction=True)
def test_the_race_is_real_when_the_lock_is_taken_out(order, rivals, monkeypatch):
    # Without the lock both see an undecided order; only a constraint stops the second resource.
    monkeypatch.setattr(type(Order.objects.all()), "select_for_update", lambda self, **_: self)

    assert approve_at_once(order, rivals) != ["AlreadyDecided", "done"]


@pytest.mark.django_db(transaction=True)
def test_only_one_of_two_approvals_counts(order, rivals):
    assert approve_at_once(order, rivals) == ["AlreadyDecided", "done"]
    assert Resource.objects.count() == 1
    assert Approval.objects.count() == 1
