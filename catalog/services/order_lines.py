"""The lines of an order that somebody asks for: checked before anything is locked or written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from billing.services.order_tags import TagQuestion, clean_tags, tag_questions
from catalog.errors import LineRefused, OfferingUnavailable
from catalog.kinds import Kind, get_kind
from catalog.models import OfferingVersion, OfferingVersionState
from catalog.models.offering import LONGEST_TERM_DAYS
from catalog.services.sources import clean_answers
from catalog.services.wholes import Membership, Whole
from portal.core.errors import DomainError, InvalidInput
from portal.identity.models import Project

MOST_LINES: Final = 50  # of one order


@dataclass(frozen=True, kw_only=True)
class LineRequest:
    """One thing asked for, as it came in; nothing in it is trusted.

    ``membership`` is added to what is a part of something that was asked for as a whole, and
    ``number`` says which of the lines that were sent asked for it, from 1. ``tags`` are by key.
    """

    version: OfferingVersion
    name: str
    spec: Mapping[str, Any]
    end_date: date | None
    membership: Membership | None = None
    number: int = 1
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def versions(self) -> list[OfferingVersion]:
        """Everything that must be on offer for it."""
        whole = [self.membership.whole.version] if self.membership else []
        return [self.version, *whole]


@contextmanager
def refusals_of(line: LineRequest, number: int, *, of: int) -> Iterator[None]:
    """Say of which line a refusal is, where several were sent."""
    try:
        yield
    except InvalidInput as error:
        if of == 1:
            raise
        errors = {f"lines.{number}.{name}": said for name, said in error.errors.items()}
        raise InvalidInput(errors) from error
    except DomainError as error:
        if of == 1:
            raise
        raise LineRefused(error, position=number, name=line.name) from error


def clean_lines(lines: Sequence[LineRequest], project: Project) -> list[LineRequest]:
    """Check all lines; what is wrong in their fields comes in one answer.

    Of a line that asks for a whole, the parts are returned.

    Raises:
        InvalidInput: also where all parts together are more than one order may ask.
    """
    cleaned: list[LineRequest] = []
    errors: dict[str, list[str]] = {}
    questions = tag_questions(project)
    for number, line in enumerate(lines, start=1):
        try:
            with refusals_of(line, number, of=len(lines)):
                parts = parts_of(clean_line(line, project, questions))
                cleaned += [replace(part, number=number) for part in parts]
        except InvalidInput as error:
            errors |= error.errors
    if errors:
        raise InvalidInput(errors)
    check_count(len(cleaned))
    return cleaned


def check_count(lines: int) -> None:
    """Raise InvalidInput where that is not how many things one order may ask."""
    if not 0 < lines <= MOST_LINES:
        message = _("Ask for at least 1 thing, and for {most} at most.").format(most=MOST_LINES)
        raise InvalidInput({"lines": [message]})


def clean_line(
    line: LineRequest, project: Project, questions: Sequence[TagQuestion] | None
) -> LineRequest:
    """Check everything that can be checked without a lock; all wrong fields in one answer.

    Args:
        questions: what is asked of tags in the project; None: that is not looked at yet.
    """
    if line.version.state != OfferingVersionState.PUBLISHED:
        raise OfferingUnavailable()
    kind = get_kind(line.version.offering.kind)
    errors: dict[str, list[str]] = {}
    spec: dict[str, Any] = {}
    tags: dict[str, str] = dict(line.tags) if questions is None else {}
    checks: list[Callable[[], None]] = [
        lambda: check_name(kind, line.name),
        lambda: check_end_date(line.version, line.end_date),
        lambda: spec.update(clean_answers(line.version, project, line.spec)),
    ]
    if questions is not None:
        checks.append(lambda: tags.update(clean_tags(line.tags, questions)))
    for check in checks:
        try:
            check()
        except InvalidInput as error:
            errors |= error.errors
    if errors:
        raise InvalidInput(errors)
    return LineRequest(
        version=line.version, name=line.name, spec=spec, end_date=line.end_date, tags=tags
    )


def parts_of(line: LineRequest) -> list[LineRequest]:
    """What is made for a line that was checked: it, or the parts that it is made of.

    Raises:
        InvalidInput: a part cannot be called or made so.
    """
    kind = get_kind(line.version.offering.kind)
    requests = kind.expand(line.version, line.name, line.spec)
    if not requests:
        return [line]
    whole = Whole(version=line.version, name=line.name, spec=line.spec)
    for request in requests:
        check_end_date(request.version, line.end_date)
    return [
        LineRequest(
            version=request.version,
            name=request.name,
            spec=request.spec,
            end_date=line.end_date,
            membership=Membership(whole, request),
            tags=line.tags,
        )
        for request in requests
    ]


def check_name(kind: Kind, name: str) -> None:
    """Raise InvalidInput when a resource of this kind may not be called ``name``."""
    if not re.fullmatch(kind.name_pattern, name):
        raise InvalidInput({"name": [str(kind.name_hint)]})


def last_end_date(version: OfferingVersion) -> date:
    """The last day that what is ordered today may end."""
    return localdate() + timedelta(days=version.maximum_term_days or LONGEST_TERM_DAYS)


def check_end_date(version: OfferingVersion, end_date: date | None) -> None:
    """Raise InvalidInput when the term would not begin, or be longer than the offering allows."""
    last = last_end_date(version)
    is_left_out = end_date is None and version.maximum_term_days is None
    if is_left_out or (end_date and localdate() < end_date <= last):
        return
    message = _("Choose a day after today, and not later than {last}.")
    raise InvalidInput({"end_date": [message.format(last=last.strftime("%d-%m-%Y"))]})
