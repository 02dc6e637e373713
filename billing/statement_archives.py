"""What there is of the statements of a month, in one zip: the same statements are the same bytes.

Nothing in it is compressed, for how that comes out differs by the library that does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext as _

from billing.einvoice.document import write_invoice
from billing.errors import (
    DocumentNotReady,
    InvoiceOutsideVat,
    VatTreatmentUnknown,
)
from billing.forms import name_of_month
from billing.models import Statement
from portal.core.calendar import BUSINESS_TIME, Period

ZIP_TYPE: Final = "application/zip"
NOTE: Final = "LEESMIJ.txt"  # only where there is nothing else, or not all that may be needed
_UNIX: Final = 3
_FILE: Final = 0o100644 << 16

Member = tuple[str, datetime, bytes]  # name, from when it is, content


def zip_of_documents(statements: QuerySet[Statement], month: Period, name: str) -> IO[bytes]:
    """Return the PDF of each as ``<number>.pdf``, as it was made; or a note that there is none.

    The file is opened at its beginning; it is gone when it is closed.

    Args:
        month, name: which month and whose, for the note.

    Raises:
        DocumentNotReady: a worker is still at one of them.
    """
    if statements.filter(document_sha256="").exists():
        raise DocumentNotReady()
    with translation.override("nl"):
        note = _("{month}: {name} has no statements, with everything below it.").format(
            month=name_of_month(month), name=name
        )
    made = ((f"{one.number}.pdf", one.issued_at, bytes(one.document)) for one in _each(statements))
    return _zip(made, otherwise=(NOTE, month.end, note.encode()))


def zip_of_invoices(statements: QuerySet[Statement], month: Period, name: str) -> IO[bytes]:
    """Return the e-invoice of each that has one as ``<number>.xml``; else as ``zip_of_documents``.

    Those of which nobody knew how they are taxed are named in the note: they may need one.

    Raises:
        DomainError: the settings lack what one must say, as ``make_invoice``.
        BrokenInvoice: one breaks a rule of the norm.
    """
    with translation.override("nl"):
        note = _(
            "{month}: {name} has no e-invoices, with everything below it. Only who is not outside "
            "the scope of VAT gets one, and only where there is something to pay or to get back."
        ).format(month=name_of_month(month), name=name)
    unknown: list[str] = []
    invoices = _invoices(statements.defer("document"), unknown)
    return _zip(invoices, otherwise=(NOTE, month.end, note.encode()), left_out=unknown)


def _invoices(statements: QuerySet[Statement], unknown: list[str]) -> Iterator[Member]:
    """Those that there are; why there is none where nobody knew the tax goes into ``unknown``."""
    for one in _each(statements.exclude(total=0)):
        try:
            yield f"{one.number}.xml", one.issued_at, write_invoice(one)
        except InvoiceOutsideVat:
            continue
        except VatTreatmentUnknown as refusal:
            with translation.override("nl"):
                unknown.append(f"{one.number}: {refusal}")


def _each(statements: QuerySet[Statement]) -> Iterable[Statement]:
    """By number, one in memory at a time."""
    ordered = statements.select_related("month").order_by("year", "sequence")
    return ordered.iterator(chunk_size=1)


def _zip(
    members: Iterable[Member], *, otherwise: Member, left_out: Sequence[str] = ()
) -> IO[bytes]:
    """``left_out`` is read after the members: what the note then says."""
    with ExitStack() as closed_on_error:
        file = closed_on_error.enter_context(TemporaryFile())
        with ZipFile(file, "w", compression=ZIP_STORED) as archive:
            for member in members:
                _add(archive, member)
            name, moment, _note = otherwise
            if left_out:
                _add(archive, (name, moment, "\n".join(left_out).encode()))
            elif not archive.namelist():
                _add(archive, otherwise)
        file.seek(0)
        closed_on_error.pop_all()
    return file


def _add(archive: ZipFile, member: Member) -> None:
    name, moment, content = member
    at = moment.astimezone(BUSINESS_TIME)
    info = ZipInfo(name, date_time=(at.year, at.month, at.day, at.hour, at.minute, at.second))
    info.create_system, info.external_attr = _UNIX, _FILE
    archive.writestr(info, content)
