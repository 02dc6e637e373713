"""Addresses of the pages about placement, by noun; ``catalog.urls`` has them all."""

from __future__ import annotations

from typing import Final

from django.urls import URLPattern

WORKLOADS: Final[list[URLPattern]] = []
SUPPLIES: Final[list[URLPattern]] = []
PERMISSIONS: Final[list[URLPattern]] = []
REPORTS: Final[list[URLPattern]] = []
EXIT: Final[list[URLPattern]] = []

ALL: Final = [*WORKLOADS, *SUPPLIES, *PERMISSIONS, *REPORTS, *EXIT]
