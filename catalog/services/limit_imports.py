"""Limits from a file: which line names which part, and everything that is wrong with a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar
from uuid import UUID

from django.db.models import Q
from django.utils import translation
from django.utils.timezone import localdate, now
from django.utils.translation import gettext as _

from catalog.limit_files import (
    Cell,
    Formula,
    Row,
    heading_of,
    read_amount,
    read_moment,
    read_rows,
)
from catalog.models import Metric
from catalog.quota_errors import FileRefused
from catalog.services.limit_plans import PlanLine
from portal.core.calendar import BUSINESS_TIME, end_of_day, start_of_day
from portal.identity.access import reached_nodes
from portal.identity.models import Node, Person

# Our names of the columns, and what people may call them. Other columns are left alone.
COLUMNS: Final = {
    "code": ("code", "part", "onderdeel"),
    "id": ("id", "public_id"),
    "metric": ("metric", "quota", "quotum", "soort"),
    "limit": ("limit", "limiet"),
    "from": ("from", "vanaf"),
    "until": ("until", "until_and_including", "tot_en_met"),
}
_LANGUAGES: Final = ("nl", "en")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Line:
    """One line of the file. ``plan`` is None where ``problems`` say why."""

    number: int
    name: str
    plan: PlanLine | None = None
    problems: list[str] = field(default_factory=list)


def read_limits(content: bytes, *, actor: Person) -> list[Line]:
    """What the lines of a file ask, in their order. Two queries.

    Of parts that the actor does not reach is said that they are not there.

    Raises:
        FileRefused: it is too large, no table, or lacks a column.
    """
    heading, *rows = read_rows(content)
    places = _places(heading)
    if not rows:
        raise FileRefused(_("There are no lines below the heading."))
    records = [(number, _record(cells, places)) for number, cells in rows]
    parts = _Parts(actor, [record for _number, record in records])
    metrics = _metrics_by_name()
    return [_line(number, record, parts, metrics) for number, record in records]


def _places(heading: Row) -> dict[str, int]:
    """Where each of our columns stands."""
    names = heading_of(heading[1])
    places = {}
    for column, aliases in COLUMNS.items():
        found = [place for place, name in enumerate(names) if name in aliases]
        if len(found) > 1:
            raise FileRefused(_("The column “{name}” is there twice.").format(name=column))
        if found:
            places[column] = found[0]
    missing = [name for name in ("metric", "limit") if name not in places]
    if not places.keys() & {"code", "id"}:
        missing.insert(0, "code")
    if missing:
        raise FileRefused(
            _(
                "The first line must name the columns. Missing: {names}. "
                "Begin with our example file."
            ).format(names=", ".join(missing))
        )
    return places


def _record(cells: Sequence[Cell], places: dict[str, int]) -> dict[str, Cell]:
    return {
        column: cells[places[column]] if column in places and places[column] < len(cells) else ""
        for column in COLUMNS
    }


def _metrics_by_name() -> dict[str, Metric]:
    """By code, and by what people call them in any language."""
    names = {metric.value: metric for metric in Metric}
    for language in _LANGUAGES:
        with translation.override(language):
            names |= {str(metric.label).casefold(): metric for metric in Metric}
    return names


class _Parts:
    """The living parts that the file names and the person reaches."""

    def __init__(self, actor: Person, records: Sequence[dict[str, Cell]]) -> None:
        codes = {_path(record["code"])[-1] for record in records}
        ids = {found for record in records if (found := _public_id(record["id"]))}
        ids |= {found for record in records if (found := _public_id(record["code"]))}
        reached = reached_nodes(actor).filter(ended_at=None)
        nodes = list(reached.filter(Q(code__in=codes) | Q(public_id__in=ids)))
        self._by_code = {node.code: node for node in nodes}
        self._by_id = {node.public_id: node for node in nodes}
        above = {pk for node in nodes for pk in node.ancestor_ids}
        self._codes = dict(Node.objects.filter(pk__in=above).values_list("pk", "code"))

    def find(self, code: Cell, public_id: Cell) -> Node:
        """The one part that both name.

        Raises:
            ValueError: there is none, or they name two.
        """
        if code == "" and public_id == "":
            raise ValueError(_("Fill in the code of a part."))
        by_path = self._by_path(code) if code != "" else None
        by_id = self._of_id(public_id) if public_id != "" else None
        if by_path and by_id and by_path != by_id:
            raise ValueError(_("The code and the id name two different parts."))
        is_whole = (code == "" or by_path) and (public_id == "" or by_id)
        node = by_path or by_id
        if node is None or not is_whole:
            raise ValueError(_("There is no such part, or you do not see it."))
        return node

    def _of_id(self, cell: Cell) -> Node | None:
        public_id = _public_id(cell)
        return self._by_id.get(public_id) if public_id else None

    def _by_path(self, code: Cell) -> Node | None:
        if _public_id(code):
            return self._of_id(code)
        *above, own = _path(code)
        node = self._by_code.get(own)  # of what lives no two have the same
        if node is None or not above:
            return node
        codes = [self._codes[pk] for pk in node.ancestor_ids]
        return node if codes[-len(above) :] == above else None


def _path(code: Cell) -> list[str]:
    """The codes from an organization down: “ministry/directorate/project”, or the last alone."""
    text = "" if isinstance(code, Formula) else str(code).replace("\x00", "")
    return [step.strip() for step in text.split("/") if step.strip()] or [""]


def _public_id(cell: Cell) -> UUID | None:
    try:
        return UUID(cell) if isinstance(cell, str) else None
    except ValueError:
        return None


def _line(number: int, record: dict[str, Cell], parts: _Parts, metrics: dict[str, Metric]) -> Line:
    name = _name_of(record)
    if formulas := [column for column, cell in record.items() if isinstance(cell, Formula)]:
        text = _("A formula stands in: {names}. Replace it by its result.")
        return Line(number, name, problems=[text.format(names=", ".join(formulas))])
    problems: list[str] = []
    node = _tried(problems, lambda: parts.find(record["code"], record["id"]))
    metric = _tried(problems, lambda: _find_metric(record["metric"], metrics))
    amount = _tried(problems, lambda: _amount(record["limit"]))
    start = _tried(problems, lambda: _beginning(record["from"]))
    end = _tried(problems, lambda: _end(record["until"]))
    if problems or node is None or metric is None:
        return Line(number, node.name if node else name, problems=problems)
    plan = PlanLine(
        node=node,
        metric=metric,
        amount=amount,
        valid_from=start,
        valid_until=end,
        number=number,
    )
    return Line(number, node.name, plan)


def _name_of(record: dict[str, Cell]) -> str:
    """What the line calls its part."""
    return next(
        (str(cell) for cell in (record["code"], record["id"]) if cell and isinstance(cell, str)), ""
    )


def _tried(problems: list[str], read: Callable[[], Found]) -> Found | None:
    """What is read, or None with the problem noted."""
    try:
        return read()
    except ValueError as error:
        problems.append(str(error))
        return None


def _find_metric(cell: Cell, metrics: dict[str, Metric]) -> Metric:
    metric = metrics.get(" ".join(str(cell).casefold().split()))
    if metric is None:
        raise ValueError(_("There is no such quota: fill in a code such as “vcpus”."))
    return metric


def _amount(cell: Cell) -> Decimal | None:
    if cell == "":
        raise ValueError(_("Fill in a limit, or leave the line out."))
    return read_amount(cell)


def _beginning(cell: Cell) -> datetime | None:
    found = read_moment(cell)
    if found is None:
        return None
    if isinstance(found, datetime):
        if found < now():
            raise ValueError(_("Choose today or a later day."))
        return found
    if found < localdate(timezone=BUSINESS_TIME):
        raise ValueError(_("Choose today or a later day."))
    return start_of_day(found)


def _end(cell: Cell) -> datetime | None:
    found = read_moment(cell)
    if found is None or isinstance(found, datetime):
        return found
    return end_of_day(found)
