"""A statement as PDF/UA: made once, when its month closes. In Dutch, as the books are.

Nothing is fetched for it: the fonts are those of the program, not those of the system.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import typst
from django.utils import translation
from django.utils.translation import gettext as _

from billing.documents.wording import period_of, quantity_of, vat_note
from billing.models import Statement, StatementLine
from portal.core.formats import day, money, unit_price

_TEMPLATE: Final = Path(__file__).parent / "statement.typ"


def make_document(statement: Statement) -> bytes:
    """Return the PDF. The renderer refuses what PDF/UA-1 forbids."""
    with translation.override("nl"):
        data = _data_of(statement)
    return typst.compile(
        str(_TEMPLATE),
        root=str(_TEMPLATE.parent),
        ignore_system_fonts=True,
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        pdf_standards=["ua-1"],
        timestamp=int(statement.issued_at.timestamp()),
    )


def _data_of(statement: Statement) -> dict[str, Any]:
    parties = statement.parties
    return {
        "title": _("Statement {number}").format(number=statement.number),
        "issuer": parties["issuer"],
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
