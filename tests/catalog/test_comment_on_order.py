"""Asking and telling under an order."""

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from catalog.errors import AnswerAwaited, CommentsFull, NameTaken, SelfApproval
from catalog.models import Approval, ClaimState, Order, OrderComment, OrderState
from catalog.policies import orders_to_decide, orders_to_judge
from catalog.services import comments
from catalog.services.approvals import approve_order, reject_order
from catalog.services.comments import ask_about_order, comment_on_order
from catalog.services.orders import expire_orders, withdraw_order
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.core.states import IllegalTransition
from portal.identity.models import Role
from tests.constraints import refused_by
from tests.factories import PersonFactory, grant, place

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order(requester, project, version):
    return place(requester, project, version)


def open_questions():
    return list(Order.objects.filter(state=OrderState.NEEDS_INFORMATION))


@pytest.mark.parametrize("write", [comment_on_order, ask_about_order])
@pytest.mark.parametrize("text", ["", " \n ", "x" * 1001, "a\x00b", "a\u202eb"])
def test_a_text_that_cannot_be_shown_is_refused(order, approver, write, text):
    with pytest.raises(InvalidInput) as refusal:
        write(order.public_id, author=approver, text=text)

    assert set(refusal.value.errors) == {"text"}
    assert not OrderComment.objects.exists()


class TestQuestion:
    def test_is_open_until_the_requester_says_something(self, order, approver, requester):
        comment_on_order(order.public_id, author=requester, text="Voor de piek")
        ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")
        assert open_questions() == [order]

        comment_on_order(order.public_id, author=requester, text="Het moet 500 zaken aankunnen")
        assert open_questions() == []

        ask_about_order(order.public_id, author=approver, text="En daarna?")
        assert open_questions() == [order]

    def test_a_colleague_does_not_answer_it(self, order, approver, project):
        ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")
        colleague = PersonFactory()
        grant(colleague, Role.REQUESTER, project)

        comment_on_order(order.public_id, author=colleague, text="Dat weet Aanvrager")

        assert open_questions() == [order]

    def test_who_asked_may_have_heard_it_in_another_way(self, order, approver, project):
        other = PersonFactory()
        grant(other, Role.APPROVER, project)
        ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")

        comment_on_order(order.public_id, author=other, text="Dat vraag ik mij ook af")
        assert open_questions() == [order]
        comment_on_order(order.public_id, author=approver, text="Aan de telefoon verteld")

        assert open_questions() == []

    def test_where_it_waits_higher_up_an_approver_below_does_not_hold_it_up(self, order, project):
        below = PersonFactory()
        grant(below, Role.APPROVER, project)
        Order.objects.update(waits_for=project.parent)

        with pytest.raises(NotAllowed):
            ask_about_order(order.public_id, author=below, text="Waarom zo groot?")

        assert open_questions() == []

    def test_a_full_page_bars_no_answer(self, order, approver, requester, monkeypatch):
        monkeypatch.setattr(comments, "MOST_COMMENTS", 1)
        ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")

        comment_on_order(order.public_id, author=requester, text="Voor de piek")

        assert open_questions() == []

    def test_an_order_that_ended_waits_for_nobody(self, order, approver, requester):
        ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")

        withdraw_order(order.public_id, actor=requester)

        assert open_questions() == []

    def test_the_answer_is_in_the_trail_and_lets_the_order_be_approved(
        self, order, approver, requester
    ):
        ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")
        comment_on_order(order.public_id, author=requester, text="Voor de piek")

        entry = AuditEntry.objects.get(event="order.question_answered")
        assert (entry.actor_id, entry.node_id) == (requester.pk, order.project_id)
        assert "piek" not in str(entry.data)
        assert not AuditEntry.objects.filter(event="order.commented").exists()
        assert approve_order(order.public_id, approver=approver).state == OrderState.PROVISIONING

    def test_nobody_approves_before_the_answer(self, order, approver):
        ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")

        with pytest.raises(AnswerAwaited):
            approve_order(order.public_id, approver=approver)

        assert open_questions() == [order]
        assert orders_to_decide(approver).count() == 0
        assert orders_to_judge(approver).get() == order

    def test_the_order_can_be_refused_meanwhile(self, order, approver):
        ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")

        reject_order(order.public_id, approver=approver, reason="Te groot")

        assert order.lines.get().claim.state == ClaimState.RELEASED

    def test_its_quota_stays_reserved_and_its_time_runs_on(self, order, approver):
        ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")

        asked = Order.objects.get()
        assert asked.expires_at == order.expires_at
        assert order.lines.get().claim.state == ClaimState.RESERVED

        Order.objects.update(expires_at=now())
        assert expire_orders() == 1
        assert order.lines.get().claim.state == ClaimState.RELEASED

    def test_a_second_question_leaves_it_waiting(self, order, approver):
        ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")
        ask_about_order(order.public_id, author=approver, text="En waarom nu?")

        assert open_questions() == [order]

    def test_its_name_stays_taken(self, order, approver, requester, project, version):
        ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")

        with pytest.raises(NameTaken):
            place(requester, project, version, name=order.lines.get().name)

    def test_the_database_lets_nobody_approve_it_past_the_service(self, order, approver):
        ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")

        Approval.objects.create(
            order=order,
            requester=order.requested_by,
            approver=approver,
            decision="approved",
            decided_at=now(),
        )
        with refused_by("order_goes_only_where_its_state_leads"):
            Order.objects.update(state=OrderState.PROVISIONING)

    def test_nobody_asks_themselves(self, order, requester, project):
        grant(requester, Role.APPROVER, project)

        with pytest.raises(SelfApproval):
            ask_about_order(order.public_id, author=requester, text="Waarom zo groot?")

    def test_only_who_decides_asks(self, order, project):
        operator = PersonFactory()
        grant(operator, Role.OPERATOR, project)

        with pytest.raises(NotAllowed):
            ask_about_order(order.public_id, author=operator, text="Waarom zo groot?")

    def test_nothing_is_asked_about_what_was_decided(self, order, approver):
        reject_order(order.public_id, approver=approver, reason="Te groot")

        with pytest.raises(IllegalTransition):
            ask_about_order(order.public_id, author=approver, text="Waarom zo groot?")


