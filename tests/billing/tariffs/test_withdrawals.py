"""What was confirmed and has not begun is withdrawn as it was agreed: by two people."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils.timezone import now
from django.utils.translation import override

from billing.errors import OwnRound, PricesMoved, RoundHolds, RoundSettled
from billing.models import Price, TariffRound
from billing.services import tariffs
from billing.services.charging import expected_costs
from billing.services.tariffs import (
    confirm_round,
    propose_withdrawal,
    refuse_round,
    take_back_round,
)
from billing.tariff_tables import present_prices
from portal.audit.models import AuditEntry
from portal.core.calendar import month_of
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.models import Role
from tests.billing.tariffs.conftest import SERVER, costs, month_ahead, price_at
from tests.billing.visits import visit_as
from tests.factories import PersonFactory, grant, make_organization
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory, set_price
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def present(db):
    return set_price("38.40")


@pytest.fixture
def withdrawn(treasury):
    """Has two people withdraw a round."""

    def withdraw(planned):
        proposed = propose_withdrawal(planned.public_id, actor=treasury.second)
        return confirm_round(proposed.public_id, actor=treasury.first)

    return withdraw


def amounts(organization=None, months=(1, 2, 3, 4, 5)):
    return [price_at(month_ahead(number), organization=organization) for number in months]


# --- what then holds ---------------------------------------------------------------------------


def test_what_it_would_have_ended_goes_on(agreed, withdrawn, present):
    withdrawn(agreed(costs("400")))

    present.refresh_from_db()
    assert (present.valid_until, price_at(month_ahead(1))) == (None, "38.4")
    assert Price.objects.count() == 2


def test_nothing_comes_in_the_place_of_a_price_that_a_round_ends(
    agreed, proposed, withdrawn, treasury
):
    """Which of the two should hold could not be said once one of them is withdrawn."""
    ministry = make_organization()
    set_price("30", organization=ministry)
    waiting = proposed(costs("25"), months=2, organization=ministry, name="Waits")
    ends = agreed(costs(None), months=2, organization=ministry, name="Ends")

    with pytest.raises(InvalidInput):
        proposed(costs("20"), months=2, organization=ministry, name="New")
    with pytest.raises(PricesMoved):
        confirm_round(waiting.public_id, actor=treasury.second)

    withdrawn(ends)
    assert amounts(ministry) == ["30"] * 5


def test_what_was_expected_costs_what_it_cost(agreed, withdrawn, project):
    UsageSpanFactory(
        resource=MeteredResourceFactory(project=project), started_at=month_of(now()).start
    )
    month = month_of(month_ahead(1))

    def expected():
        return expected_costs([project.pk], period=month, as_of=now()).total

    before = expected()
    planned = agreed(costs("400"))
    assert expected() > before
    withdrawn(planned)
    assert expected() == before > 0


def test_what_had_no_price_has_none_again(agreed, withdrawn):
    ministry = make_organization()
    withdrawn(agreed(costs("30"), organization=ministry))

    assert price_at(month_ahead(1), organization=ministry) is None


def test_an_own_price_that_would_have_ended_goes_on(agreed, withdrawn):
    ministry = make_organization()
    set_price("30", organization=ministry)
    planned = agreed(costs(None), months=2, organization=ministry)
    agreed(costs("33"), months=4, organization=ministry, name="Later")

    withdrawn(planned)

    assert amounts(ministry) == ["30", "30", "30", "33", "33"]


def test_an_own_price_still_ends_where_another_round_ends_it(agreed, withdrawn):
    ministry = make_organization()
    set_price("30", organization=ministry)
    agreed(costs(None), months=4, organization=ministry, name="Later")
    planned = agreed(costs(None), months=2, organization=ministry)

    withdrawn(planned)

    assert amounts(ministry) == ["30", "30", "30", None, None]


def test_what_goes_on_still_ends_where_its_place_was_ended_by_hand(agreed, withdrawn):
    planned = agreed(costs("400"), months=2)
    Price.objects.filter(price_list__tariff_round=planned).update(valid_until=month_ahead(4))

    withdrawn(planned)

    assert amounts() == ["38.4", "38.4", "38.4", None, None]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_in_a_row_each_may_go_first(agreed, withdrawn, order):
    rounds = [
        agreed(costs(amount), months=months, name=amount)
        for amount, months in (("40", 2), ("50", 4))
    ]
    withdrawn(rounds[order[0]])
    left = ["38.4", "38.4", "38.4", "50", "50"], ["38.4", "40", "40", "40", "40"]
    assert amounts() == left[order[0]]

    withdrawn(rounds[order[1]])

    assert amounts() == ["38.4"] * 5


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_so_may_one_that_was_agreed_before_another_that_is_planned(agreed, withdrawn, order):
    rounds = [
        agreed(costs(amount), months=months, name=amount)
        for amount, months in (("50", 4), ("40", 2))
    ]
    withdrawn(rounds[order[0]])
    withdrawn(rounds[order[1]])

    assert amounts() == ["38.4"] * 5


def test_others_may_be_agreed_for_the_same_month(agreed, withdrawn):
    withdrawn(agreed(costs("400"), name="Fout"))
    agreed(costs("40"), name="Goed")

    assert price_at(month_ahead(1)) == "40"
    assert [price.amount for price in present_prices(None, at=now())[0].planned] == [40]


def test_its_name_stays_taken_for_the_history_of_prices_tells_it(agreed, proposed, withdrawn):
    withdrawn(agreed(costs("400"), name="Tarieven 2027"))

    with pytest.raises(InvalidInput):
        proposed(costs("40"), name="Tarieven 2027")


# --- who and when ------------------------------------------------------------------------------


def test_nothing_is_withdrawn_before_a_second_person_agreed(agreed, treasury):
    planned = agreed(costs("400"))
    proposed = propose_withdrawal(planned.public_id, actor=treasury.second)

    with pytest.raises(OwnRound):
        confirm_round(proposed.public_id, actor=treasury.second)
    assert price_at(month_ahead(1)) == "400"


def test_refused_or_taken_back_it_may_be_proposed_anew(agreed, treasury, withdrawn):
    planned = agreed(costs("400"))
    refused = propose_withdrawal(planned.public_id, actor=treasury.second)
    refuse_round(refused.public_id, actor=treasury.first, reason="Klopt wel")
    taken_back = propose_withdrawal(planned.public_id, actor=treasury.second)
    take_back_round(taken_back.public_id, actor=treasury.second)
    assert price_at(month_ahead(1)) == "400"

    withdrawn(planned)

    assert price_at(month_ahead(1)) == "38.4"


def test_only_finance_of_the_platform_proposes_it(agreed, treasury):
    planned, elsewhere = agreed(costs("400")), PersonFactory()
    grant(elsewhere, Role.FINANCE, make_organization())
    for person in (elsewhere, treasury.auditor):
        with pytest.raises(NotAllowed):
            propose_withdrawal(planned.public_id, actor=person)


def test_what_waits_or_is_withdrawn_is_not_withdrawn(proposed, agreed, treasury, withdrawn):
    planned = agreed(costs("400"), name="Fout")
    withdrawal = propose_withdrawal(planned.public_id, actor=treasury.second)
    for one in (proposed(costs("50"), months=3, name="Wacht"), planned, withdrawal):
        with pytest.raises(RoundSettled):
            propose_withdrawal(one.public_id, actor=treasury.second)
    confirm_round(withdrawal.public_id, actor=treasury.first)
    for one in (planned, withdrawal):
        with pytest.raises(RoundSettled):
            propose_withdrawal(one.public_id, actor=treasury.second)


def test_what_holds_stays(agreed, treasury, monkeypatch):
    planned, other = agreed(costs("400")), agreed(costs("500"), months=2, name="Later")
    waiting = propose_withdrawal(planned.public_id, actor=treasury.second)
    monkeypatch.setattr(tariffs, "now", lambda: month_ahead(2))

    with pytest.raises(RoundHolds):
        confirm_round(waiting.public_id, actor=treasury.first)
    with pytest.raises(RoundHolds):
        propose_withdrawal(other.public_id, actor=treasury.second)
    assert amounts(months=(1, 2)) == ["400", "500"]


def test_the_trail_says_it(agreed, treasury, withdrawn):
    withdrawn(agreed(costs("400")))

    events = AuditEntry.objects.filter(event__startswith="tariff_round.withdraw")
    assert [(entry.event, entry.actor_id) for entry in events.order_by("pk")] == [
        ("tariff_round.withdrawal_proposed", treasury.second.pk),
        ("tariff_round.withdrawn", treasury.first.pk),
    ]


@pytest.mark.django_db(transaction=True)
def test_two_withdraw_it_and_it_is_withdrawn_once(agreed, treasury, monkeypatch):
    third = PersonFactory()
    grant(third, Role.FINANCE, treasury.organization)
    planned = agreed(costs("400"))
    waiting = propose_withdrawal(planned.public_id, actor=treasury.second)
    monkeypatch.setattr(tariffs, "_lock_for_decision", meeting(tariffs._lock_for_decision))

    outcomes = at_once(
        lambda: confirm_round(waiting.public_id, actor=treasury.first),
        lambda: confirm_round(waiting.public_id, actor=third),
    )

    assert sorted(outcomes) == ["RoundSettled", "done"]
    assert price_at(month_ahead(1)) == "38.4"


# --- the database ------------------------------------------------------------------------------


def refuses(match, action):
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        action()


@pytest.mark.database
class TestGuard:
    def test_an_end_is_put_off_for_what_was_withdrawn_alone(self, agreed, withdrawn, present):
        other = set_price("1", sku="disk")
        planned = agreed(costs("400"), costs("2", "disk"))
        rows = Price.objects.filter(pk=present.pk)
        refuses("still to come", lambda: rows.update(valid_until=None))
        withdrawn(planned)

        Price.objects.filter(pk=other.pk).update(valid_until=month_ahead(3))
        refuses("still to come", lambda: Price.objects.filter(pk=other.pk).update(valid_until=None))

    def test_a_price_that_was_withdrawn_stays_so(self, agreed, withdrawn):
        planned = agreed(costs("400"))
        withdrawn(planned)

        rows = Price.objects.filter(price_list__tariff_round=planned)
        refuses("still to come", lambda: rows.update(valid_until=None))

    @pytest.mark.parametrize(
        "facts",
        [
            {"line_count": 1},
            {"name": "Anders"},
            {"valid_from": month_ahead(2)},
            {"organization": "one"},
        ],
    )
    def test_a_withdrawal_is_of_the_whole_round(self, agreed, treasury, facts):
        planned = agreed(costs("400"))
        if "organization" in facts:
            facts = {"organization": treasury.organization}
        same = {"name": planned.name, "valid_from": planned.valid_from, "line_count": 0}
        who = {"proposed_by": treasury.first, "proposed_at": now()}
        refuses(
            "has not begun|sets_prices_or_withdraws",
            lambda: TariffRound.objects.create(withdraws=planned, **{**same, **who, **facts}),
        )

    def test_what_waits_is_not_withdrawn(self, proposed, treasury):
        waiting = proposed(costs("400"))
        refuses(
            "has not begun",
            lambda: TariffRound.objects.create(
                withdraws=waiting,
                name=waiting.name,
                valid_from=waiting.valid_from,
                line_count=0,
                proposed_by=treasury.first,
                proposed_at=now(),
            ),
        )


# --- the pages ---------------------------------------------------------------------------------


@override("en")
def test_two_people_withdraw_it_on_its_page(agreed, treasury):
    planned = agreed(costs("400"), name="Tarieven 2027")
    first, second = visit_as(treasury.first), visit_as(treasury.second)
    page = f"/costs/tariffs/rounds/{planned.public_id}"
    assert "Propose to withdraw" in second.get(page).content.decode()

    assert second.post(f"{page}/withdraw").status_code == 302

    text = second.get(page).content.decode()
    assert "Somebody proposed to withdraw this" in text
    assert "Propose to withdraw" not in text
    waiting = TariffRound.objects.get(withdraws=planned)
    deciding = f"/costs/tariffs/rounds/{waiting.public_id}"
    assert "Confirm the withdrawal" in first.get(deciding).content.decode()
    assert first.post(f"{deciding}/confirm").status_code == 302
    assert "Withdrawn: these prices do not come" in first.get(page).content.decode()
    listed = first.get("/costs/tariffs/rounds").content.decode()
    assert "Withdrawal of “Tarieven 2027”" in listed
    assert ("Withdrawn: Daan Visser" in listed, "Confirmed: Eva Mulder" in listed) == (True, False)
    history = first.get(f"/costs/tariffs/skus/{SERVER}").content.decode()
    assert "Never began" in history


def test_once_it_began_the_page_says_why_not(treasury, agreed, monkeypatch):
    planned = agreed(costs("400"))
    page = f"/costs/tariffs/rounds/{planned.public_id}"
    second = visit_as(treasury.second)
    monkeypatch.setattr(tariffs, "now", lambda: month_ahead(1) + timedelta(days=1))

    assert second.post(f"{page}/withdraw").status_code == RoundHolds.http_status
    assert not TariffRound.objects.exclude(withdraws=None).exists()
