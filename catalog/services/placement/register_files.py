"""The register of known use as programs and spreadsheets have it: the same facts, the same words.

What stands in a cell is taken out of what programs read, so that both always say the same. The
names are a contract.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from catalog.placement import Supply, effective_tbb, is_material
from catalog.placement_words import Advised, EvidenceKind, Hosting, Objective
from catalog.services.placement.profiles import Answers
from catalog.services.placement.reading import clauses_json
from catalog.services.placement.register import KnownUse, UsedPlace
from portal.identity.models import Person

Cell = str | Decimal
_PROJECT: Final = ("organization", "project", "code", "id")
_PLACE: Final = (
    *("cloud", "offerings", "resources", "found", "since", "hosting", "operator", "owners"),
    *("locations", "keys", "seal", "assessed_until", "verdict", "is_admissible", "clauses"),
    *("missing", "permitted_until", "due_on"),
)
_WORKLOAD: Final = ("protection_level", "is_material", "data_owner", "project_owner")
_ANSWERS: Final = (
    *("answered_at", "is_core_task", "personal_data", "has_special_data", "availability"),
    *("integrity", "confidentiality", "rubricering", "base_register", "is_workplace", "is_vital"),
    *("longest_outage_hours", "review_on"),
)
# A row for each place of each project; then the newest evidence of each kind, by its date.
COLUMNS: Final = (*_PROJECT, *_PLACE, *_WORKLOAD, *_ANSWERS, *(kind.value for kind in EvidenceKind))


def use_json(use: KnownUse) -> dict[str, Any]:
    """A project and its places, as programs read them; null: nobody said."""
    *above, _name = use.path
    return {
        "project": {
            "id": str(use.project.public_id),
            "code": use.project.code,
            "name": use.project.name,
        },
        "organization": " / ".join(above),
        "protection_level": effective_tbb(use.workload),
        "is_material": is_material(use.workload).truth,
        "data_owner": _name_of(use.data_owner),
        "project_owner": _name_of(use.project_owner),
        "answers": _answers_json(use),
        "evidence": [
            {"kind": kind.value, "dated_on": day.isoformat()} for kind, day in use.workload.evidence
        ],
        "places": [_place_json(place) for place in use.places],
    }


def sheet_rows(uses: Iterable[KnownUse]) -> Iterator[Sequence[Cell]]:
    """The names of the columns, and a row for each place of each project."""
    yield COLUMNS
    for use in uses:
        yield from _rows(use_json(use))


class Summary:
    """What a register comes to: filled while its uses go by, told when all have."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()
        self._operators: Counter[str] = Counter()

    def watch(self, uses: Iterable[KnownUse]) -> Iterator[KnownUse]:
        """The same uses, counted as they pass."""
        for use in uses:
            self._count(use_json(use))
            yield use

    def as_json(self) -> dict[str, Any]:
        return {
            **{name: self._counted[name] for name in _COUNTED},
            "projects_by_operator": dict(sorted(self._operators.items())),
        }

    def rows(self) -> Iterator[Sequence[Cell]]:
        """The same for a spreadsheet; an operator that nobody knows has no name."""
        told = self.as_json()
        for name in _COUNTED:
            yield name, "", Decimal(told[name])
        for operator, count in told["projects_by_operator"].items():
            yield "projects_by_operator", operator, Decimal(count)

    def _count(self, use: Mapping[str, Any]) -> None:
        places = use["places"]
        hostings = {place["hosting"] for place in places}
        evidence = {each["kind"] for each in use["evidence"]}
        is_material_public = bool(use["is_material"]) and Hosting.PUBLIC in hostings
        lacks_risk_analysis = EvidenceKind.RISK_ANALYSIS not in evidence
        told = {
            "projects": True,
            "projects_without_answers": use["answers"] is None,
            "projects_without_data_owner": use["data_owner"] is None,
            "projects_with_found_resources": any(place["found"] for place in places),
            "projects_not_admissible": not all(place["is_admissible"] for place in places),
            "projects_in_public_cloud": Hosting.PUBLIC in hostings,
            "projects_where_hosting_is_unknown": None in hostings,
            "projects_material": bool(use["is_material"]),
            "projects_material_in_public_cloud": is_material_public,
            "projects_material_in_public_cloud_without_risk_analysis": (
                is_material_public and lacks_risk_analysis
            ),
        }
        self._counted.update(name for name, is_so in told.items() if is_so)
        self._counted.update(f"places_{place['verdict']}" for place in places)
        self._counted["places"] += len(places)
        self._operators.update({place["operator"] or "" for place in places})


