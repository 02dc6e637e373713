"""A statement as PDF/UA: made once, after its month closed. In Dutch, as the books are.

Nothing is fetched for it: the fonts are those of the program, not those of the system. How large it
becomes is bounded: of many lines it has sums, and the lines are to be had as a file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, Min, Sum
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.documents.keywords import keywords_of
from billing.documents.wording import period_of, price_of, quantity_of, vat_note
from billing.models import LineKind, Statement, StatementLine
from portal.core.formats import day, money
from portal.core.printable import printable

MOST_ROWS: Final = 1000  # some thirty pages
_PATIENCE: Final = 45  # seconds, well within what a task may take

Cell = tuple[str, str]  # what it says, and below it in small


class DocumentFailed(Exception):
    """The renderer made none; its own words say why."""


def make_document(statement: Statement) -> bytes:
    """Return the PDF.

    Raises:
        DocumentFailed: the renderer did not make it.
    """
    with translation.override("nl"):
        data = _data_of(statement)
    asked = {
        "data": json.dumps(_printable(data), ensure_ascii=False),
        "issued_at": int(statement.issued_at.timestamp()),
    }
    return _render(json.dumps(asked))


def _render(asked: str) -> bytes:
    try:
        return subprocess.run(
            [sys.executable, "-m", "billing.documents.render"],
            input=asked.encode(),
            cwd=settings.BASE_DIR,
            env={},
            capture_output=True,
            check=True,
            timeout=_PATIENCE,
        ).stdout
    except subprocess.CalledProcessError as error:
        raise DocumentFailed(error.stderr.decode(errors="replace")[-2000:]) from error
    except subprocess.TimeoutExpired as error:
        raise DocumentFailed(f"not ready after {_PATIENCE} seconds") from error


def _printable(data: Any) -> Any:
    """The same without control characters, which no font has."""
    match data:
        case str():
            return printable(data)
        case list() | tuple():
            return [_printable(item) for item in data]
        case dict():
            return {key: _printable(value) for key, value in data.items()}
    return data


def _data_of(statement: Statement) -> dict[str, Any]:
    parties = statement.parties
    return {
        "title": _("Statement {number}").format(number=statement.number),
        "issuer": parties["issuer"],
        "keywords": keywords_of(statement),
        "parties": [
            {"label": _("From"), "lines": _filled(parties["issuer"], _oin(parties["issuer_oin"]))},
            {
                "label": _("For"),
                "lines": _filled(
                    parties["payer"], parties["payer_above"], _oin(parties["payer_oin"])
                ),
            },
            {"label": _("Period"), "lines": [period_of(statement)]},
            {"label": _("Booking date"), "lines": [day(statement.issued_at)]},
        ],
        "total": money(statement.total),
        "vat": vat_note(statement),
        **_table_of(statement),
    }


def _table_of(statement: Statement) -> dict[str, Any]:
    count = statement.lines.count()
    if count <= MOST_ROWS:
        return {
            "heading": _("Lines"),
            "note": "",
            "columns": [_("Project"), _("Service"), _("Price"), _("Quantity"), _("Amount")],
            "rows": [_row(line) for line in statement.lines.order_by("position")],
        }
    return {
        "heading": _("Sums of the lines"),
        "note": _(
            "This statement has {count} lines. They are on its page in the portal, and there as a "
            "file for a spreadsheet. They never change; their checksum is {checksum}."
        ).format(count=count, checksum=statement.content_sha256),
        "columns": [_("Project"), _("Service"), _("Lines"), _("Amount")],
        "rows": _sums(statement),
    }


def _row(line: StatementLine) -> list[Cell]:
    return [
        (line.project_name, line.allocation),
        (line.service, line.note),
        (price_of(line), line.tier),
        (quantity_of(line), ""),
        (money(line.amount), ""),
    ]


def _sums(statement: Statement) -> list[list[Cell]]:
    """Per project and service; where even those are too many, per service."""
    groups = ("names__project", "names__sku_nl", "kind")
    found = _summed(statement, *groups)
    if len(found) > MOST_ROWS:
        found = _summed(statement, *groups[1:])
    return [
        [
            (row.get("names__project") or _("All projects"), ""),
            (row["names__sku_nl"], _kind(row["kind"])),
            (ngettext("1 line", "{count} lines", row["count"]).format(count=row["count"]), ""),
            (money(row["sum"]), ""),
        ]
        for row in found
    ]


def _summed(statement: Statement, *groups: str) -> list[dict[str, Any]]:
    lines = statement.lines.values(*groups)
    summed = lines.annotate(sum=Sum("amount"), count=Count("pk"), first=Min("position"))
    return list(summed.order_by("first")[: MOST_ROWS + 1])


def _kind(kind: str) -> str:
    return "" if kind == LineKind.USAGE else str(LineKind(kind).label)


def _oin(number: str) -> str:
    return f"OIN {number}" if number else ""


def _filled(*lines: str) -> list[str]:
    return [line for line in lines if line]