class TestRemark:
    def test_stands_in_the_trail_without_its_text(self, order, requester):
        comment_on_order(order.public_id, author=requester, text="Voor de piek")

        entry = AuditEntry.objects.get(event="order.commented")
        assert (entry.actor_id, entry.node_id) == (requester.pk, order.project_id)
        assert "piek" not in str(entry.data)

    @pytest.mark.parametrize("role", [Role.FINANCE, Role.AUDITOR, Role.QUOTA_ADMINISTRATOR])
    def test_who_only_reads_says_nothing(self, order, project, role):
        reader = PersonFactory()
        grant(reader, role, project)

        with pytest.raises(NotAllowed):
            comment_on_order(order.public_id, author=reader, text="Mooi")

    def test_ends_with_the_order(self, order, requester):
        withdraw_order(order.public_id, actor=requester)

        with pytest.raises(IllegalTransition):
            comment_on_order(order.public_id, author=requester, text="Toch niet")

    def test_there_are_not_more_than_a_page_can_show(self, order, requester, monkeypatch):
        monkeypatch.setattr(comments, "MOST_COMMENTS", 2)
        for text in ("een", "twee"):
            comment_on_order(order.public_id, author=requester, text=text)

        with pytest.raises(CommentsFull):
            comment_on_order(order.public_id, author=requester, text="drie")

    @pytest.mark.parametrize("change", ["update", "delete"])
    def test_stays_as_it_was_written(self, order, requester, change):
        written = comment_on_order(order.public_id, author=requester, text="Voor de piek")
        remarks = OrderComment.objects.filter(pk=written.pk)

        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            remarks.update(text="Anders") if change == "update" else remarks.delete()