_COUNTED: Final = (
    *("projects", "projects_without_answers", "projects_without_data_owner"),
    *("projects_with_found_resources", "projects_not_admissible", "projects_in_public_cloud"),
    *("projects_where_hosting_is_unknown", "projects_material"),
    "projects_material_in_public_cloud",
    "projects_material_in_public_cloud_without_risk_analysis",
    *("places", *(f"places_{verdict.value}" for verdict in Advised)),
)


def operator_of(supply: Supply | None) -> str:
    """Who operates the place, by name; empty: nobody said."""
    links = supply.chain if supply else ()
    return next((link.name for link in links if link.is_operator), "")


def seal_of(supply: Supply | None) -> int | None:
    """The proven SEAL of the place: the lowest of all objectives; None with a gap in any."""
    proven = dict(supply.seals) if supply else {}
    levels = [level for objective in Objective if (level := proven.get(objective)) is not None]
    return min(levels) if len(levels) == len(Objective) else None


def _place_json(place: UsedPlace) -> dict[str, Any]:
    opinion = place.opinion
    supply = opinion.judged.supply
    known = supply or Supply()
    return {
        "cloud": place.cloud,
        "offerings": list(place.offerings),
        "resources": place.resources,
        "found": place.found,
        "since": _moment(place.since),
        "hosting": known.hosting.value if known.hosting else None,
        "operator": operator_of(supply) or None,
        "owners": [
            {"name": link.name, "jurisdiction": link.jurisdiction or None} for link in known.chain
        ],
        "locations": list(known.locations),
        "keys": known.keys.value if known.keys else None,
        "seal": seal_of(supply),
        "assessed_until": _day(known.valid_until),
        "verdict": opinion.advice.verdict.value,
        "is_admissible": opinion.is_admissible,
        "clauses": clauses_json(opinion.advice),
        "missing": list(opinion.advice.missing),
        "permitted_until": _day(place.permitted_until),
        "due_on": _day(place.due_on),
    }


def _answers_json(use: KnownUse) -> dict[str, Any] | None:
    if use.profile is None:
        return None
    answers = Answers.of(use.profile)
    told = {name: getattr(answers, name) for name in _ANSWERS if name != "answered_at"}
    return {
        "answered_at": _moment(use.profile.answered_at),
        **{name: _day(value) if isinstance(value, date) else value for name, value in told.items()},
    }


def _rows(use: Mapping[str, Any]) -> Iterator[Sequence[Cell]]:
    own = {**use, "project": use["project"]["name"], **_without_name(use["project"])}
    answers = use["answers"] or {}
    evidence = {each["kind"]: each["dated_on"] for each in use["evidence"]}
    for place in use["places"] or [{}]:
        told = {**own, **answers, **evidence, **place}
        yield [_cell(told.get(name)) for name in COLUMNS]


def _without_name(project: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": project["id"], "code": project["code"]}


def _cell(value: Any) -> Cell:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, list):
        return "; ".join(_in_list(each) for each in value)
    return str(value)


def _in_list(value: Any) -> str:
    """One of several: text, a clause or an owner."""
    if not isinstance(value, dict):
        return str(value)
    if "id" in value:
        return str(value["id"])
    return f"{value['name']} ({value['jurisdiction'] or '?'})"


def _name_of(person: Person | None) -> str | None:
    return person.name if person else None


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
