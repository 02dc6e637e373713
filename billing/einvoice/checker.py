"""What EN 16931 says of an e-invoice's arithmetic and VAT, and the basisfactuur Rijk of parties.

Reads the document itself, and rounds by itself: it shares no code with what writes one.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from xml.etree.ElementTree import Element, fromstring

_NAMES: Final = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}
_SUPPLIER: Final = "cac:AccountingSupplierParty/cac:Party"
_CUSTOMER: Final = "cac:AccountingCustomerParty/cac:Party"
_TOTALS: Final = "cac:LegalMonetaryTotal"
_SUBTOTAL: Final = "cac:TaxTotal/cac:TaxSubtotal"
_CENT: Final = Decimal("0.01")


def check_invoice(document: bytes) -> list[str]:
    """Return the rules that the document breaks, by their names in the norm."""
    root = fromstring(document)  # noqa: S314  (we wrote it)
    lines = [*root.findall("cac:InvoiceLine", _NAMES), *root.findall("cac:CreditNoteLine", _NAMES)]
    rules = {
        "BR-16": bool(lines),
        **_totals(root, lines),
        **_vat(root, lines),
        **_parties(root),
        "BR-27": all(_value(line, "cac:Price/cbc:PriceAmount") >= 0 for line in lines),
    }
    return [name for name, holds in rules.items() if not holds]


def _totals(root: Element, lines: list[Element]) -> dict[str, bool]:
    net = sum((_value(line, "cbc:LineExtensionAmount") for line in lines), Decimal(0))
    vat = _value(root, "cac:TaxTotal/cbc:TaxAmount")
    parts = [_value(subtotal, "cbc:TaxAmount") for subtotal in root.findall(_SUBTOTAL, _NAMES)]
    without = _value(root, f"{_TOTALS}/cbc:TaxExclusiveAmount")
    together = _value(root, f"{_TOTALS}/cbc:TaxInclusiveAmount")
    payable = _value(root, f"{_TOTALS}/cbc:PayableAmount")
    return {
        "BR-CO-10": _value(root, f"{_TOTALS}/cbc:LineExtensionAmount") == net,
        "BR-CO-13": without == net,
        "BR-CO-14": vat == sum(parts, Decimal(0)),
        "BR-CO-15": together == without + vat,
        "BR-CO-16": payable == together,
        "BR-CO-25": payable <= 0 or bool(_read(root, "cac:PaymentTerms/cbc:Note")),
    }


def _vat(root: Element, lines: list[Element]) -> dict[str, bool]:
    """Per category: its lines are what is taxed, at its rate; S is taxed, E and O say why not."""
    rules: dict[str, bool] = {}
    subtotals = {
        _read(part, "cac:TaxCategory/cbc:ID"): part for part in root.findall(_SUBTOTAL, _NAMES)
    }
    of_lines = {_category(line) for line in lines}
    rules["BR-CO-18"] = bool(subtotals)
    for category in sorted(of_lines | set(subtotals)):
        rules[f"BR-{category}-01"] = category in of_lines and category in subtotals
        if part := subtotals.get(category):
            own = [line for line in lines if _category(line) == category]
            rules |= _of_category(root, category, part, own)
    if "O" in subtotals:
        rules["BR-O-11"] = set(subtotals) == {"O"}
        rules["BR-O-12"] = of_lines == {"O"}
    return rules


def _of_category(
    root: Element, category: str, part: Element, lines: list[Element]
) -> dict[str, bool]:
    net = sum((_value(line, "cbc:LineExtensionAmount") for line in lines), Decimal(0))
    percent = _read(part, "cac:TaxCategory/cbc:Percent")
    rates = {_read(line, "cac:Item/cac:ClassifiedTaxCategory/cbc:Percent") for line in lines}
    taxable, tax = _value(part, "cbc:TaxableAmount"), _value(part, "cbc:TaxAmount")
    reason = _read(part, "cac:TaxCategory/cbc:TaxExemptionReasonCode")
    has_number = bool(_read(root, f"{_SUPPLIER}/cac:PartyTaxScheme/cbc:CompanyID"))
    due = (taxable * Decimal(percent or 0) / 100).quantize(_CENT, rounding=ROUND_HALF_UP)
    is_outside = category == "O"
    rate_is_right = {"S": Decimal(percent or 0) > 0, "E": percent == "0", "O": percent == ""}
    return {
        f"BR-{category}-02": has_number != is_outside,
        f"BR-{category}-05": rate_is_right.get(category, False) and rates <= {percent},
        f"BR-{category}-08": taxable == net,
        f"BR-{category}-09": tax == due,
        f"BR-{category}-10": bool(reason) != (category == "S"),
    }


def _parties(root: Element) -> dict[str, bool]:
    oin = root.find(f"{_CUSTOMER}/cac:PartyLegalEntity/cbc:CompanyID", _NAMES)
    currency = _read(root, "cbc:DocumentCurrencyCode")
    amounts = root.findall(".//*[@currencyID]")
    return {
        "BR-NL-BFR-1": bool(_read(root, f"{_SUPPLIER}/cac:Contact/cbc:ElectronicMail")),
        "BR-NL-BFR-2": oin is not None and oin.get("schemeID") == "0190" and bool(oin.text),
        "BR-NL-BFR-3": bool(_read(root, "cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID")),
        "BR-NL-BFR-4": {amount.get("currencyID") for amount in amounts} == {currency},
    }


def _category(line: Element) -> str:
    return _read(line, "cac:Item/cac:ClassifiedTaxCategory/cbc:ID")


def _read(element: Element, path: str) -> str:
    return element.findtext(path, "", _NAMES)


def _value(element: Element, path: str) -> Decimal:
    """Nothing where there is none."""
    return Decimal(_read(element, path) or 0)
