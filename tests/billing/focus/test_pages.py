"""FOCUS files to download: for whom, of which month and part, and whether all is in them."""

from __future__ import annotations

from datetime import date
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.focus.columns import COLUMNS, NAMES
from billing.focus.metadata import SCHEMA_SINCE, schema
from billing.models import MeteredResource
from portal.core.calendar import start_of_day
from portal.identity.models import Project, Role
from tests.billing.focus.conftest import member
from tests.billing.focus.reading import problems_of, read
from tests.billing.visits import visit_as
from tests.factories import UNKNOWN_ID, make_organization, make_project
from tests.factories.billing import MeteredResourceFactory, SkuFactory, UsageSpanFactory

NOW = start_of_day(date(2026, 11, 16))
ROWS, METADATA = "/costs/focus.csv", "/costs/focus.json"
PARQUET = "/costs/focus.parquet"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mid_november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.views.costs.now", lambda: NOW)


def rows_of(client: Client, **query: str) -> list[dict[str, str]]:
    text = client.get(ROWS, query).getvalue().decode()
    assert problems_of(text) == []
    return read(text)


def test_month_that_is_over_is_whole(server: MeteredResource, finance: Client) -> None:
    answer = finance.get(ROWS, {"month": "2026-10"})

    assert answer.streaming
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="focus-2026-10.csv"'
    assert [row["BilledCost"] for row in read(answer.getvalue().decode())] == ["38.4"]
    assert finance.get(METADATA, {"month": "2026-10"}).json()["x_IsComplete"] is True


def test_month_that_runs_says_that_it_is_incomplete(
    server: MeteredResource, finance: Client
) -> None:
    answer = finance.get(ROWS)

    assert answer["Content-Disposition"] == 'attachment; filename="focus-2026-11-incomplete.csv"'
    assert [row["ChargePeriodEnd"] for row in rows_of(finance)] == ["2026-11-15T23:00:00Z"]
    metadata = finance.get(METADATA).json()
    assert metadata["x_IsComplete"] is False
    assert metadata["x_AsOf"] == "2026-11-15T23:00:00Z"


def test_of_one_node(server: MeteredResource, finance: Client) -> None:
    other = make_project(server.project.parent)
    UsageSpanFactory(resource=MeteredResourceFactory(project=other))

    assert len(rows_of(finance)) == 2
    (row,) = rows_of(finance, node=str(other.public_id))
    assert row["SubAccountId"] == str(other.public_id)


def test_metadata_describe_every_column(finance: Client) -> None:
    answer = finance.get(METADATA)

    assert answer["Content-Disposition"] == 'attachment; filename="focus-2026-11-incomplete.json"'
    described = answer.json()["Schema"]
    assert described["FocusVersion"] == "1.2"
    assert [column["ColumnName"] for column in described["ColumnDefinition"]] == list(NAMES)
    assert [column["DataType"] for column in described["ColumnDefinition"]] == [
        column.type.value for column in COLUMNS
    ]


def test_other_columns_are_another_schema() -> None:
    """When this fails: give ``SCHEMA_SINCE`` the moment of the change, and this the new id."""
    assert (schema()["SchemaId"], SCHEMA_SINCE) == (
        "79517f0b90050ccd3dc1d7eaa45ae972",
        "2026-11-28T12:00:00Z",
    )


def test_metadata_name_what_was_used_without_a_price(
    server: MeteredResource, finance: Client
) -> None:
    SkuFactory(code="unpriced")
    UsageSpanFactory(resource=server, sku__code="unpriced")

    assert len(rows_of(finance)) == 1
    assert finance.get(METADATA).json()["x_SkusWithoutPrice"] == ["unpriced"]


@pytest.mark.parametrize("path", [ROWS, PARQUET, METADATA])
@pytest.mark.parametrize(
    "query", [{"month": "2026-13"}, {"month": "november"}, {"month": "1999-01"}]
)
def test_month_that_cannot_be_is_a_form_with_a_mistake(
    server: MeteredResource, finance: Client, path: str, query: dict[str, str]
) -> None:
    answer = finance.get(path, query)

    assert answer.status_code == 422
    assert "Choose one of these months." in unescape(answer.content.decode())


@pytest.mark.parametrize("path", [ROWS, PARQUET, METADATA])
def test_others_get_nothing(server: MeteredResource, path: str) -> None:
    outsider = visit_as(member(Role.FINANCE, make_organization()))
    requester = visit_as(member(Role.REQUESTER, server.project))
    own = {"node": str(server.project.public_id)}

    assert outsider.get(path).status_code == 200
    assert rows_of(outsider) == []
    for node in (own["node"], str(UNKNOWN_ID), "1"):
        assert outsider.get(path, {"node": node}).status_code == 404
    assert requester.get(path).status_code == 403
    assert requester.get(path, own).status_code == 403
    assert Client().get(path).status_code == 302
    assert Client().post(path).status_code in (302, 405)


def test_page_of_costs_leads_to_the_same_month_and_part(
    server: MeteredResource, finance: Client
) -> None:
    node = server.project.public_id

    everything = finance.get("/costs", {"month": "2026-10"}).content.decode()
    part = unescape(finance.get("/costs", {"node": str(node)}).content.decode())

    for path in (ROWS, PARQUET, METADATA):
        assert f'href="{path}?month=2026-10"' in everything
        assert f'href="{path}?month=2026-11&node={node}"' in part


def test_query_count_does_not_grow(
    server: MeteredResource, project: Project, finance: Client
) -> None:
    with CaptureQueriesContext(connection) as few:
        rows_of(finance)
    for _ in range(10):
        UsageSpanFactory(resource=MeteredResourceFactory(project=make_project(project.parent)))
    with CaptureQueriesContext(connection) as many:
        assert len(rows_of(finance)) == 11

    assert len(many) == len(few)
