"""Addresses of files: of a form that is not written there is none, so nothing is calculated."""

from __future__ import annotations

import pytest
from django.urls import Resolver404, resolve

from tests.factories import UNKNOWN_ID

SHEETS = [
    "/costs/table",
    "/costs/per/days",
    "/costs/budgets",
    f"/costs/budgets/{UNKNOWN_ID}/2026/months",
    f"/costs/tariffs/rounds/{UNKNOWN_ID}/organizations",
    "/costs/cost-centres",
    "/costs/months/2026-11/statements",
    f"/costs/months/lines/{UNKNOWN_ID}",
    "/costs/resources",
    "/usage-checks",
    "/quotas/export",
    "/placement/register",
]


@pytest.mark.parametrize("address", SHEETS)
def test_a_sheet_has_two_forms_and_no_other_address(address: str) -> None:
    for form in ("csv", "xlsx"):
        assert resolve(f"{address}.{form}").kwargs["form"] == form
    for form in ("pdf", "CSV", "csvx", "parquet", ""):
        with pytest.raises(Resolver404):
            resolve(f"{address}.{form}")
