"""Asking for a change, deciding on it, and what may stand in the way."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import localdate, now

from billing.models import Budget, MeteredResource, PriceUnit
from catalog.errors import ChangeWaits, NothingChanged, NotShorter, ResourceBusy
from catalog.models import (
    Metric,
    Operation,
    OperationKind,
    Order,
    OrderLine,
    OrderState,
    Quota,
    Resource,
)
from catalog.quota_errors import QuotaExceeded
from catalog.reconciliation.looking import look_at
from catalog.services.approvals import approve_order, reject_order
from catalog.services.changes import Wanted, preview_change, shorten_term
from catalog.services.conditions import changed_conditions
from catalog.services.limits import set_limit
from catalog.services.orders import withdraw_order
from catalog.services.preview import preview_of_order
from catalog.services.quota_checks import find_differences
from catalog.services.quotas import amounts_of
from catalog.services.resources import act_on_resource
from portal.audit.models import AuditEntry
from portal.cloud.models import Cloud
from portal.cloud.ports import CloudRefused
from portal.core.errors import InvalidInput
from portal.core.states import IllegalTransition
from tests.factories import (
    SPEC,
    OfferingVersionFactory,
    change_price,
    make_organization,
    make_project,
    with_longest_term,
    withdrawn,
)
from tests.factories.catalog import put_elsewhere

pytestmark = pytest.mark.django_db
UP_TO_900 = {"minimum": 10, "maximum": 900, "default": 40}


def later(days=730):
    return localdate() + timedelta(days=days)


# --- renewing ----------------------------------------------------------------------------------


def test_a_later_end_date_holds_once_approved_without_work(server, ask, approver, engine):
    order = ask(server, end_date=later())

    engine.call(approve_order, order.public_id, approver=approver)

    server.refresh_from_db()
    order.refresh_from_db()
    assert (server.end_date, order.state) == (later(), OrderState.COMPLETED)
    assert MeteredResource.objects.get().end_date == later()
    assert not Operation.objects.filter(kind=OperationKind.CHANGE).exists()
    assert AuditEntry.objects.filter(event="resource.changed").exists()


def test_a_renewal_holds_the_money_of_its_own_price(server, ask, approver, engine):
    change_price("server.gp.small", "50.00")
    order = ask(server, end_date=later())
    engine.call(approve_order, order.public_id, approver=approver)

    assert amounts_of(server.claim)[Metric.MONTHLY_COST_EUR] == Decimal("53.40")
    assert find_differences() == []


def test_a_renewal_asks_the_budget_for_the_time_that_is_added_only(server, project):
    year = localdate().year
    Budget.objects.create(node=project, year=year, amount=Decimal(100_000))
    this_year = Wanted(spec=server.spec, end_date=later(1000))

    preview = preview_change(server, this_year)

    assert preview.consequences.budget.asked == 0  # it ran until after this year already
    assert preview.monthly_difference == 0


def test_an_earlier_end_date_needs_nobody(server, requester):
    shorten_term(server.public_id, end_date=later(30), actor=requester)

    server.refresh_from_db()
    assert server.end_date == later(30)
    assert MeteredResource.objects.get().end_date == later(30)


@pytest.mark.parametrize(
    ("days", "refusal"), [(365, NotShorter), (400, NotShorter), (0, InvalidInput)]
)
def test_no_other_end_date_holds_at_once(server, requester, days, refusal):
    with pytest.raises(refusal):
        shorten_term(server.public_id, end_date=later(days), actor=requester)


# --- asking ------------------------------------------------------------------------------------


def test_the_order_keeps_how_it_was(server, ask):
    line = ask(server, flavor="gp.medium").lines.get()

    assert line.spec == {**server.spec, "flavor": "gp.medium"}
    assert line.before["spec"] == server.spec
    assert line.before["end_date"] == server.end_date.isoformat()
    assert line.monthly_price == Decimal("80.20")


def test_what_was_paid_once_is_not_asked_again_by_a_renewal(version, server, ask, approver):
    change_price("volume.standard", "100.00", unit=PriceUnit.ONE_OFF)
    order = ask(server, end_date=later())

    assert (order.monthly_price, order.one_off_price) == (Decimal("38.40"), 0)
    assert preview_of_order(order).quote.one_off == 0
    assert changed_conditions(order) == []


def test_what_becomes_larger_is_paid_once_more(version, server, ask, project):
    change_price("volume.standard", "100.00", unit=PriceUnit.ONE_OFF)
    Budget.objects.create(node=project, year=localdate().year, amount=Decimal(100_000))
    wanted = Wanted(spec={**server.spec, "volume_gib": 50}, end_date=server.end_date)
    shown = preview_change(server, wanted).consequences
    order = ask(server, volume_gib=50)

    assert order.one_off_price == order.lines.get().one_off_price == Decimal(5000)
    assert shown.quote.one_off == shown.budget.asked == Decimal(5000)


@pytest.mark.parametrize(
    "answers",
    [{"volume_gib": 39}, {"flavor": "gp.huge"}, {"image": "Debian 12"}, {"end_date": later(0)}],
)
def test_what_cannot_be_is_refused(server, ask, answers):
    with pytest.raises(InvalidInput):
        ask(server, **answers)


def test_an_end_date_that_stays_is_not_judged_again(run, version, ask):
    """A longest term holds for what is ordered and renewed; what was adopted has no end date."""
    limited = with_longest_term(version, days=365)
    server = run(limited, name="oud", spec=SPEC, end_date=later(365))
    Resource.objects.filter(pk=server.pk).update(end_date=None)

    with pytest.raises(InvalidInput):
        ask(server, flavor="gp.medium", end_date=later(366))
    order = ask(server, flavor="gp.medium", end_date=None)

    assert order.lines.get().end_date is None


def test_an_end_date_that_has_passed_cannot_stay(server, ask):
    Resource.objects.filter(pk=server.pk).update(end_date=later(-1))

    with pytest.raises(InvalidInput):
        ask(server, flavor="gp.medium")


def test_nothing_is_no_change(server, ask):
    with pytest.raises(NothingChanged):
        ask(server, flavor="gp.small")


def test_the_same_key_gives_the_same_order(server, ask):
    first = ask(server, flavor="gp.medium", key="k")

    assert ask(server, flavor="gp.medium", key="k") == first


def test_one_change_at_a_time(server, ask, requester):
    first = ask(server, flavor="gp.medium")

    with pytest.raises(ChangeWaits):
        ask(server, volume_gib=50)
    with pytest.raises(ChangeWaits):
        shorten_term(server.public_id, end_date=later(30), actor=requester)
    withdraw_order(first.public_id, actor=requester)
    ask(server, volume_gib=50)


def test_what_does_not_fit_is_refused_whole(server, ask, approver):
    set_limit(server.project, Metric.VCPUS, Decimal(3), valid_from=now(), actor=None)

    with pytest.raises(QuotaExceeded):
        ask(server, flavor="gp.medium")

    assert not OrderLine.objects.filter(changes=server).exists()


def test_a_refused_change_gives_back_what_it_held(server, ask, approver):
    order = ask(server, flavor="gp.medium")

    reject_order(order.public_id, approver=approver, reason="Te duur.")

    assert Quota.objects.get(node=server.project, metric="vcpus").claimed == 2
    assert find_differences() == []


def test_what_is_smaller_asks_nothing_more(server, ask, change):
    change(server, flavor="gp.medium")

    order = ask(server, flavor="gp.small")

    assert amounts_of(order.lines.get().claim) == {}
    assert preview_of_order(order).quota == []


# --- deciding ----------------------------------------------------------------------------------


def test_nothing_is_changed_while_something_is_being_done_to_it(
    server, ask, approver, requester, engine
):
    order = ask(server, flavor="gp.medium")
    engine.call(act_on_resource, server.public_id, action="stop", actor=requester)

    with pytest.raises(ResourceBusy):
        engine.call(approve_order, order.public_id, approver=approver)

    engine.run()
    engine.call(approve_order, order.public_id, approver=approver)
    engine.run()
    server.refresh_from_db()
    assert (server.spec["flavor"], server.facts["status"]) == ("gp.medium", "SHUTOFF")


def followed_by(version, *, visible_to=(), **choices):
    """Another version with other choices takes the place of this one."""
    withdrawn(version)
    return OfferingVersionFactory(
        offering=version.offering,
        cloud=version.cloud,
        choices={**version.choices, **choices},
        visible_to=visible_to,
    )


def test_a_newer_version_says_what_a_server_may_become(server, version, ask):
    followed_by(version, volume_gib=UP_TO_900)

    assert ask(server, volume_gib=800).lines.get().offering_version == version


def test_what_is_offered_to_others_only_is_no_choice_here(server, version, ask):
    followed_by(version, volume_gib=UP_TO_900, visible_to=[make_organization()])

    with pytest.raises(InvalidInput) as caught:
        ask(server, volume_gib=800)
    assert set(caught.value.errors) == {"volume_gib"}


def test_what_is_offered_to_its_organization_is_a_choice(server, version, ask):
    followed_by(version, volume_gib=UP_TO_900, visible_to=server.project.ancestor_ids)

    assert ask(server, volume_gib=800).lines.get().spec["volume_gib"] == 800


def test_what_is_no_longer_offered_is_told_to_the_approver(server, ask, version):
    order = ask(server, flavor="gp.medium")
    followed_by(version, flavors=["gp.small"])

    assert changed_conditions(order) == ["“gp.medium” (Grootte) wordt niet meer aangeboden"]


def test_what_stays_need_not_be_offered_any_more(server, ask, version):
    order = ask(server, volume_gib=50)
    followed_by(version, flavors=["gp.medium"], images=["Debian 13"])

    assert changed_conditions(order) == []


# --- the database ------------------------------------------------------------------------------


def refused(match):
    return pytest.raises(IntegrityError, match=match)


def copy_of(line, **changes):
    line.pk, line.public_id = None, "00000000-0000-0000-0000-000000000001"
    for name, value in changes.items():
        setattr(line, name, value)
    return line


def test_database_refuses_a_second_change_at_a_time(server, ask, requester, project, version):
    line = ask(server, flavor="gp.medium").lines.get()

    with refused("one order at a time"), transaction.atomic():
        copy_of(line, position=2).save(force_insert=True)


def test_database_refuses_changing_what_is_elsewhere(server, ask, requester):
    line = ask(server, flavor="gp.medium").lines.get()
    withdraw_order(line.order.public_id, actor=requester)
    put_elsewhere(server, make_project())

    with refused("runs in the project of the order"), transaction.atomic():
        order = Order.objects.get(pk=line.order_id)
        order.pk, order.number, order.idempotency_key = None, "2026-99999", "x"
        order.public_id, order.state = "00000000-0000-0000-0000-000000000002", "pending_approval"
        order.save(force_insert=True)
        copy_of(line, order=order).save(force_insert=True)


def test_database_refuses_a_change_that_nobody_approved(server, ask, requester):
    line = ask(server, flavor="gp.medium").lines.get()

    with refused("only as somebody approved"), transaction.atomic():
        Operation.objects.create(
            resource=server,
            kind=OperationKind.CHANGE,
            plan="server.change",
            plan_version=1,
            order_line=line,
        )


def test_database_refuses_a_new_thing_from_a_change(server, ask):
    line = ask(server, flavor="gp.medium").lines.get()

    with refused("nothing new is made"), transaction.atomic():
        Resource.objects.update(order_line=line)


def test_only_what_runs_is_changed(server, ask):
    Resource.objects.update(state="retiring")

    with pytest.raises(IllegalTransition):
        ask(server, flavor="gp.medium")


# --- comparing ---------------------------------------------------------------------------------


def an_hour_ago():
    hour_ago = now() - timedelta(hours=1)
    Resource.objects.update(activated_at=hour_ago)
    Operation.objects.exclude(finished_at=None).update(finished_at=hour_ago)


def differences():
    from catalog.models import Difference

    look_at(Cloud.objects.get())
    return list(Difference.objects.values_list("field", flat=True))


def test_a_change_is_no_difference_when_it_is_done(server, change):
    change(server, flavor="gp.medium", volume_gib=80)
    an_hour_ago()

    assert differences() == []


def test_a_change_is_no_difference_while_it_hangs(server, begin, engine, cloud):
    begin(server, flavor="gp.medium")
    cloud.fail_next("confirm_resize", CloudRefused("no"))
    engine.run()
    an_hour_ago()

    assert differences() == []
