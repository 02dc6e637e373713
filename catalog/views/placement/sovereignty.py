"""How sovereign a project is by the places it uses, and what would make it more so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from catalog.models import SupplyProfile
from catalog.placement.csf_words import CRITERION_WORDS
from catalog.placement_policies import visible_workloads
from catalog.placement_words import DependencyKind, Objective
from catalog.services.placement.minimums import minimums_in_force
from catalog.services.placement.sovereignty import Used, WorkloadSovereignty, sovereignty_of
from catalog.views.placement.supply_wording import (
    USUAL_LEVEL,
    is_outside_eea,
    ladders_of,
    name_of,
)
from portal.core.countries import country_name
from portal.core.sheets import Rows, answer_file
from portal.identity.models import Project
from portal.identity.requests import PersonRequest

COLUMNS: Final = (
    *(_("Project"), _("Place"), _("Resources"), _("Run by"), _("Ultimate owner"), _("Countries")),
    *("SEAL", *Objective, _("Assessed until"), _("Outside the EEA")),
    *(_("Keeps it at this level"), _("Would raise it")),
)


@dataclass(frozen=True, kw_only=True)
class Raised:
    """A criterion that keeps a place at its level, and the answer that would lift it."""

    code: str
    title: str
    answer: str
    seal: int


@dataclass(frozen=True, kw_only=True)
class UsedRow:
    """A place that the project uses.

    ``outside``: who of it is under law from outside the EEA. Empty: nobody, if that ``is_known``.
    """

    used: Used
    name: str
    is_over: bool
    outside: list[str]
    is_known: bool
    raises: list[Raised]
    gaps: int


@require_safe
def workload_sovereignty(request: PersonRequest, public_id: UUID) -> HttpResponse:
    """What a project uses, how sovereign that makes it, what binds it and what would raise it."""
    project = _project(request, public_id)
    report = sovereignty_of(project)
    level = project.protection_level or USUAL_LEVEL
    ladders = ladders_of(report.seals, minimums_in_force(), level)
    context = {
        "project": project,
        "report": report,
        "level": level,
        "ladders": ladders,
        "is_enough": all(ladder.is_enough for ladder in ladders),
        "rows": _rows(report),
    }
    return render(request, "catalog/placement/sovereignty.html", context)


@require_safe
def workload_sovereignty_sheet(
    request: PersonRequest, public_id: UUID, form: str
) -> HttpResponseBase:
    """The same as a file, a place on each row."""
    project = _project(request, public_id)
    rows = _sheet(project, _rows(sovereignty_of(project)))
    return answer_file(rows, form, f"sovereignty-{project.code}")


def _project(request: PersonRequest, public_id: UUID) -> Project:
    return get_object_or_404(visible_workloads(request.user), public_id=public_id)


def _rows(report: WorkloadSovereignty) -> list[UsedRow]:
    return [_row(used, report) for used in report.uses]


def _row(used: Used, report: WorkloadSovereignty) -> UsedRow:
    profile = used.profile
    return UsedRow(
        used=used,
        name=name_of(profile) if profile else used.cloud.name,
        is_over=bool(profile and profile.valid_until and profile.valid_until < localdate()),
        outside=_outside(profile) if profile else [],
        is_known=profile is not None and _knows_countries(profile),
        raises=[
            Raised(
                code=each.criterion,
                title=str(CRITERION_WORDS[each.criterion].title),
                answer=str(CRITERION_WORDS[each.criterion].answers[each.to_index]),
                seal=each.to_seal,
            )
            for each in report.outlook.raises.get(used.place, ())
        ],
        gaps=len(report.outlook.gaps.get(used.place, ())) if profile and _answered(profile) else 0,
    )


def _answered(profile: SupplyProfile) -> bool:
    """Whether answers were kept; else only the levels that came of them are known."""
    return bool(profile.answers.all())


def _outside(profile: SupplyProfile) -> list[str]:
    found = dict.fromkeys(_with_countries(profile))
    return [f"{name} ({country_name(code)})" for name, code in found if is_outside_eea(code)]


def _knows_countries(profile: SupplyProfile) -> bool:
    """Whether it is known of everybody who counts under which law they are."""
    countries = [code for _name, code in _with_countries(profile)]
    return profile.lists_dependencies and bool(profile.owners.all()) and all(countries)


def _with_countries(profile: SupplyProfile) -> list[tuple[str, str]]:
    """Owners, and services that it cannot do without, as the rules count them."""
    owners = [(each.name, each.jurisdiction) for each in profile.owners.all()]
    services = [
        (each.supplier, each.jurisdiction)
        for each in profile.dependencies.all()
        if each.is_critical and each.kind == DependencyKind.SERVICE
    ]
    return owners + services


def _sheet(project: Project, rows: Iterable[UsedRow]) -> Rows:
    yield [str(name) for name in COLUMNS]
    for row in rows:
        used, profile = row.used, row.used.profile
        owners = [owner.name for owner in profile.owners.all()] if profile else []
        until = profile.valid_until if profile else None
        yield (
            *(project.name, row.name),
            Decimal(used.resources),
            *_ends(owners),
            ", ".join(profile.locations) if profile else "",
            *(_level(seal) for seal in (used.seal, *used.seals.values())),
            until.isoformat() if until else "",
            "; ".join(row.outside) or ("" if row.is_known else str(_("Not known"))),
            "; ".join(f"{each.code} {each.title}" for each in row.raises),
            "; ".join(f"{each.code} {each.answer}" for each in row.raises),
        )


def _ends(owners: list[str]) -> tuple[str, str]:
    """The operator and the ultimate owner."""
    return (owners[0], owners[-1]) if owners else ("", "")


def _level(seal: int | None) -> Any:
    return "" if seal is None else Decimal(seal)
