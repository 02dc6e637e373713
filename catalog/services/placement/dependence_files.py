"""Concentration and dependency as programs and spreadsheets have it. The names are a contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from catalog.placement.concentration import SOIL_AIM_PERCENT, SoilShare
from catalog.services.placement.dependence import Dependence, Hit, ShareRow, Split

Cell = str | Decimal
# ``of`` says what a row divides, or which index or aim it is.
COLUMNS: Final = ("of", "name", "amount", "amount_percent", "projects", "projects_percent")
_SIX_PLACES: Final = Decimal("0.000001")


def dependence_json(found: Dependence, supplier: str = "") -> dict[str, Any]:
    """Shares, indices and soil; with a supplier what stops and weakens without it.

    A name that is empty: nobody knows. Amounts and percentages are text.
    """
    told = {
        "total": _amount(found.total),
        "projects": len(found.known),
        "is_price_missing": found.is_price_missing,
        "by_operator": _split_json(found.by_operator),
        "by_jurisdiction": _split_json(found.by_jurisdiction),
        "by_dependency_supplier": [_row_json(row) for row in found.by_supplier],
        "by_dependency_jurisdiction": [_row_json(row) for row in found.by_dependency_jurisdiction],
        "soil": {
            "aim_percent": str(SOIL_AIM_PERCENT),
            "amount": _soil_json(found.soil.amount),
            "projects": _soil_json(found.soil.projects),
        },
        "places_without_dependencies_listed": found.unlisted,
        "suppliers": found.suppliers,
    }
    if supplier:
        stops, weakens = found.without(supplier)
        told["without"] = {
            "supplier": supplier,
            "stops": _hit_json(stops),
            "weakens": _hit_json(weakens),
        }
    return told


def dependence_rows(found: Dependence) -> Iterator[Sequence[Cell]]:
    """The names of the columns, and a row for each share, index and aim."""
    yield COLUMNS
    for name, split in (("operator", found.by_operator), ("jurisdiction", found.by_jurisdiction)):
        yield from (_share_cells(name, row) for row in split.rows)
        yield f"{name}_hhi", "", "", _whole(split.amount_hhi), "", _whole(split.projects_hhi)
    for name, rows in (
        ("dependency_supplier", found.by_supplier),
        ("dependency_jurisdiction", found.by_dependency_jurisdiction),
    ):
        yield from (_share_cells(name, row) for row in rows)
    for name in ("dutch", "european", "unknown"):
        amount, projects = getattr(found.soil.amount, name), getattr(found.soil.projects, name)
        yield "soil", name, "", _tenths(amount), "", _tenths(projects)
    yield "soil", "aim", "", SOIL_AIM_PERCENT, "", SOIL_AIM_PERCENT
    yield "total", "", found.total.quantize(_SIX_PLACES), "", Decimal(len(found.known)), ""


def _split_json(split: Split) -> dict[str, Any]:
    return {
        "shares": [_row_json(row) for row in split.rows],
        "amount_hhi": _text(_whole(split.amount_hhi)),
        "projects_hhi": _text(_whole(split.projects_hhi)),
    }


def _row_json(row: ShareRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "amount": _amount(row.amount),
        "amount_percent": str(row.amount_percent),
        "projects": row.projects,
        "projects_percent": str(row.projects_percent),
    }


def _hit_json(hit: Hit) -> dict[str, Any]:
    return {
        "dependencies": [{"place": place, "name": name} for place, name in hit.dependencies],
        "places": hit.places,
        "projects": [
            {"id": str(project.public_id), "code": project.code, "name": project.name}
            for project in hit.projects
        ],
        "resources": hit.resources,
        "amount": _amount(hit.amount),
    }


def _soil_json(soil: SoilShare) -> dict[str, Any]:
    return {name: _text(_tenths(getattr(soil, name))) for name in ("dutch", "european", "unknown")}


def _share_cells(of: str, row: ShareRow) -> Sequence[Cell]:
    return (
        *(of, row.name, row.amount.quantize(_SIX_PLACES), row.amount_percent),
        *(Decimal(row.projects), row.projects_percent),
    )


def _amount(amount: Decimal) -> str:
    return str(amount.quantize(_SIX_PLACES))


def _whole(index: Decimal | None) -> Cell:
    """An index without decimals; empty where there was nothing to divide."""
    return "" if index is None else index.quantize(Decimal(1), ROUND_HALF_UP)


def _tenths(percent: Decimal | None) -> Cell:
    return "" if percent is None else percent.quantize(Decimal("0.1"), ROUND_HALF_UP)


def _text(cell: Cell) -> str | None:
    return None if cell == "" else str(cell)
