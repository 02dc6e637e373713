"""What an order page says of a minimum term is what the months then charge."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from billing.meters import Meter
from billing.models import UsageSpan
from billing.services.charging import costs, expected_costs, list_charges
from billing.services.pricing import quote
from billing.services.quotes import Quote
from portal.core.calendar import Period, month, start_of_day
from portal.core.money import to_cents
from portal.identity.models import NodeParent, Project
from tests.billing.test_minimum_terms import DISK, Use, day, disk
from tests.factories import make_organization, make_project
from tests.factories.billing import SkuFactory, set_price

pytestmark = pytest.mark.django_db
MARCH = month(2026, 3)


@pytest.fixture
def project() -> Project:
    project = make_project(make_organization(make_organization()))
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
    return project


@pytest.fixture(autouse=True)
def price(db: None) -> None:
    set_price("0.1", sku=DISK, unit="gib_month", minimum_months=12, until=day(5))


def test_the_least_is_what_is_charged_of_what_stops_at_once(project: Project) -> None:
    quoted = quote([disk(100)], project=project, at=day(3))
    use = Use(project)

    use.start(day(3), disk(100))
    use.end(day(4))

    year = Period(day(3), day(3, year=2027))
    charged = costs([project.pk], period=Period(day(1), day(6, year=2027)), as_of=day(7, year=2027))
    assert quoted.least == charged.total == 120
    assert to_cents(quoted.cost_until(day(3), day(4))) == 120
    assert to_cents(quoted.cost_until(year.start, day(4), limit=day(9))) == 60


def test_the_price_of_the_term_holds_whatever_rounds_say(project: Project) -> None:
    """From May on it is dearer, for who begins then."""
    use = Use(project)
    use.start(day(3), disk(100))
    set_price("0.5", sku=DISK, unit="gib_month", since=day(5))

    may = costs([project.pk], period=month(2026, 5), as_of=day(6))
    later = costs([project.pk], period=month(2027, 3), as_of=day(4, year=2027))

    assert (may.total, later.total) == (10, 50)


def test_the_price_of_the_term_holds_without_any_other(project: Project) -> None:
    use = Use(project)
    use.start(day(3), disk(100))

    (line,) = costs([project.pk], period=month(2026, 6), as_of=day(7)).lines

    assert (line.amount, line.is_price_missing) == (10, False)


def test_who_pays_at_the_time_pays_the_price_of_the_term(project: Project) -> None:
    """Moved in June to one with a price of their own, and gone by then."""
    other = make_organization()
    set_price("7", sku=DISK, unit="gib_month", organization=other)
    use = Use(project)
    use.start(day(3), disk(100))
    use.end(day(4))
    NodeParent.objects.filter(node=project).update(valid_until=day(6))
    NodeParent.objects.create(node=project, parent=other, valid_from=day(6))

    found = costs([other.pk], period=month(2026, 6), as_of=day(7))

    assert [(line.organization_id, line.amount) for line in found.lines] == [(other.pk, 10)]


def test_what_runs_to_an_end_date_is_expected_to_be_due_until_the_term_ends(
    project: Project,
) -> None:
    use = Use(project)
    resource = use.start(day(3), disk(100))
    resource.end_date = date(2026, 3, 31)
    resource.save()

    found = expected_costs([project.pk], period=Period(day(3), day(7)), as_of=day(3, 2))

    assert found.total == 40


def test_a_charge_ends_where_the_term_does(project: Project) -> None:
    set_price("0.5", sku=DISK, unit="gib_month", since=day(5))
    use = Use(project)
    use.start(day(3, 14), disk(100))

    charges = list_charges(
        [project.pk], period=month(2027, 3), as_of=day(4, year=2027), resource=use.public_id
    )

    assert [(one.unit_price, one.started_at, one.ended_at) for one in charges] == [
        (Decimal("0.1"), day(3, year=2027), day(3, 14, year=2027)),
        (Decimal("0.5"), day(3, 14, year=2027), day(4, year=2027)),
    ]


def test_tiers_do_not_count_what_is_in_a_term(project: Project) -> None:
    """A hundred are included from May on; the disk of before has its own price."""
    tiered = set_price("0", sku=DISK, unit="gib_month", since=day(5), until=day(5))
    type(tiered).objects.create(
        price_list=tiered.price_list,
        sku=tiered.sku,
        unit=tiered.unit,
        amount=0,
        tier_quantities=[100],
        tier_amounts=[1],
        valid_from=day(5),
    )
    Use(project).start(day(3), disk(100))
    later = Use(project)
    later.start(day(5), disk(100))

    quoted = quote([disk(10)], project=project, at=day(5, 2))
    found = costs([project.pk], period=month(2026, 5), as_of=day(6))

    assert found.total == 10
    assert quoted.monthly == 10


def test_a_quote_is_read_as_it_was_written(project: Project) -> None:
    quoted = quote([disk(100)], project=project, at=day(3))

    written = quoted.as_json()

    assert written[0]["minimum_months"] == 12
    assert Quote.from_json(written) == quoted


def test_without_a_term_a_quote_is_written_as_before(project: Project) -> None:
    SkuFactory(code="server.gp.small")
    set_price("40")

    (line,) = quote([Meter("server.gp.small", Decimal(1))], project=project, at=day(3)).as_json()

    assert "minimum_months" not in line
    assert not UsageSpan.objects.exists()
