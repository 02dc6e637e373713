"""An e-invoice as UBL 2.1, in the Dutch profile of EN 16931 (NLCIUS).

The order of elements is that of the UBL schema. Elements carry the prefixes they are written with;
nothing here reads them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from billing.einvoice.invoice import Invoice, InvoiceLine
from billing.einvoice.parties import Address
from billing.ledger.vat import VatCategory
from portal.core.printable import printable

NLCIUS: Final = "urn:cen.eu:en16931:2017#compliant#urn:fdc:nen.nl:nlcius:v1.0"
UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
AGGREGATE: Final = f"{UBL}CommonAggregateComponents-2"
BASIC: Final = f"{UBL}CommonBasicComponents-2"
OIN, KVK = "0190", "0106"  # EAS, ISO 6523
INVOICE, CREDIT_NOTE = "380", "381"  # UNCL 1001
SEPA_CREDIT_TRANSFER: Final = "58"  # UNCL 4461


def as_ubl(invoice: Invoice) -> bytes:
    """Return the document."""
    kind = "CreditNote" if invoice.is_credit_note else "Invoice"
    names = {"xmlns": f"{UBL}{kind}-2", "xmlns:cac": AGGREGATE, "xmlns:cbc": BASIC}
    root = Element(kind, names)
    _add_head(root, invoice, kind)
    _add_supplier(root, invoice)
    _add_customer(root, invoice)
    _add_payment(root, invoice)
    _add_totals(root, invoice)
    for number, line in enumerate(invoice.lines, start=1):
        _add_line(root, invoice, number, line)
    indent(root)
    document: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _add_head(root: Element, invoice: Invoice, kind: str) -> None:
    _text(root, "CustomizationID", NLCIUS)
    _text(root, "ID", invoice.number)
    _text(root, "IssueDate", invoice.issued_on.isoformat())
    _text(root, f"{kind}TypeCode", CREDIT_NOTE if invoice.is_credit_note else INVOICE)
    _text(root, "DocumentCurrencyCode", invoice.currency)
    period = SubElement(root, "cac:InvoicePeriod")
    _text(period, "StartDate", invoice.first_day.isoformat())
    _text(period, "EndDate", invoice.last_day.isoformat())
    if invoice.commitment_number:
        _text(SubElement(root, "cac:OrderReference"), "ID", invoice.commitment_number)
    for number in invoice.preceding:
        reference = SubElement(root, "cac:BillingReference")
        _text(SubElement(reference, "cac:InvoiceDocumentReference"), "ID", number)


def _add_supplier(root: Element, invoice: Invoice) -> None:
    supplier = invoice.supplier
    party = SubElement(SubElement(root, "cac:AccountingSupplierParty"), "cac:Party")
    _text(party, "EndpointID", supplier.kvk_number, schemeID=KVK)
    _add_address(party, supplier)
    tax = SubElement(party, "cac:PartyTaxScheme")
    _text(tax, "CompanyID", supplier.vat_number)
    _add_vat_scheme(tax)
    entity = SubElement(party, "cac:PartyLegalEntity")
    _text(entity, "RegistrationName", invoice.supplier_name)
    _text(entity, "CompanyID", supplier.kvk_number, schemeID=KVK)
    contact = SubElement(party, "cac:Contact")
    _text(contact, "Name", supplier.contact_name)
    _text(contact, "ElectronicMail", supplier.contact_email)


def _add_customer(root: Element, invoice: Invoice) -> None:
    party = SubElement(SubElement(root, "cac:AccountingCustomerParty"), "cac:Party")
    _text(party, "EndpointID", invoice.customer_oin, schemeID=OIN)
    _add_address(party, invoice.customer)
    entity = SubElement(party, "cac:PartyLegalEntity")
    _text(entity, "RegistrationName", invoice.customer_name)
    _text(entity, "CompanyID", invoice.customer_oin, schemeID=OIN)


def _add_address(party: Element, address: Address) -> None:
    element = SubElement(party, "cac:PostalAddress")
    _text(element, "StreetName", address.street)
    _text(element, "CityName", address.city)
    _text(element, "PostalZone", address.postal_code)
    _text(SubElement(element, "cac:Country"), "IdentificationCode", "NL")


def _add_payment(root: Element, invoice: Invoice) -> None:
    means = SubElement(root, "cac:PaymentMeans")
    _text(means, "PaymentMeansCode", SEPA_CREDIT_TRANSFER)
    _text(means, "PaymentID", invoice.number)
    _text(SubElement(means, "cac:PayeeFinancialAccount"), "ID", invoice.supplier.iban)
    terms = SubElement(root, "cac:PaymentTerms")
    _text(terms, "Note", f"Betalen binnen {invoice.supplier.payment_days} dagen")


def _add_totals(root: Element, invoice: Invoice) -> None:
    total = SubElement(root, "cac:TaxTotal")
    _amount(total, "TaxAmount", invoice.vat, invoice)
    subtotal = SubElement(total, "cac:TaxSubtotal")
    _amount(subtotal, "TaxableAmount", invoice.net, invoice)
    _amount(subtotal, "TaxAmount", invoice.vat, invoice)
    category = SubElement(subtotal, "cac:TaxCategory")
    _text(category, "ID", invoice.category)
    _text(category, "Percent", _number(invoice.percent))
    if invoice.category == VatCategory.EXEMPT:
        _text(category, "TaxExemptionReasonCode", invoice.supplier.exemption_code)
    _add_vat_scheme(category)
    money = SubElement(root, "cac:LegalMonetaryTotal")
    _amount(money, "LineExtensionAmount", invoice.net, invoice)
    _amount(money, "TaxExclusiveAmount", invoice.net, invoice)
    _amount(money, "TaxInclusiveAmount", invoice.net + invoice.vat, invoice)
    _amount(money, "PayableAmount", invoice.net + invoice.vat, invoice)


def _add_line(root: Element, invoice: Invoice, number: int, line: InvoiceLine) -> None:
    kind, quantity = (
        ("CreditNoteLine", "CreditedQuantity")
        if invoice.is_credit_note
        else ("InvoiceLine", "InvoicedQuantity")
    )
    element = SubElement(root, f"cac:{kind}")
    _text(element, "ID", str(number))
    _text(element, quantity, _number(line.quantity), unitCode=line.unit_code)
    _amount(element, "LineExtensionAmount", line.amount, invoice)
    if line.cost_center:
        _text(element, "AccountingCost", line.cost_center)
    item = SubElement(element, "cac:Item")
    _text(item, "Description", line.description)
    _text(item, "Name", line.name)
    _text(SubElement(item, "cac:SellersItemIdentification"), "ID", line.sku)
    category = SubElement(item, "cac:ClassifiedTaxCategory")
    _text(category, "ID", invoice.category)
    _text(category, "Percent", _number(invoice.percent))
    _add_vat_scheme(category)
    price = SubElement(element, "cac:Price")
    _text(price, "PriceAmount", _number(line.price), currencyID=invoice.currency)


def _add_vat_scheme(parent: Element) -> None:
    _text(SubElement(parent, "cac:TaxScheme"), "ID", "VAT")


def _amount(parent: Element, name: str, amount: Decimal, invoice: Invoice) -> None:
    _text(parent, name, f"{amount:.2f}", currencyID=invoice.currency)


def _text(parent: Element, name: str, text: str, **attributes: str) -> None:
    SubElement(parent, f"cbc:{name}", attributes).text = printable(text)


def _number(value: Decimal) -> str:
    return format(value.normalize(), "f")
