"""In a month that has begun what has no price there gets one; nothing that held ever changes."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils.timezone import now

from billing.errors import RoundTooLate
from billing.models import BillingMonth, MonthState, Price, TariffRound
from billing.services import tariffs
from billing.services.charging import costs as costs_of
from billing.services.closing import begin_closing, close_month, prepare_closing
from billing.services.tariff_drafts import RoundSays, open_months
from billing.services.tariffs import confirm_round, propose_round
from portal.core.calendar import day_of, month_of
from portal.core.errors import InvalidInput
from portal.identity.models import Node, NodeParent
from tests.billing.tariffs.conftest import DISK, SERVER, costs, last_month, month_ahead, price_at
from tests.billing.visits import visit_as
from tests.factories import make_organization, make_project
from tests.factories.billing import (
    MeteredResourceFactory,
    SkuFactory,
    UsageSpanFactory,
    make_month,
    set_price,
)
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db
A_SECOND = timedelta(seconds=1)


@pytest.fixture
def ministry(db):
    return make_organization(name="Ministerie van Proeven")


@pytest.fixture
def project(ministry):
    project = make_project(ministry, name="Zaaksysteem")
    NodeParent.objects.update(valid_from=last_month() - timedelta(days=400))
    return project


@pytest.fixture
def use(project):
    """A server that runs since the beginning of last month, and has no price."""
    return UsageSpanFactory(
        resource=MeteredResourceFactory(project=project), started_at=last_month()
    )


@pytest.fixture
def agree(treasury):
    """Has two people agree on prices from the beginning of a month that was, or of another one."""

    def agree(*prices, begin=None, **facts):
        says = RoundSays(name="Alsnog", valid_from=begin or last_month(), prices=prices, **facts)
        proposed = propose_round(says, actor=treasury.first)
        return confirm_round(proposed.public_id, actor=treasury.second)

    return agree


def close(month, treasury):
    begin_closing(month, actor=treasury.first)
    close_month(month, actor=treasury.second, total=prepare_closing(month).total)


def refused_at(field, action):
    with pytest.raises(InvalidInput) as refusal:
        action()
    assert set(refusal.value.errors) == {field}
    assert not TariffRound.objects.exists()


def test_use_without_a_price_gets_one_and_its_month_closes(use, agree, treasury):
    month = month_of(last_month())
    assert prepare_closing(month).is_blocked

    agree(costs("38.40"))

    close(month, treasury)
    assert str(costs_of([use.resource.project.parent_id], period=month, as_of=month.end).total) == (
        "38.40"
    )


def test_for_an_organization_only_months_that_are_not_closed_are_there_to_choose(
    use, agree, treasury, ministry
):
    agree(costs("38.40"))
    months = [month_of(month_of(now()).start), month_of(last_month())]
    assert open_months(now()) == months

    close(months[1], treasury)

    assert open_months(now()) == months[:1]
    SkuFactory(code=DISK)
    with pytest.raises(InvalidInput) as refusal:
        agree(costs("1", DISK), organization=ministry)
    assert set(refusal.value.errors) >= {"valid_from"}


def test_before_anything_was_used_it_is_the_running_month(treasury):
    assert open_months(now()) == [month_of(now())]


@pytest.mark.parametrize("amount", ["40", None])
def test_what_has_a_price_in_that_month_keeps_it(use, agree, ministry, amount):
    set_price("38.40", organization=ministry)
    set_price("39")

    refused_at(f"prices.{SERVER}", lambda: agree(costs(amount), organization=ministry))


def test_nor_does_an_own_price_come_before_one_that_holds_from_above(use, agree, ministry):
    set_price("38.40")

    refused_at(f"prices.{SERVER}", lambda: agree(costs("30"), organization=ministry))


def test_it_ends_where_another_price_began(use, agree, ministry):
    later = month_of(now()).start
    set_price("38.40", since=later)

    agree(costs("30"), organization=ministry)

    assert price_at(later - A_SECOND, organization=ministry) == "30"
    assert price_at(later, organization=ministry) is None


def test_a_price_for_everybody_leaves_those_of_organizations(use, agree, ministry):
    own = set_price("30", organization=ministry)
    begin = last_month()

    agree(costs("38.40"))

    own.refresh_from_db()
    assert own.valid_until is None
    assert (price_at(begin), price_at(begin, organization=ministry)) == ("38.4", "30")


def test_what_it_stood_below_before_that_does_not_matter(use, agree, ministry):
    before = make_organization(name="Was erboven")
    set_price("38.40", organization=before)
    long_ago = last_month() - timedelta(days=400)
    NodeParent.objects.create(
        node=ministry, parent=before, valid_from=long_ago, valid_until=last_month()
    )

    agree(costs("30"), organization=ministry)

    assert price_at(last_month(), organization=ministry) == "30"


class TestAfterAMove:
    """The ministry stood below another one, which has a price, until it moved last month."""

    @pytest.fixture
    def moved_at(self):
        return last_month() + timedelta(days=10)

    @pytest.fixture(autouse=True)
    def moved(self, ministry, use, moved_at):
        before = make_organization(name="Was erboven")
        set_price("38.40", organization=before)
        now_above = make_organization(name="Is erboven")
        NodeParent.objects.create(
            node=ministry, parent=before, valid_from=last_month(), valid_until=moved_at
        )
        NodeParent.objects.create(node=ministry, parent=now_above, valid_from=moved_at)
        ministry.parent, ministry.ancestor_ids = now_above, [now_above.pk]
        ministry.save(update_fields=["parent", "ancestor_ids"])
        Node.objects.filter(parent=ministry).update(ancestor_ids=[now_above.pk, ministry.pk])
        return now_above

    def test_what_held_before_it_stays(self, agree, ministry):
        refused_at(f"prices.{SERVER}", lambda: agree(costs("30"), organization=ministry))

    def test_the_new_place_gets_one(self, agree, moved, use, moved_at):
        agree(costs("50"), organization=moved)

        month = month_of(last_month())
        lines = costs_of([use.resource.project_id], period=month, as_of=month.end).lines
        assert {str(line.unit_price.normalize()) for line in lines} == {"38.4", "5E+1"}


def test_the_form_offers_that_month_and_says_what_cannot_be(treasury):
    set_price("38.40")
    SkuFactory(code=DISK)
    UsageSpanFactory(
        resource=MeteredResourceFactory(project=make_project(make_organization())),
        sku=SkuFactory(code=DISK),
        started_at=last_month(),
    )
    client, page = visit_as(treasury.first), "/costs/tariffs/rounds/new"
    key = last_month().strftime("%Y-%m")
    assert f'<option value="{key}">' in client.get(page).content.decode()
    answers = {"name": "Alsnog", "valid_from": key, "propose": "yes"}

    both = {f"prices.{SERVER}": "40", f"prices.{DISK}": "1", f"units.{DISK}": "gib_month"}
    refused = client.post(page, answers | both)
    assert refused.status_code == 422
    assert "There is a price in that month" in refused.content.decode()
    taken = client.post(page, answers | both | {f"prices.{SERVER}": ""})
    assert taken.status_code == 302
    assert TariffRound.objects.get().valid_from == last_month()


# --- what came in between ----------------------------------------------------------------------


@pytest.fixture
def waiting(treasury, use):
    says = RoundSays(name="Alsnog", valid_from=last_month(), prices=[costs("40")])
    return propose_round(says, actor=treasury.first)


def test_another_price_that_came_meanwhile_stays(waiting, treasury):
    set_price("38.40")

    with pytest.raises(RoundTooLate):
        confirm_round(waiting.public_id, actor=treasury.second)
    assert Price.objects.count() == 1


def test_a_month_that_closed_meanwhile_is_too_late_for_an_organization(treasury, use, ministry):
    says = RoundSays(
        name="Alsnog", valid_from=last_month(), prices=[costs("40")], organization=ministry
    )
    waiting = propose_round(says, actor=treasury.first)
    make_month(day_of(last_month()), MonthState.CLOSED, treasury.first, treasury.second)

    with pytest.raises(RoundTooLate):
        confirm_round(waiting.public_id, actor=treasury.second)


@pytest.mark.database
class TestGuard:
    @pytest.fixture
    def waiting(self, treasury, use, ministry):
        says = RoundSays(
            name="Alsnog", valid_from=last_month(), prices=[costs("40")], organization=ministry
        )
        return propose_round(says, actor=treasury.first)

    def test_no_round_of_an_organization_begins_in_a_month_that_is_closed(self, waiting, treasury):
        make_month(day_of(last_month()), MonthState.CLOSED, treasury.first, treasury.second)
        with pytest.raises(DatabaseError, match="not closed"), transaction.atomic():
            TariffRound.objects.create(
                name="Anders",
                organization=waiting.organization,
                valid_from=waiting.valid_from,
                line_count=1,
                proposed_by=treasury.first,
                proposed_at=now(),
            )
        with pytest.raises(DatabaseError, match="not closed"), transaction.atomic():
            TariffRound.objects.filter(pk=waiting.pk).update(
                state="confirmed", decided_by=treasury.second, decided_at=now()
            )

    def test_what_is_out_of_date_can_be_refused(self, waiting, treasury):
        make_month(day_of(last_month()), MonthState.CLOSED, treasury.first, treasury.second)

        tariffs.refuse_round(waiting.public_id, actor=treasury.second, reason="Te laat")


@pytest.mark.django_db(transaction=True)
def test_a_month_does_not_close_while_a_price_of_an_organization_begins_in_it(
    treasury, ministry, project, monkeypatch
):
    month = month_of(last_month())
    set_price("38.40")
    SkuFactory(code=DISK)
    UsageSpanFactory(resource=MeteredResourceFactory(project=project), started_at=month.start)
    prices = [costs("1", DISK)]
    says = RoundSays(name="Alsnog", valid_from=month.start, prices=prices, organization=ministry)
    waiting = propose_round(says, actor=treasury.first)
    begin_closing(month, actor=treasury.first)
    total = prepare_closing(month).total
    monkeypatch.setattr(tariffs, "open_months", meeting(open_months))

    outcomes = at_once(
        lambda: confirm_round(waiting.public_id, actor=treasury.second),
        lambda: close_month(month, actor=treasury.second, total=total),
    )

    waiting.refresh_from_db()
    closed_at = BillingMonth.objects.get().closed_at
    if waiting.state == "confirmed":
        assert (outcomes, waiting.decided_at < closed_at) == (["done", "done"], True)
    else:
        assert outcomes == ["RoundTooLate", "done"]
    expected = "1" if waiting.state == "confirmed" else None
    assert price_at(month_ahead(1), sku=DISK, organization=ministry) == expected
