"""Addresses of the pages about placement, by noun; ``catalog.urls`` has them all."""

from __future__ import annotations

from typing import Final

from django.urls import URLPattern, path

from catalog.views.exits import (
    exit_detail,
    exit_package,
    exit_test_begin,
    exit_test_detail,
    exit_test_give_up,
    exit_test_pass,
    exit_test_step,
)
from catalog.views.placement.what_if import what_if
from catalog.views.placement.workload import workload, workload_answer

WORKLOADS: Final[list[URLPattern]] = [
    path("placement", what_if, name="placement"),
    path("placement/projects/<uuid:public_id>", workload, name="workload"),
    path("placement/projects/<uuid:public_id>/answer", workload_answer, name="workload-answer"),
]
SUPPLIES: Final[list[URLPattern]] = []
PERMISSIONS: Final[list[URLPattern]] = []
REPORTS: Final[list[URLPattern]] = []
EXIT: Final[list[URLPattern]] = [
    path("placement/projects/<uuid:public_id>/exit", exit_detail, name="exit"),
    path("placement/projects/<uuid:public_id>/exit/package", exit_package, name="exit-package"),
    path("placement/projects/<uuid:public_id>/exit/tests", exit_test_begin, name="exit-test-begin"),
    path("placement/exit-tests/<uuid:public_id>", exit_test_detail, name="exit-test"),
    path(
        "placement/exit-tests/<uuid:public_id>/steps/<slug:key>",
        exit_test_step,
        name="exit-test-step",
    ),
    path("placement/exit-tests/<uuid:public_id>/pass", exit_test_pass, name="exit-test-pass"),
    path(
        "placement/exit-tests/<uuid:public_id>/give-up", exit_test_give_up, name="exit-test-give-up"
    ),
]

ALL: Final = [*WORKLOADS, *SUPPLIES, *PERMISSIONS, *REPORTS, *EXIT]
