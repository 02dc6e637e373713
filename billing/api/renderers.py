"""Let a program ask for a file by its media type; the view writes it by itself, piece by piece."""

from __future__ import annotations

from rest_framework.renderers import BaseRenderer

from billing.focus.parquet import PARQUET_TYPE
from portal.core.sheets import XLSX_TYPE


class CsvRenderer(BaseRenderer):
    media_type = "text/csv"
    format = "csv"


class ParquetRenderer(BaseRenderer):
    media_type = PARQUET_TYPE
    format = "parquet"


class XlsxRenderer(BaseRenderer):
    media_type = XLSX_TYPE
    format = "xlsx"


class PdfRenderer(BaseRenderer):
    media_type = "application/pdf"
    format = "pdf"


class XmlRenderer(BaseRenderer):
    media_type = "application/xml"
    format = "xml"


class FileRenderer(BaseRenderer):
    """Of files of any type."""

    media_type = "*/*"
    format = "file"
