"""A statement as PDF/UA: made once, when its month closes. In Dutch, as the books are.

Nothing is fetched for it: the fonts are those of the program, not those of the system.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import typst
from django.utils import translation
from django.utils.translation import gettext as _

from billing.documents.keywords import keywords_of
from billing.documents.wording import period_of, quantity_of, vat_note
from billing.models import Statement, StatementLine
from portal.core.formats import day, money, unit_price
from portal.core.printable import printable

_NOT_IN_A_FONT: Final = re.compile(r'the text `"(.+?)"` could not be displayed', re.DOTALL)
_TEMPLATE: Final = Path(__file__).parent / "statement.typ"


def make_document(statement: Statement) -> bytes:
    """Return the PDF. The renderer refuses what PDF/UA-1 forbids."""
    with translation.override("nl"):
        data = _data_of(statement)
    return _compile(json.dumps(_printable(data), ensure_ascii=False), statement.issued_at)


def _printable(data: Any) -> Any:
    """The same without control characters, which no font has."""
    match data:
        case str():
            return printable(data)
        case list():
            return [_printable(item) for item in data]
        case dict():
            return {key: _printable(value) for key, value in data.items()}
    return data


def _compile(data: str, issued_at: datetime) -> bytes:
    """Characters that no font of the program has become question marks, for PDF/UA forbids them."""
    while True:
        try:
            return typst.compile(
                str(_TEMPLATE),
                root=str(_TEMPLATE.parent),
                ignore_system_fonts=True,
                sys_inputs={"data": data},
                pdf_standards=["ua-1"],
                timestamp=int(issued_at.timestamp()),
            )
        except typst.TypstError as error:
            found = _NOT_IN_A_FONT.search(str(error))
            missing = {mark for mark in found[1] if not mark.isascii()} if found else set()
            if not missing & set(data):
                raise
            data = "".join("?" if mark in missing else mark for mark in data)


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
        "columns": [_("Project"), _("Service"), _("Price"), _("Quantity"), _("Amount")],
        "lines": [_line(line) for line in statement.lines.order_by("position")],
    }


def _line(line: StatementLine) -> dict[str, str]:
    return {
        "project": line.project_name,
        "allocation": line.allocation,
        "service": line.service,
        "note": line.note,
        "price": f"{unit_price(line.unit_price)} {line.get_unit_display()}",
        "quantity": quantity_of(line),
        "amount": money(line.amount),
    }


def _oin(number: str) -> str:
    return f"OIN {number}" if number else ""


def _filled(*lines: str) -> list[str]:
    return [line for line in lines if line]
