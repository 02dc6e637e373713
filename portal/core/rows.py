"""Instances of models out of statements written by hand.

For what is asked at every stroke of a key: there Django needs longer to compose a query than the
database to answer it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Model
from psycopg import Cursor

M = TypeVar("M", bound=Model)


class RowOf(Generic[M]):
    """The columns of a model, for a statement that calls its tables by their own names."""

    def __init__(self, model: type[M]) -> None:
        self._model = model
        self._fields = list(model._meta.concrete_fields)
        self._names = [item.attname for item in self._fields]
        self._converted = [
            (place, item.from_db_value)  # what the driver returns as text, such as JSON
            for place, item in enumerate(self._fields)
            if hasattr(item, "from_db_value")
        ]
        # Of what has parents in the tree of models each column stands in the table of its own.
        self.columns = ", ".join(
            f'"{item.model._meta.db_table}"."{item.column}"' for item in self._fields
        )

    def __len__(self) -> int:
        return len(self._fields)

    def read(self, values: Sequence[Any]) -> M:
        """The instance whose ``columns`` have these values, in that order."""
        read = list(values)
        for place, convert in self._converted:
            read[place] = convert(read[place], None, connection)
        return self._model.from_db(connection.alias, self._names, read)

    def read_json(self, row: Mapping[str, Any]) -> M:
        """The instance that is this row by ``to_jsonb``, with its columns by name."""
        values = [item.to_python(row[str(item.column)]) for item in self._fields]
        return self._model.from_db(connection.alias, self._names, values)


def ask(statement: str, asked: Mapping[str, Any]) -> list[Cut]:
    """The rows that a statement finds, with ``asked`` in it by name. One query.

    Each connection has the database read and plan a statement that returns once for all, which
    takes longer than to carry it out. Django's own cursor writes values into the text of a
    statement, so that no two are the same.
    """
    connection.close_if_health_check_failed()  # as Django's own cursor begins
    connection.ensure_connection()
    bare: Any = Cursor(connection.connection)
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with wrap(bare) as cursor:
        cursor.execute(statement, asked)
        return [Cut(row) for row in cursor.fetchall()]


class Cut:
    """The values of one row, taken piece by piece."""

    def __init__(self, row: Sequence[Any]) -> None:
        self._row, self._taken = row, 0

    def take(self, columns: RowOf[M]) -> M:
        """The next instance in it."""
        begin, self._taken = self._taken, self._taken + len(columns)
        return columns.read(self._row[begin : self._taken])

    def rest(self) -> Sequence[Any]:
        """What is behind the instances."""
        return self._row[self._taken :]
