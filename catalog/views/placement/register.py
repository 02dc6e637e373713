"""The register of known use: the page, its files, and the yearly report to CIO Rijk."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Min
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from billing.forms import EVERYTHING
from catalog.models import Resource
from catalog.placement import RULESET, effective_tbb
from catalog.placement_policies import REGISTER_READERS, register_nodes, register_projects
from catalog.placement_words import label_of
from catalog.register_forms import RegisterForm
from catalog.services.placement.register import (
    KnownUse,
    RegisterQuestion,
    UsedPlace,
    note_register_export,
)
from catalog.services.placement.register_files import (
    Summary,
    operator_of,
    seal_of,
    sheet_rows,
    use_json,
)
from catalog.views.placement.wording import TONES
from portal.core.calendar import Period, day_of, start_of_day, year_of
from portal.core.sheets import answer_book, answer_file
from portal.identity.access import roles_of
from portal.identity.models import Node, NodeKind
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 25
MOST_PROJECTS: Final = 50  # of more the organizations can be chosen, and words be typed
JSON_TYPE: Final = "application/json"


@dataclass(frozen=True, kw_only=True)
class PlaceRow:
    """Where a project has something, in words."""

    place: UsedPlace
    operator: str
    hosting: str
    seal: int | None
    tone: str
    verdict: str
    reasons: list[str]


@dataclass(frozen=True, kw_only=True)
class UseRow:
    use: KnownUse
    above: str
    level: int | None
    places: list[PlaceRow]


@dataclass(frozen=True, kw_only=True)
class ReportRow:
    """The report of a year; ``links``: the name of a form, and its address."""

    year: int
    is_running: bool
    links: list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the address asks for. ``shows`` None: all. ``years``: those that there are."""

    form: RegisterForm
    question: RegisterQuestion
    years: list[int]
    year: int | None
    shows: Callable[[KnownUse], bool] | None

    def uses(self) -> Iterable[KnownUse]:
        return filter(self.shows, self.question.uses()) if self.shows else self.question.uses()


