"""Tags in FOCUS: those that held during the charge, and of closed months what they were then."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.focus.export import export_month
from billing.models import MeteredResource, Price, PriceUnit, TagFact
from billing.services.tag_keys import define_tag_key, withdraw_tag_key
from billing.services.tagged_costs import tagged_months
from portal.identity.models import Node, Organization, Person, Project
from tests.billing.focus.reading import (
    problems_of,
    problems_of_parquet,
    read,
    written,
    written_as_parquet,
)
from tests.billing.months.conftest import (
    SEPTEMBER,
    Close,
    close,
    first,
    platform,
    second,
    september,
)
from tests.billing.tags.conftest import NOVEMBER, november, running, tag_from
from tests.constraints import refused_by
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory, set_price

__all__ = ["close", "first", "platform", "second"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mid_november")]


def rows_of(node: Node) -> list[tuple[dict[str, str], str]]:
    """Tags and amount of each row."""
    text = written(export_month([node.pk], month=NOVEMBER, as_of=NOVEMBER.end))
    assert problems_of(text) == []
    return [(json.loads(row["Tags"] or "{}"), row["BilledCost"]) for row in read(text)]


def test_a_row_for_each_time_in_which_the_tags_were_the_same(
    server: MeteredResource, ministry: Organization, finance: Person
) -> None:
    for key in ("fase", "team"):
        define_tag_key(ministry, key, actor=finance)
    tag_from(1, ministry, "rood", finance, key="team")
    tag_from(11, server, "test", finance)

    assert rows_of(server.project) == [
        ({"team": "rood"}, "100.0"),
        ({"fase": "test", "team": "rood"}, "200.0"),
    ]


def test_what_is_paid_once_has_the_tag_of_its_beginning(
    project: Project, ministry: Organization, finance: Person
) -> None:
    define_tag_key(ministry, "fase", actor=finance)
    set_price("50.00", unit=PriceUnit.ONE_OFF)
    server = running(project, "zaak-app-01")
    tag_from(11, server, "test", finance)

    assert rows_of(project) == [({}, "50.0")]
    (found,) = tagged_months([project.pk], "fase", [NOVEMBER], at=NOVEMBER.end)
    assert list(found.realised) == [None]


def test_what_is_used_of_a_tier_is_a_finite_number_in_each_part(
    project: Project, ministry: Organization, finance: Person
) -> None:
    """A third of a third has no last decimal; Parquet holds eighteen of them."""
    define_tag_key(ministry, "fase", actor=finance)
    price = set_price("0.03", unit=PriceUnit.GIB_MONTH, until=NOVEMBER.start)
    Price.objects.create(
        price_list=price.price_list,
        sku=price.sku,
        unit=price.unit,
        amount=price.amount,
        tier_quantities=[Decimal("33.333333")],
        tier_amounts=[Decimal("0.07")],
        valid_from=NOVEMBER.start,
    )
    server = MeteredResourceFactory(project=project)
    begin = november(14) + timedelta(seconds=12_347)
    UsageSpanFactory(resource=server, quantity=100, started_at=begin)
    tag_from(21, server, "test", finance)

    rows = list(export_month([project.pk], month=NOVEMBER, as_of=NOVEMBER.end))

    assert problems_of_parquet(written_as_parquet(rows)) == []
    used = [row["ConsumedQuantity"] for row in rows if row["ConsumedQuantity"]]
    assert len(used) == 4
    assert sum(used) == 100 * int((NOVEMBER.end - begin).total_seconds())


def test_parts_of_a_millionth_add_up(
    project: Project, ministry: Organization, finance: Person
) -> None:
    define_tag_key(ministry, "fase", actor=finance)
    set_price("0.01")
    server = MeteredResourceFactory(project=project)
    UsageSpanFactory(resource=server, started_at=november(1), ended_at=november(4))
    tag_from(2, server, "a", finance)
    tag_from(3, server, "b", finance)

    amounts = [Decimal(amount) for _tags, amount in rows_of(project)]
    assert amounts[:3] == [Decimal("0.000333"), Decimal("0.000334"), Decimal("0.000333")]


def test_a_closed_month_keeps_its_tags(
    server: MeteredResource, ministry: Organization, finance: Person, close: Close
) -> None:
    UsageSpanFactory(resource=server, started_at=SEPTEMBER.start, ended_at=SEPTEMBER.end)
    tag = TagFact.objects.create(
        resource=server, key="fase", value="test", valid_from=SEPTEMBER.start
    )
    before = tagged_in_september(server)
    close(SEPTEMBER)

    for change in (
        {"valid_until": SEPTEMBER.start},
        {"valid_until": september(15)},
    ):
        with refused_by("tags_of_closed_months_never_change"):
            TagFact.objects.filter(pk=tag.pk).update(**change)
    with refused_by("tags_of_closed_months_never_change"):
        TagFact.objects.create(
            node=server.project, key="fase", value="b", valid_from=SEPTEMBER.start
        )
    define_tag_key(ministry, "fase", actor=finance)
    withdraw_tag_key(ministry, "fase", actor=finance)
    assert tagged_in_september(server) == before == {"test": Decimal("300.00")}


def tagged_in_september(server: MeteredResource) -> dict[str | None, Decimal]:
    nodes = [server.project_id]
    (found,) = tagged_months(nodes, "fase", [SEPTEMBER], at=NOVEMBER.start)
    return {value: costs.total for value, costs in found.realised.items()}
