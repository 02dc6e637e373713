"""Money counts whole seconds: a condition that keeps fractions out of the tables."""

from __future__ import annotations

from django.db.models import DateTimeField, F, Func, Q


class WholeSecond(Func):
    """A moment without its fraction. Independent of the session's time zone."""

    template = "DATE_TRUNC('second', %(expressions)s)"
    output_field = DateTimeField()


def is_whole_second(*fields: str) -> Q:
    """True of rows whose moments in ``fields`` have no fraction of a second (or are NULL)."""
    condition = Q()
    for field in fields:
        condition &= Q(**{f"{field}__isnull": True}) | Q(**{field: WholeSecond(F(field))})
    return condition
