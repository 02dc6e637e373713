"""The database keeps the past of prices, and what was proposed and decided about them."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils.timezone import now

from billing.models import Price, TariffRound, TariffRoundLine
from billing.services.tariffs import refuse_round
from portal.core.calendar import month_of, whole_second
from tests.billing.tariffs.conftest import costs, month_ahead
from tests.factories.billing import SkuFactory, set_price

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def refuses(match, action):
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        action()


@pytest.mark.parametrize("table", ["price", "tariffround", "tariffroundline"])
def test_no_table_is_emptied(db, table):
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        connection.cursor().execute(f"TRUNCATE billing_{table} CASCADE")

    # Its own trigger, not one of those that refer to it.
    assert refusal.value.__cause__.diag.constraint_name == f"{table}_never_truncated"


class TestPrices:
    @pytest.fixture
    def price(self):
        return set_price("38.40")

    @pytest.fixture
    def rows(self, price):
        return Price.objects.filter(pk=price.pk)

    def test_what_is_to_come_of_one_may_end(self, rows):
        rows.update(valid_until=month_ahead(2))
        rows.update(valid_until=month_ahead(1))
        rows.update(valid_until=whole_second(now()))

        assert rows.get().valid_until <= now()

    def test_the_past_of_one_stays(self, rows):
        yesterday = whole_second(now()) - timedelta(days=1)
        refuses("still to come", lambda: rows.update(valid_until=yesterday))
        refuses("still to come", lambda: rows.update(valid_until=month_of(yesterday).start))

    def test_what_ended_stays_ended(self):
        ended = set_price("1", sku="disk", until=month_of(now()).start)
        rows = Price.objects.filter(pk=ended.pk)
        for other in (None, month_ahead(1), whole_second(now())):
            refuses("still to come", lambda other=other: rows.update(valid_until=other))

    def test_an_end_that_was_planned_is_not_put_off(self, rows):
        rows.update(valid_until=month_ahead(1))
        for other in (None, month_ahead(2), month_ahead(1)):
            refuses("still to come", lambda other=other: rows.update(valid_until=other))

    def test_nothing_else_of_one_changes(self, rows, price):
        other = SkuFactory(code="other")
        for change in (
            {"amount": 1},
            {"unit": "hour"},
            {"sku": other},
            {"valid_from": price.valid_from - timedelta(days=1)},
            {"public_id": uuid4()},
            {"amount": 1, "valid_until": month_ahead(1)},
        ):
            refuses("still to come", lambda change=change: rows.update(**change))
        refuses("still to come", rows.delete)


class TestRounds:
    @pytest.fixture
    def waiting(self, proposed):
        set_price("38.40")
        return proposed(costs("40"))

    @pytest.fixture
    def rows(self, waiting):
        return TariffRound.objects.filter(pk=waiting.pk)

    def test_none_begins_confirmed(self, waiting, treasury):
        waiting.pk, waiting.public_id, waiting.name = None, uuid4(), "Anders"
        waiting.state, waiting.decided_by = "confirmed", treasury.second
        waiting.decided_at = waiting.proposed_at
        refuses("begins as a proposal", lambda: waiting.save(force_insert=True))

    def test_none_begins_within_a_month(self, waiting):
        waiting.pk, waiting.public_id, waiting.name = None, uuid4(), "Anders"
        waiting.valid_from = month_ahead(2) + timedelta(days=1)
        refuses("begin with a month", lambda: waiting.save(force_insert=True))

    def test_none_is_of_one_human(self, rows, treasury):
        facts = {"decided_at": now(), "state": "refused", "decision_reason": "Nee"}
        refuses("another", lambda: rows.update(decided_by=treasury.first, **facts))

    def test_what_was_proposed_stays(self, rows, treasury):
        for change in (
            {"name": "Anders"},
            {"valid_from": month_ahead(3)},
            {"organization": treasury.organization},
            {"line_count": 2},
            {"proposed_by": treasury.second},
        ):
            refuses("never changes", lambda change=change: rows.update(**change))
        refuses("never changes", lambda: rows._raw_delete("default"))

    def test_what_was_decided_stays(self, waiting, rows, treasury):
        refuse_round(waiting.public_id, actor=treasury.second, reason="Nee")
        for change in (
            {"decision_reason": "Ja"},
            {"state": "proposed", "decided_by": None, "decided_at": None, "decision_reason": ""},
        ):
            refuses("never changes", lambda change=change: rows.update(**change))

    def test_confirmed_it_has_a_price_list(self, rows, treasury):
        facts = {"decided_by": treasury.second, "decided_at": now(), "state": "confirmed"}
        refuses("tariff_round_confirmed_has_a_price_list", lambda: rows.update(**facts))

    def test_its_lines_stay_and_none_comes_later(self, waiting):
        lines = TariffRoundLine.objects.all()
        refuses("said at once", lambda: lines.update(amount=1))
        refuses("said at once", lines.delete)
        later = {"round": waiting, "sku": SkuFactory(code="other"), "unit": "month"}
        refuses("said at once", lambda: lines.create(amount=Decimal(1), **later))

    @pytest.mark.parametrize(
        ("facts", "name"),
        [
            ({"unit": "month"}, "sets_a_price_or_ends_one"),
            ({"amount": 1}, "sets_a_price_or_ends_one"),
            ({"amount": -1, "unit": "month"}, "sets_a_price_or_ends_one"),
            ({"amount": 1, "unit": "week"}, "sets_a_price_or_ends_one"),
            ({"amount": 1, "unit": "month", "ends": True}, ""),
            ({"ends": True}, "ends_something"),
        ],
    )
    def test_a_line_sets_a_price_or_ends_one(self, waiting, treasury, facts, name):
        empty = TariffRound.objects.create(
            name="Leeg",
            valid_from=waiting.valid_from,
            line_count=1,
            proposed_by=treasury.first,
            proposed_at=now(),
        )
        line = {"round": empty, "sku": SkuFactory()}
        refuses(f"tariff_line_{name}", lambda: TariffRoundLine.objects.create(**line, **facts))
