"""Orders that need several humans, people of a higher part of the tree, or nobody at all."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import localdate, now

from billing.models import Budget
from catalog.errors import AlreadyApproved
from catalog.models import Approval, Metric, Offering, Operation, Order, OrderState, Resource
from catalog.policies import orders_to_decide
from catalog.services import approval_routes, approvals
from catalog.services.approval_routes import waiting_step
from catalog.services.approval_rules import RuleSays, confirm_version, propose_version
from catalog.services.approvals import (
    approve_by_rule,
    approve_order,
    approve_waiting_by_rule,
    reject_order,
)
from catalog.services.comments import ask_about_order
from catalog.services.limits import set_limit
from catalog.services.orders import withdraw_order
from catalog.services.tree import move_node
from portal.audit.models import AuditEntry
from portal.core.errors import NotAllowed
from portal.identity.four_eyes import SameHuman
from portal.identity.models import Person, Role
from portal.identity.services.links import WantedLink, confirm_link, propose_link
from tests.constraints import refused_by
from tests.factories import (
    OfferingVersionFactory,
    PersonFactory,
    change_price,
    deputize,
    grant,
    make_organization,
    place,
)
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(requester, project, version):
    """Places an order, after the rules of the test were made."""
    return lambda: place(requester, project, version)


def state(order):
    order.refresh_from_db()
    return order.state


class TestSeveralHumans:
    def test_it_is_delivered_at_the_last_yes(self, rule, order, colleagues):
        rule(people_of_project=2)
        placed = order()
        first, second, _ = colleagues

        approve_order(placed.public_id, approver=first)
        assert state(placed) == OrderState.PENDING_APPROVAL
        assert not Resource.objects.exists()
        assert AuditEntry.objects.filter(event="order.approved_in_part").exists()

        approve_order(placed.public_id, approver=second)
        assert state(placed) == OrderState.PROVISIONING
        assert Resource.objects.count() == 1

    def test_a_rule_of_one_offering_asks_them_for_orders_of_that(self, rule, order, version):
        another = Offering.objects.create(code="another", kind="server")
        OfferingVersionFactory(offering=another)
        rule(offering=another.public_id, people_of_project=3)
        rule(offering=version.offering.public_id, people_of_project=2, name="Deze")

        waiting = waiting_step(order())

        assert waiting
        assert waiting.people_left == 2

    def test_one_human_says_yes_once(self, rule, order, colleagues):
        rule(people_of_project=2)
        placed = order()
        approve_order(placed.public_id, approver=colleagues[0])

        with pytest.raises(AlreadyApproved):
            approve_order(placed.public_id, approver=colleagues[0])
        with pytest.raises(AlreadyApproved):
            reject_order(placed.public_id, approver=colleagues[0], reason="Toch niet")
        assert not orders_to_decide(colleagues[0]).exists()
        assert orders_to_decide(colleagues[1]).get() == placed

    def test_a_deputy_is_no_second_human(self, rule, order, colleagues):
        rule(people_of_project=2)
        absent, deputy, _ = colleagues
        deputize(absent, deputy)
        placed = order()
        approve_order(placed.public_id, approver=deputy)

        with pytest.raises(AlreadyApproved):
            approve_order(placed.public_id, approver=absent)

    def test_who_is_replaced_said_yes_for_the_deputy_too(self, rule, order, colleagues):
        rule(people_of_project=2)
        absent, deputy, _ = colleagues
        placed = order()
        approve_order(placed.public_id, approver=absent)
        deputize(absent, deputy)

        with pytest.raises(AlreadyApproved):
            approve_order(placed.public_id, approver=deputy)

    def test_two_logins_with_one_address_are_no_two_humans(self, rule, order, colleagues):
        rule(people_of_project=2)
        Person.objects.filter(pk__in=[item.pk for item in colleagues[:2]]).update(email="a@b.nl")
        placed = order()
        approve_order(placed.public_id, approver=colleagues[0])

        with pytest.raises(SameHuman):
            approve_order(placed.public_id, approver=colleagues[1])

    def test_the_database_counts_humans_and_not_logins(
        self, rule, order, colleagues, administrators
    ):
        known, twin, _ = colleagues
        rule(people_of_project=2)
        placed = order()
        wanted = WantedLink(holder=twin, receiver=known, reason="Liet beide passen zien")
        link = propose_link(wanted, actor=administrators[0])
        confirm_link(link.public_id, actor=administrators[1])
        yes = {"order": placed, "requester_id": placed.requested_by_id, "decided_at": now()}
        Approval.objects.create(**yes, approver=known, decision="approved")

        with refused_by("approval_one_per_order_and_human"):
            Approval.objects.create(**yes, approver=twin, decision="approved")

    def test_after_one_yes_another_may_refuse(self, rule, order, colleagues):
        rule(people_of_project=2)
        placed = order()
        approve_order(placed.public_id, approver=colleagues[0])

        reject_order(placed.public_id, approver=colleagues[1], reason="Te duur")

        assert state(placed) == OrderState.REJECTED

    def test_the_database_wants_them_all(self, rule, order, colleagues):
        rule(people_of_project=2)
        placed = order()
        approve_order(placed.public_id, approver=colleagues[0])

        with pytest.raises(IntegrityError, match="only after an approval"), transaction.atomic():
            Order.objects.update(state=OrderState.PROVISIONING)

    def test_a_rule_that_comes_later_asks_nothing_of_this_order(
        self, rule, order, colleagues, administrators
    ):
        version = rule(people_of_project=2)
        placed = order()
        says = RuleSays(people_of_project=3)
        other = propose_version(version.rule.public_id, says=says, actor=administrators[0])
        confirm_version(other.public_id, actor=administrators[1])

        for person in colleagues[:2]:
            approve_order(placed.public_id, approver=person)

        assert state(placed) == OrderState.PROVISIONING


class TestHigherInTheTree:
    @pytest.fixture
    def of_project(self, project):
        person = PersonFactory(name="Van het project")
        grant(person, Role.APPROVER, project)
        return person

    def test_first_the_project_and_then_the_node_of_the_rule(
        self, rule, order, of_project, colleagues, project
    ):
        rule(people_of_project=1, people_of_node=1)
        placed = order()
        assert waiting_step(placed).number == 1
        approve_order(placed.public_id, approver=of_project)

        placed.refresh_from_db()
        step = waiting_step(placed)
        assert (step.number, step.of, step.node.pk) == (2, 2, project.parent_id)
        assert orders_to_decide(colleagues[0]).get() == placed

        approve_order(placed.public_id, approver=colleagues[0])
        assert state(placed) == OrderState.PROVISIONING

    def test_who_approves_for_the_project_alone_is_not_asked(self, rule, order, of_project):
        rule(people_of_project=0, people_of_node=1)
        placed = order()

        assert not orders_to_decide(of_project).exists()
        with pytest.raises(NotAllowed):
            approve_order(placed.public_id, approver=of_project)

    def test_of_a_project_that_moves_the_new_organization_decides(
        self, rule, order, project, administrators, of_project
    ):
        ministry = project.parent
        old, new = [make_organization(ministry, name=name) for name in ("Oud", "Nieuw")]
        before, after = PersonFactory(name="Van oud"), PersonFactory(name="Van nieuw")
        for person, node in ((before, old), (after, new)):
            grant(person, Role.APPROVER, node)
            for metric in Metric:
                set_limit(node, metric, None, valid_from=now(), actor=None)

        def move(parent):
            move_node(project.public_id, new_parent=parent.public_id, actor=administrators[0])
            project.refresh_from_db()

        move(old)
        rule(people_of_project=1, people_of_node=1, node=old)
        first, second = order(), order()
        approve_order(first.public_id, approver=of_project)
        move(new)
        approve_order(second.public_id, approver=of_project)

        assert not orders_to_decide(before).exists()
        assert set(orders_to_decide(after)) == {first, second}
        for placed in (first, second):
            approve_order(placed.public_id, approver=after)
            assert state(placed) == OrderState.PROVISIONING

    def test_a_rule_of_the_project_does_not_undo_that_of_its_organization(
        self, rule, order, of_project, colleagues, project
    ):
        rule(people_of_project=0, people_of_node=1)
        rule(people_of_project=2, node=project)
        placed = order()
        second = PersonFactory(name="Ook van het project")
        grant(second, Role.APPROVER, project)

        approve_order(placed.public_id, approver=of_project)
        with pytest.raises(NotAllowed):
            approve_order(placed.public_id, approver=second)
        approve_order(placed.public_id, approver=colleagues[0])

        assert state(placed) == OrderState.PROVISIONING


class TestByRule:
    def test_nobody_need_look_below_the_amount(self, rule, order, requester):
        version = rule(automatic_below="50", name="Klein")
        placed = order()

        assert approve_by_rule(placed.pk)

        approval = Approval.objects.get()
        assert (approval.approver, approval.rule_version) == (None, version)
        assert approval.rule == "Klein (1)"
        assert state(placed) == OrderState.PROVISIONING
        assert Operation.objects.get().requested_by == requester
        entry = AuditEntry.objects.get(event="order.approved")
        assert (entry.actor_id, entry.data) == (None, {"rule": str(version.public_id)})

    def test_the_bell_rings_and_the_sweep_finds_what_it_missed(
        self, rule, order, sent_tasks, django_capture_on_commit_callbacks
    ):
        rule(automatic_below="50")
        with django_capture_on_commit_callbacks(execute=True):
            placed = order()
        assert ("catalog.approve_by_rule", {"order_id": placed.pk}) in sent_tasks

        assert approve_waiting_by_rule() == 1
        assert approve_waiting_by_rule() == 0

    def test_one_that_breaks_holds_up_no_other(self, rule, order, requester, project, version):
        rule(automatic_below="500")
        broken = order()
        other = place(requester, project, version, name="web-02")
        deliver = approvals._deliver

        def break_one(found, *arguments, **options):
            if found.pk == broken.pk:
                raise ZeroDivisionError
            deliver(found, *arguments, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(approvals, "_deliver", break_one)
            with pytest.raises(ExceptionGroup):
                approve_waiting_by_rule()

        assert (state(broken), state(other)) == (
            OrderState.PENDING_APPROVAL,
            OrderState.PROVISIONING,
        )
        assert approve_waiting_by_rule() == 1

    def test_it_is_said_as_long_as_it_is_so(self, rule, order, administrators):
        version = rule(automatic_below="50")
        placed = order()
        assert approvals.waits_for_rule(placed)

        says = RuleSays(ends_rule=True)
        end = propose_version(version.rule.public_id, says=says, actor=administrators[0])
        confirm_version(end.public_id, actor=administrators[1])

        assert not approvals.waits_for_rule(placed)

    def test_what_failed_for_minutes_is_not_promised_any_more(self, rule, order, monkeypatch):
        rule(automatic_below="50")
        placed = order()
        monkeypatch.setattr(approvals, "RULE_DECIDES_WITHIN", timedelta(0))

        assert not approvals.waits_for_rule(placed)

    def test_from_the_amount_on_somebody_looks(self, rule, order, approver):
        rule(automatic_below="41.80")
        placed = order()

        assert not approve_by_rule(placed.pk)
        approve_order(placed.public_id, approver=approver)
        assert state(placed) == OrderState.PROVISIONING

    def test_beyond_the_budget_somebody_looks(self, rule, order, project):
        Budget.objects.create(node=project, year=localdate().year, amount=1)
        rule(automatic_below="50")

        assert not approve_by_rule(order().pk)

    def test_no_rule_passes_a_hard_stop(self, rule, order, project, approver):
        rule(automatic_below="50")
        placed = order()
        year = localdate().year
        Budget.objects.create(node=project, year=year, amount=1000)
        Budget.objects.create(node=project.parent, year=year, amount=1, is_hard_stop=True)

        assert not approve_by_rule(placed.pk)
        assert orders_to_decide(approver).get() == placed

    def test_what_got_worse_since_waits_for_a_person(self, rule, order, approver):
        rule(automatic_below="50")
        placed = order()
        change_price("server.gp.small", "45")

        assert not approve_by_rule(placed.pk)
        assert orders_to_decide(approver).get() == placed

    def test_what_somebody_asked_about_waits_for_a_person(self, rule, order, approver):
        rule(automatic_below="50")
        placed = order()
        ask_about_order(placed.public_id, author=approver, text="Waarom nog een?")

        assert not approve_by_rule(placed.pk)

    def test_a_rule_that_ended_meanwhile_lets_nothing_through(self, rule, order, administrators):
        version = rule(automatic_below="50")
        placed = order()
        says = RuleSays(ends_rule=True)
        ending = propose_version(version.rule.public_id, says=says, actor=administrators[0])
        confirm_version(ending.public_id, actor=administrators[1])

        assert not approve_by_rule(placed.pk)

    def test_a_stricter_rule_that_came_meanwhile_has_a_person_look(self, rule, order):
        rule(automatic_below="50")
        placed = order()
        rule(people_of_project=1, name="Strenger")

        assert not approve_by_rule(placed.pk)

    def test_a_large_order_is_not_small_in_pieces(self, rule, order, requester, project, version):
        rule(automatic_below="50")
        first, second = order(), order()

        assert not approve_by_rule(second.pk)
        assert approve_by_rule(first.pk)
        assert not approve_by_rule(second.pk)
        assert order().conditions["approval"]["automatic"] is None

        colleague = PersonFactory(name="Iemand anders")
        grant(colleague, Role.REQUESTER, project)
        assert approve_by_rule(place(colleague, project, version).pk)

    def test_a_day_later_there_is_room_again(self, rule, order, monkeypatch):
        rule(automatic_below="50")
        assert approve_by_rule(order().pk)

        monkeypatch.setattr(approval_routes, "ONE_DAY", timedelta(0))
        assert approve_by_rule(order().pk)

    def test_the_database_knows_which_rule_may(self, rule, order):
        rule(automatic_below="50")
        placed = order()
        other = rule(automatic_below="60", name="Andere")

        with pytest.raises(IntegrityError, match="what was placed with it"):
            Approval.objects.create(
                order=placed,
                requester_id=placed.requested_by_id,
                rule="Andere (1)",
                rule_version=other,
                decision="approved",
                decided_at=placed.submitted_at,
            )

    def test_a_rule_elsewhere_says_nothing_here(self, rule, order, administrators):
        elsewhere = make_organization()
        for person in administrators:
            grant(person, Role.QUOTA_ADMINISTRATOR, elsewhere)
        rule(automatic_below="50", node=elsewhere)

        assert not approve_by_rule(order().pk)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.fixture
    def waiting(self, rule, order, colleagues, sent_tasks):
        """An order that one human said yes to, of two."""
        rule(people_of_project=2)
        placed = order()
        approve_order(placed.public_id, approver=colleagues[0])
        return placed

    def both(self, waiting, colleagues):
        return sorted(
            at_once(
                *[
                    partial(approve_order, waiting.public_id, approver=person)
                    for person in colleagues[1:]
                ]
            )
        )

    def test_two_last_ones_make_one_delivery(self, waiting, colleagues):
        assert self.both(waiting, colleagues) == ["AlreadyDecided", "done"]
        assert Resource.objects.count() == 1

    def test_the_race_is_real_without_the_lock(self, waiting, colleagues, monkeypatch):
        def read(public_id):
            orders = Order.objects.select_related("project", "requested_by", "waits_for")
            return orders.get(public_id=public_id)

        monkeypatch.setattr(approvals, "_lock_order", meeting(read))

        assert self.both(waiting, colleagues) != ["AlreadyDecided", "done"]

    def test_withdrawn_and_approved_by_rule_it_is_one_of_both(
        self, rule, order, requester, sent_tasks
    ):
        rule(automatic_below="50")
        placed = order()

        at_once(
            partial(withdraw_order, placed.public_id, actor=requester),
            partial(approve_by_rule, placed.pk),
        )

        assert (state(placed), Resource.objects.count()) in {
            (OrderState.WITHDRAWN, 0),
            (OrderState.PROVISIONING, 1),
        }
