"""What addresses of pages may hold, beside what Django knows."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

__all__ = ["path"]


class SheetConverter(StringConverter):
    """The forms that ``portal.core.sheets`` writes. Of another form there is no such address: so
    nothing is calculated for it first."""

    regex = "csv|xlsx"


class ReportConverter(StringConverter):
    """The forms of a report: several sheets in one file, or the same for programs."""

    regex = "xlsx|json"


register_converter(SheetConverter, "sheet")
register_converter(ReportConverter, "report")