@require_safe
def register(request: PersonRequest) -> HttpResponse:
    """A page of the register; what waits on its owner first."""
    asked = _read(request)
    page = _page(asked, request.GET.get("page"))
    uses = asked.question.read(list(page.object_list))
    context = {
        "form": asked.form,
        "year": asked.year,
        "page": page,
        "rows": [_row(use) for use in uses],
        "totals": asked.question.totals(),
        "years": _reports(asked),
        "is_filtered": bool(asked.shows or asked.question.words or asked.question.node),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if asked.form.errors else HTTPStatus.OK
    return render(request, "catalog/placement/register.html", context, status=status)


@require_safe
def register_sheet(request: PersonRequest, form: str) -> HttpResponseBase:
    """The register as it is filtered, with a row for each place of each project."""
    asked = _read(request)
    if asked.form.errors:
        return register(request)
    _note(request, asked, form)
    return answer_file(sheet_rows(asked.uses()), form, _name(asked))


@require_safe
def register_json(request: PersonRequest) -> HttpResponseBase:
    """The same for programs: each project with its places."""
    asked = _read(request)
    if asked.form.errors:
        return register(request)
    _note(request, asked, "json")
    return _answer_json(_json_of(asked, asked.uses()), _name(asked))


@require_safe
def known_use_report(request: PersonRequest, year: int, form: str) -> HttpResponseBase:
    """The yearly report to CIO Rijk: all known use of a year, and what it comes to."""
    asked = _read(request, year=year)
    _note(request, asked, form)
    summary, name = Summary(), f"known-use-report-{year}"
    uses = summary.watch(asked.uses())
    if form == "json":
        return _answer_json(_json_of(asked, uses, summary), name)
    return answer_book([("register", sheet_rows(uses)), ("summary", summary.rows())], name)


def _read(request: PersonRequest, *, year: int | None = None) -> _Asked:
    """What the address asks for, of what the person reads. ``year``: one that it names itself.

    Raises:
        PermissionDenied: they have no role for it.
        Http404: they do not reach that part, or nothing stood there in that year.
    """
    if not roles_of(request.user) & REGISTER_READERS:
        raise PermissionDenied
    moment = now()
    node, years = chosen_node(request), _years(request, moment)
    if year is not None and year not in years:
        raise Http404
    chosen = {"node": str(node.public_id)} if node else {}
    form = RegisterForm(request.GET.dict() | chosen, nodes=node_choices(request, node), years=years)
    asked_year = year or form.chosen_year
    question = RegisterQuestion(
        person=request.user,
        at=moment,
        node=node,
        period=_period(asked_year) if asked_year else None,
        words="" if year else form.words,
    )
    shows = None if year else form.shows
    return _Asked(form=form, question=question, years=years, year=asked_year, shows=shows)


def chosen_node(request: PersonRequest) -> Node | None:
    """The part that the address names, of what the person reads the register of; None: all.

    Raises:
        Http404: they do not reach that.
    """
    text = request.GET.get("node")
    if not text or text == EVERYTHING:
        return None
    try:
        public_id = UUID(text)
    except ValueError as error:
        raise Http404 from error
    return get_object_or_404(register_nodes(request.user), public_id=public_id)


def node_choices(request: PersonRequest, chosen: Node | None) -> list[Node]:
    """Which part can be chosen, by name: organizations, and projects if they are few."""
    reached = register_nodes(request.user).order_by("name", "pk")
    organizations = list(reached.filter(kind=NodeKind.ORGANIZATION))
    projects = list(reached.filter(kind=NodeKind.PROJECT)[: MOST_PROJECTS + 1])
    nodes = [*organizations, *(projects if len(projects) <= MOST_PROJECTS else [])]
    return [*nodes, chosen] if chosen and chosen not in nodes else nodes


def _years(request: PersonRequest, moment: datetime) -> list[int]:
    """The years in which something stood anywhere, newest first; the running one always."""
    resources = Resource.objects.filter(project__in=register_projects(request.user))
    first = resources.aggregate(at=Min("created_at"))["at"] or moment
    return list(range(day_of(moment).year, day_of(first).year - 1, -1))


def _period(year: int) -> Period:
    return year_of(start_of_day(date(year, 1, 1)))


def _page(asked: _Asked, number: str | None) -> Page[int]:
    """Primary keys of projects. What is shown of all uses is looked for among all of them."""
    keys: Any = asked.question.projects().values_list("pk", flat=True)
    if asked.shows:
        keys = [use.project.pk for use in asked.uses()]
    return Paginator(keys, PAGE_SIZE).get_page(number)


def _reports(asked: _Asked) -> list[ReportRow]:
    """Of the part that was chosen, or of everything that the person reads."""
    node = asked.question.node
    part = f"?node={node.public_id}" if node else ""
    forms = (("Excel", "xlsx"), ("JSON", "json"))
    return [
        ReportRow(
            year=year,
            is_running=year == day_of(asked.question.at).year,
            links=[
                (name, reverse("catalog:known-use-report", args=[year, form]) + part)
                for name, form in forms
            ],
        )
        for year in asked.years
    ]


def _row(use: KnownUse) -> UseRow:
    return UseRow(
        use=use,
        above=" / ".join(use.path[:-1]),
        level=effective_tbb(use.workload),
        places=[_place_row(place) for place in use.places],
    )


def _place_row(place: UsedPlace) -> PlaceRow:
    opinion, supply = place.opinion, place.opinion.judged.supply
    return PlaceRow(
        place=place,
        operator=operator_of(supply),
        hosting=str(label_of(supply.hosting)) if supply and supply.hosting else "",
        seal=seal_of(supply),
        tone=TONES[opinion.advice.verdict],
        verdict=str(label_of(opinion.advice.verdict)),
        reasons=opinion.refusals,
    )


def _note(request: PersonRequest, asked: _Asked, form: str) -> None:
    note_register_export(request.user, form=form, node=asked.question.node, year=asked.year)


def _name(asked: _Asked) -> str:
    return f"known-use-{asked.year or day_of(asked.question.at).isoformat()}"


def _json_of(
    asked: _Asked, uses: Iterable[KnownUse], summary: Summary | None = None
) -> Iterator[str]:
    """In pieces, each use when it is read; a summary comes last, when all have been."""
    head = {
        "made_at": asked.question.at.astimezone(UTC).isoformat(timespec="seconds"),
        "year": asked.year,
        "node": str(asked.question.node.public_id) if asked.question.node else None,
        "ruleset": RULESET,
    }
    yield json.dumps(head)[:-1] + ', "uses": ['
    for number, use in enumerate(uses):
        yield (", " if number else "") + json.dumps(use_json(use))
    yield "]"
    if summary:
        yield ', "summary": ' + json.dumps(summary.as_json())
    yield "}"


def _answer_json(pieces: Iterator[str], name: str) -> HttpResponseBase:
    response = StreamingHttpResponse(pieces, content_type=JSON_TYPE)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.json"'
    return response
