"""What things cost takes two people of finance, holds from a month to come, and stays as agreed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils.timezone import now

from billing.errors import (
    NothingLeft,
    OwnRound,
    PricesForNobody,
    PricesMoved,
    RoundSettled,
    RoundTooLate,
    TariffNameTaken,
)
from billing.models import Price, PriceList, TariffRound
from billing.services import tariffs
from billing.services.tariffs import (
    confirm_round,
    draft_round,
    propose_round,
    refuse_round,
    take_back_round,
)
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.errors import RefusalNeedsReason
from portal.identity.four_eyes import SameHuman
from portal.identity.models import Organization, Person, Role
from tests.billing.tariffs.conftest import (
    DISK,
    SERVER,
    costs,
    last_month,
    month_ahead,
    price_at,
    says,
)
from tests.factories import PersonFactory, grant, make_organization
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory, set_price
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db
A_SECOND = timedelta(seconds=1)


@pytest.fixture
def ministry(db):
    return make_organization(name="Ministerie van Proeven")


@pytest.fixture(autouse=True)
def present(db):
    set_price("38.40")


# --- what holds when ---------------------------------------------------------------------------


def test_nothing_changes_before_a_second_person_agreed(proposed):
    proposed(costs("40"))

    assert price_at(month_ahead(1)) == "38.4"


def test_agreed_the_old_price_ends_when_the_new_one_begins(agreed):
    agreed(costs("40.123456"), name="Tarieven 2027")

    begin = month_ahead(1)
    assert price_at(begin - A_SECOND) == "38.4"
    assert price_at(begin) == "40.123456"
    new = Price.objects.get(valid_from=begin)
    assert (new.price_list.name, new.valid_until) == ("Tarieven 2027", None)


def test_what_had_no_price_gets_one(agreed):
    SkuFactory(code=DISK)
    agreed(costs("0.085", DISK, "gib_month"))

    assert price_at(month_ahead(1), sku=DISK) == "0.085"


def test_a_price_of_one_organization_leaves_that_of_everybody(agreed, ministry):
    agreed(costs("30"), organization=ministry)

    begin = month_ahead(1)
    assert price_at(begin, organization=ministry) == "30"
    assert price_at(begin) == "38.4"


def test_an_own_price_ends_so_that_the_one_for_everybody_holds(agreed, ministry):
    set_price("30", organization=ministry)
    agreed(costs(None), organization=ministry)

    begin = month_ahead(1)
    assert price_at(begin - A_SECOND, organization=ministry) == "30"
    assert price_at(begin, organization=ministry) is None


def test_what_was_planned_for_later_stays_planned(agreed):
    agreed(costs("50"), months=4, name="Later")
    agreed(costs("40"), months=2, name="Eerder")

    amounts = [price_at(month_ahead(months)) for months in (1, 2, 3, 4)]
    assert amounts == ["38.4", "40", "40", "50"]


def test_a_first_price_ends_where_the_one_planned_for_later_begins(agreed, ministry):
    agreed(costs("50"), months=4, name="Later", organization=ministry)
    agreed(costs("40"), months=2, name="Eerder", organization=ministry)

    amounts = [price_at(month_ahead(months), organization=ministry) for months in (1, 2, 3, 4)]
    assert amounts == [None, "40", "40", "50"]


def test_an_end_that_was_planned_stays_planned(agreed, ministry):
    set_price("30", organization=ministry)
    agreed(costs(None), months=4, name="Later", organization=ministry)
    agreed(costs("25"), months=2, name="Eerder", organization=ministry)

    amounts = [price_at(month_ahead(months), organization=ministry) for months in (1, 2, 3, 4)]
    assert amounts == ["30", "25", "25", None]


# --- who ---------------------------------------------------------------------------------------


def test_nobody_decides_on_their_own(proposed, treasury):
    waiting = proposed(costs("40"))
    with pytest.raises(OwnRound):
        confirm_round(waiting.public_id, actor=treasury.first)

    refusal = AuditEntry.objects.get(event="tariff_round.decision_refused")
    assert refusal.code == "own_tariff_round"
    assert price_at(month_ahead(1)) == "38.4"


def test_nor_does_whoever_may_be_the_same_human(proposed, treasury):
    waiting = proposed(costs("40"))
    Person.objects.filter(pk__in=[treasury.first.pk, treasury.second.pk]).update(email="a@b.nl")
    with pytest.raises(SameHuman):
        confirm_round(waiting.public_id, actor=treasury.second)

    assert AuditEntry.objects.get(event="tariff_round.decision_refused").code == "same_human"


def test_finance_elsewhere_and_other_roles_propose_and_decide_nothing(proposed, treasury, ministry):
    waiting, elsewhere, operator = proposed(costs("40")), PersonFactory(), PersonFactory()
    grant(elsewhere, Role.FINANCE, ministry)
    grant(operator, Role.OPERATOR, treasury.organization)
    for person in (elsewhere, operator, treasury.auditor):
        with pytest.raises(NotAllowed):
            propose_round(says(costs("41"), name="Anders"), actor=person)
        with pytest.raises(NotAllowed):
            confirm_round(waiting.public_id, actor=person)

    assert TariffRound.objects.count() == 1


def test_without_a_platform_nobody_sets_prices(proposed, treasury, settings):
    waiting = proposed(costs("40"))
    settings.CATALOGUE_ORGANIZATION = ""

    with pytest.raises(NotAllowed):
        confirm_round(waiting.public_id, actor=treasury.second)


def test_a_no_has_a_reason_and_is_final(proposed, treasury):
    waiting = proposed(costs("40"))
    with pytest.raises(RefusalNeedsReason):
        refuse_round(waiting.public_id, actor=treasury.second, reason=" ")
    refuse_round(waiting.public_id, actor=treasury.second, reason="Te duur")

    with pytest.raises(RoundSettled):
        confirm_round(waiting.public_id, actor=treasury.second)
    assert price_at(month_ahead(1)) == "38.4"


def test_only_who_proposed_it_takes_it_back(proposed, treasury):
    waiting = proposed(costs("40"))
    with pytest.raises(NotAllowed):
        take_back_round(waiting.public_id, actor=treasury.second)
    take_back_round(waiting.public_id, actor=treasury.first)

    with pytest.raises(RoundSettled):
        confirm_round(waiting.public_id, actor=treasury.second)


def test_what_was_taken_back_may_be_proposed_anew_by_the_same_name(proposed, treasury):
    take_back_round(proposed(costs("40")).public_id, actor=treasury.first)

    assert proposed(costs("40")).state == "proposed"


# --- the trail ---------------------------------------------------------------------------------


def test_the_trail_keeps_what_it_would_have_made_of_last_month(proposed, treasury, project):
    begin = month_ahead(1) - timedelta(days=100)
    UsageSpanFactory(resource=MeteredResourceFactory(project=project), started_at=begin)
    waiting = proposed(costs("76.80"))

    entry = AuditEntry.objects.get(event="tariff_round.proposed")
    assert (entry.actor_id, entry.node_id) == (treasury.first.pk, treasury.organization.pk)
    assert entry.data["lines"] == waiting.line_count == 1
    assert (entry.data["before"], entry.data["after"]) == ("38.40", "76.80")


def test_auditors_of_an_organization_read_of_its_own_prices(agreed, ministry):
    agreed(costs("30"), organization=ministry)

    entries = AuditEntry.objects.filter(event__startswith="tariff_round.")
    assert {entry.node_id for entry in entries} == {ministry.pk}


# --- what cannot be proposed -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "field"),
    [
        (costs("-1"), "prices.server.gp.small"),
        (costs("0.0000001"), "prices.server.gp.small"),
        (costs("10000000.01"), "prices.server.gp.small"),
        (costs("NaN"), "prices.server.gp.small"),
        (costs("Infinity"), "prices.server.gp.small"),
        (costs("1E+400"), "prices.server.gp.small"),
        (costs("1", unit="fortnight"), "prices.server.gp.small"),
        (costs("1", unit=""), "prices.server.gp.small"),
        (costs("1", unit="one_off"), "prices.server.gp.small"),
        (costs("38.40"), "prices.server.gp.small"),
        (costs(None), "prices.server.gp.small"),
        (costs("1", "unicorn"), "prices.unicorn"),
        (costs("1", "x\x00y"), "prices.x\x00y"),
    ],
)
def test_a_price_that_cannot_be_is_refused_at_its_field(treasury, price, field):
    with pytest.raises(InvalidInput) as refusal:
        propose_round(says(price), actor=treasury.first)

    assert set(refusal.value.errors) == {field}
    assert not TariffRound.objects.exists()


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "a\x07b", "Tarieven", "Wacht al"])
def test_a_name_that_cannot_be_is_refused_at_its_field(proposed, name):
    proposed(costs("41"), name="Wacht al")  # “Tarieven” is the list that there is
    with pytest.raises(InvalidInput) as refusal:
        proposed(costs("40"), name=name)

    assert set(refusal.value.errors) == {"name"}


@pytest.mark.parametrize("months", [1, 24])
def test_prices_change_at_the_beginning_of_a_month(treasury, months):
    right = says(costs("40"), months=months)
    draft_round(right, actor=treasury.first)
    for wrong in (right.valid_from + A_SECOND, last_month(), now()):
        with pytest.raises(InvalidInput) as refusal:
            draft_round(replace(right, valid_from=wrong), actor=treasury.first)
        assert set(refusal.value.errors) == {"valid_from"}


def test_a_round_of_nothing_is_refused(proposed):
    with pytest.raises(InvalidInput):
        proposed()


def test_a_price_is_named_once(proposed):
    with pytest.raises(InvalidInput) as refusal:
        proposed(costs("40"), costs("41"))

    assert set(refusal.value.errors) == {"prices.server.gp.small"}


def test_a_month_in_which_another_price_begins_is_refused(agreed, proposed):
    agreed(costs("50"), name="Eerste")
    with pytest.raises(InvalidInput) as refusal:
        proposed(costs("40"))

    assert set(refusal.value.errors) == {"prices.server.gp.small"}


def test_an_own_price_without_anything_behind_it_does_not_end(proposed, ministry):
    set_price("1", sku=DISK, unit="gib_month", organization=ministry)
    with pytest.raises(InvalidInput) as refusal:
        proposed(costs(None, DISK), organization=ministry)

    assert set(refusal.value.errors) == {"prices.volume.standard"}


def test_an_organization_that_ended_gets_no_prices(proposed, ministry):
    end(ministry)
    with pytest.raises(InvalidInput) as refusal:
        proposed(costs("40"), organization=ministry)

    assert set(refusal.value.errors) == {"organization"}


# --- what came in between ----------------------------------------------------------------------


def end(organization):
    Organization.objects.filter(pk=organization.pk).update(ended_at=now())


def test_a_month_that_began_meanwhile_is_too_late(proposed, treasury, monkeypatch):
    waiting = proposed(costs("40"))
    monkeypatch.setattr(tariffs, "now", lambda: month_ahead(1))

    with pytest.raises(RoundTooLate):
        confirm_round(waiting.public_id, actor=treasury.second)
    assert price_at(month_ahead(1)) == "38.4"


@pytest.mark.parametrize("months", [1, 2])
def test_another_price_that_was_agreed_meanwhile_stands_in_the_way(
    proposed, agreed, treasury, months
):
    waiting = proposed(costs("40"), months=2, name="Eerste")
    agreed(costs("50"), months=months, name="Tweede")

    with pytest.raises(PricesMoved, match=SERVER):
        confirm_round(waiting.public_id, actor=treasury.second)
    assert price_at(month_ahead(2)) == "50"
    assert not PriceList.objects.filter(name="Eerste").exists()


def test_a_price_that_was_agreed_for_later_does_not(proposed, agreed, treasury):
    waiting = proposed(costs("40"), months=1, name="Eerste")
    agreed(costs("50"), months=2, name="Tweede")
    confirm_round(waiting.public_id, actor=treasury.second)

    assert [price_at(month_ahead(months)) for months in (1, 2)] == ["40", "50"]


def test_another_sku_or_another_organization_does_not_either(proposed, agreed, treasury, ministry):
    set_price("0.08", sku=DISK, unit="gib_month")
    waiting = proposed(costs("40"), name="Eerste")
    agreed(costs("0.09", DISK, "gib_month"), name="Tweede")
    agreed(costs("30"), organization=ministry, name="Derde")
    confirm_round(waiting.public_id, actor=treasury.second)

    assert price_at(month_ahead(1)) == "40"


def test_an_organization_that_ended_meanwhile_gets_no_prices(proposed, treasury, ministry):
    waiting = proposed(costs("40"), organization=ministry)
    end(ministry)

    with pytest.raises(PricesForNobody):
        confirm_round(waiting.public_id, actor=treasury.second)


def test_an_own_price_stays_when_what_was_behind_it_is_gone(proposed, treasury, ministry):
    set_price("1", sku=DISK, unit="gib_month", organization=ministry)
    behind = set_price("2", sku=DISK, unit="gib_month")
    waiting = proposed(costs(None, DISK), organization=ministry)
    Price.objects.filter(pk=behind.pk).update(valid_until=month_ahead(1))

    with pytest.raises(NothingLeft):
        confirm_round(waiting.public_id, actor=treasury.second)
    assert price_at(month_ahead(1), sku=DISK, organization=ministry) == "1"


def test_a_name_that_somebody_took_meanwhile_is_refused(proposed, treasury):
    waiting = proposed(costs("40"), name="Tarieven 2027")
    PriceList.objects.create(name="Tarieven 2027")

    with pytest.raises(TariffNameTaken):
        confirm_round(waiting.public_id, actor=treasury.second)


# --- at once -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.fixture
    def third(self, treasury):
        person = PersonFactory()
        grant(person, Role.FINANCE, treasury.organization)
        return person

    @pytest.fixture(autouse=True)
    def meet(self, monkeypatch):
        look = tariffs._lock_for_decision
        monkeypatch.setattr(tariffs, "_lock_for_decision", meeting(look))

    def test_two_agree_to_one_round_and_it_is_agreed_once(self, proposed, treasury, third):
        waiting = proposed(costs("40"))
        outcomes = at_once(
            lambda: confirm_round(waiting.public_id, actor=treasury.second),
            lambda: confirm_round(waiting.public_id, actor=third),
        )

        assert sorted(outcomes) == ["RoundSettled", "done"]
        assert Price.objects.filter(valid_from=month_ahead(1)).count() == 1

    def test_of_two_rounds_about_one_price_one_holds(self, proposed, treasury, third):
        rounds = [proposed(costs(amount), name=amount) for amount in ("40", "50")]
        outcomes = at_once(
            lambda: confirm_round(rounds[0].public_id, actor=treasury.second),
            lambda: confirm_round(rounds[1].public_id, actor=third),
        )

        assert sorted(outcomes) == ["PricesMoved", "done"]
        agreed = TariffRound.objects.get(state="confirmed")
        assert price_at(month_ahead(1)) == agreed.name

    def test_a_yes_and_a_no_are_one_decision(self, proposed, treasury, third):
        waiting = proposed(costs("40"))
        outcomes = at_once(
            lambda: confirm_round(waiting.public_id, actor=treasury.second),
            lambda: refuse_round(waiting.public_id, actor=third, reason="Nee"),
        )

        assert sorted(outcomes) == ["RoundSettled", "done"]

    def test_two_propose_by_one_name(self, treasury):
        outcomes = at_once(
            lambda: propose_round(says(costs("40")), actor=treasury.first),
            lambda: propose_round(says(costs("50")), actor=treasury.second),
        )

        assert sorted(outcomes) == ["InvalidInput", "done"]
