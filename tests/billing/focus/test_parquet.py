"""The same rows as Parquet: types, values, description, and what the checker says of others."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pyarrow import parquet

from billing.focus import parquet as writer
from billing.focus.columns import COLUMNS, NAMES
from billing.focus.export import export_month
from billing.focus.parquet import as_parquet
from billing.models import MeteredResource
from portal.core.calendar import month, start_of_day
from portal.identity.models import Node, Project
from tests.billing.focus.reading import problems_of_parquet, read, written, written_as_parquet
from tests.factories.billing import MeteredResourceFactory, UsageSpanFactory, set_price

NOVEMBER = month(2026, 11)
NOW = start_of_day(date(2026, 11, 16))
PARQUET, API = "/costs/focus.parquet", "/api/v1/focus/charges"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mid_november(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("billing.views.costs.now", "billing.api.pages.now"):
        monkeypatch.setattr(place, lambda: NOW)


def table_of(content: bytes) -> Any:
    return parquet.read_table(BytesIO(content))


def rows_of(project: Project) -> Any:
    return export_month([project.pk], month=NOVEMBER, as_of=NOVEMBER.end)


def some_use(project: Project, servers: int = 1) -> None:
    set_price("10.00")
    for _ in range(servers):
        server = MeteredResourceFactory(project=project, tags={"dienst": "zaken", "intern": True})
        UsageSpanFactory(resource=server, ended_at=start_of_day(date(2026, 11, 2)))


def test_it_holds_what_the_csv_holds_with_types(project: Project) -> None:
    some_use(project, servers=2)

    content = written_as_parquet(rows_of(project))

    assert problems_of_parquet(content) == []
    rows = table_of(content).to_pylist()
    texts = read(written(rows_of(project)))
    assert [list(row) for row in rows] == [list(NAMES)] * 3
    for row, text in zip(rows, texts, strict=True):
        assert {name for name, value in row.items() if value is None} == {
            name for name, value in text.items() if value == ""
        }
        for name, value in row.items():
            if isinstance(value, Decimal):
                assert value == Decimal(text[name])
            elif isinstance(value, datetime):
                assert value == datetime.fromisoformat(text[name])
                assert value.tzinfo is not None
            else:
                assert (value or "") == text[name]
    assert json.loads(rows[0]["Tags"]) == {
        "cloudloket/dienst": "zaken",
        "cloudloket/intern": True,
    }
    assert rows[0]["ChargePeriodStart"] == datetime(2026, 10, 31, 23, tzinfo=UTC)


def test_columns_have_the_types_of_the_norm(project: Project) -> None:
    schema = table_of(written_as_parquet([])).schema

    kinds = {column.name: str(column.type) for column in COLUMNS}
    expected = {
        "STRING": "string",
        "JSON": "string",
        "DECIMAL": "decimal128(38, 18)",
        "DATETIME": "timestamp[ms, tz=UTC]",
    }
    assert {field.name: str(field.type) for field in schema} == {
        name: expected[kind] for name, kind in kinds.items()
    }


def test_an_empty_text_is_null(project: Project) -> None:
    set_price("10.00")
    UsageSpanFactory(resource=MeteredResourceFactory(project=project, openstack_id=""))

    table = table_of(written_as_parquet(rows_of(project)))

    assert table.column("x_OpenStackId").to_pylist() == [None]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_groups_of_rows_hold_each_row_once(
    project: Project, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(writer, "ROWS_PER_GROUP", size)
    some_use(project, servers=2)  # and a row for the cents

    content = written_as_parquet(rows_of(project))

    file = parquet.ParquetFile(BytesIO(content))
    assert file.num_row_groups == -(-3 // size)
    assert file.read().num_rows == 3


def test_it_is_written_while_it_is_read(monkeypatch: pytest.MonkeyPatch, project: Project) -> None:
    """Of a file without an end there is a first piece."""
    monkeypatch.setattr(writer, "ROWS_PER_GROUP", 2)
    some_use(project)
    (row, *_) = rows_of(project)

    pieces = as_parquet((row for _ in count()), {})

    assert next(pieces).startswith(b"PAR1")
    assert next(pieces)


def test_name_that_no_spreadsheet_likes_stays_what_it_is(project: Project) -> None:
    set_price("10.00")
    name = '=1+1; "Œuvre"\r\n日本 🏛'
    Node.objects.filter(pk=project.pk).update(name=name)
    UsageSpanFactory(resource=MeteredResourceFactory(project=project))

    table = table_of(written_as_parquet(rows_of(project)))

    assert table.column("SubAccountName").to_pylist() == [name]


def test_page_gives_the_file_with_its_description(server: MeteredResource, finance: Client) -> None:
    answer = finance.get(PARQUET)

    assert answer.streaming
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    assert answer["Content-Disposition"] == (
        'attachment; filename="focus-2026-11-incomplete.parquet"'
    )
    content = answer.getvalue()
    assert problems_of_parquet(content) == []
    table = table_of(content)
    assert table.num_rows == 1
    assert json.loads(table.schema.metadata[b"focus"]) == finance.get("/costs/focus.json").json()


def test_no_other_form(finance: Client) -> None:
    assert finance.get("/costs/focus.orc").status_code == 404


def test_program_asks_for_it(server: MeteredResource, finance: Client) -> None:
    accept = {"accept": "application/vnd.apache.parquet"}

    answer = finance.get(API, {"month": "2026-10"}, headers=accept)

    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    assert table_of(answer.getvalue()).column("BilledCost").to_pylist() == [Decimal("38.4")]


# --- the checker on files of others --------------------------------------------------------------


def changed(project: Project, name: str, values: Any) -> bytes:
    """A good file, with another column of that name."""
    some_use(project)
    table = table_of(written_as_parquet(rows_of(project)))
    place = table.column_names.index(name)
    file = BytesIO()
    parquet.write_table(table.set_column(place, name, [values]), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("BilledCost", pyarrow.array([0.33, 0.0]), (1, "is an exact decimal")),
        ("BilledCost", pyarrow.array(["0.33", "0.0"]), (1, "is an exact decimal")),
        ("ProviderName", pyarrow.array([b"a", b"b"]), (1, "is text")),
        (
            "ChargePeriodEnd",
            pyarrow.array([NOW.replace(tzinfo=None)] * 2, pyarrow.timestamp("ms")),
            (1, "is a moment in UTC"),
        ),
        ("ProviderName", pyarrow.array(["", "b"]), (2, "has more than spaces")),
        ("ProviderName", pyarrow.array([None, "b"]), (2, "is not null")),
        ("ChargeCategory", pyarrow.array(["Usage", "Use"]), (3, "has one of the allowed values")),
        ("Tags", pyarrow.array(["[1]", None]), (2, "is a JSON object with names that differ")),
    ],
)
def test_checker_names_what_is_wrong(
    project: Project, name: str, values: Any, told: tuple[int, str]
) -> None:
    (problem,) = problems_of_parquet(changed(project, name, values))

    assert (problem.row, problem.column, problem.rule) == (told[0], name, told[1])


def test_what_broke_off_is_no_parquet(project: Project) -> None:
    some_use(project)
    content = written_as_parquet(rows_of(project))

    (problem,) = problems_of_parquet(content[: len(content) // 2])

    assert problem.rule.startswith("is Parquet")


def test_command_knows_what_it_is_given(project: Project, tmp_path: Path, capsys: Any) -> None:
    some_use(project)
    path = tmp_path / "file"
    path.write_bytes(written_as_parquet(rows_of(project)))

    call_command("check_focus", path)

    assert capsys.readouterr().out == f"{path} is FOCUS 1.2\n"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CommandError, match="1 problem found"):
        call_command("check_focus", path)
