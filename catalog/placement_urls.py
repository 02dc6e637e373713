"""Addresses of the pages about placement, by noun; ``catalog.urls`` has them all."""

from __future__ import annotations

from typing import Final

from django.urls import URLPattern

from catalog.views.exits import (
    exit_detail,
    exit_package,
    exit_test_begin,
    exit_test_detail,
    exit_test_give_up,
    exit_test_pass,
    exit_test_step,
)
from catalog.views.placement.concentration import (
    concentration,
    concentration_json,
    concentration_sheet,
)
from catalog.views.placement.minimums import (
    minimum_confirm,
    minimum_detail,
    minimum_list,
    minimum_refuse,
    minimum_take_back,
)
from catalog.views.placement.register import (
    known_use_report,
    register,
    register_json,
    register_sheet,
)
from catalog.views.placement.sovereignty import (
    workload_sovereignty,
    workload_sovereignty_sheet,
)
from catalog.views.placement.supplies import (
    supplies,
    supply,
    supply_list_sheet,
    supply_sheet,
)
from catalog.views.placement.supply_drafts import (
    supply_confirm,
    supply_copy,
    supply_drop,
    supply_edit,
    supply_new,
    supply_propose,
    supply_refuse,
    supply_take_back,
)
from catalog.views.placement.what_if import what_if
from catalog.views.placement.workload import workload, workload_answer
from portal.core.paths import path

WORKLOADS: Final[list[URLPattern]] = [
    path("placement", what_if, name="placement"),
    path("placement/projects/<uuid:public_id>", workload, name="workload"),
    path("placement/projects/<uuid:public_id>/answer", workload_answer, name="workload-answer"),
]
_ONE_MINIMUM: Final = "placement/places/minimums/<uuid:public_id>"
_ONE_PLACE: Final = "placement/places/<uuid:public_id>"
SUPPLIES: Final[list[URLPattern]] = [
    path("placement/places", supplies, name="supplies"),
    path("placement/places.<sheet:form>", supply_list_sheet, name="supply-list-sheet"),
    path("placement/places/new", supply_new, name="supply-new"),
    path(_ONE_PLACE, supply, name="supply"),
    path(f"{_ONE_PLACE}/answers.<sheet:form>", supply_sheet, name="supply-sheet"),
    path(f"{_ONE_PLACE}/edit/<slug:section>", supply_edit, name="supply-edit"),
    path(f"{_ONE_PLACE}/copy", supply_copy, name="supply-copy"),
    path(f"{_ONE_PLACE}/drop", supply_drop, name="supply-drop"),
    path(f"{_ONE_PLACE}/propose", supply_propose, name="supply-propose"),
    path(f"{_ONE_PLACE}/take-back", supply_take_back, name="supply-take-back"),
    path(f"{_ONE_PLACE}/confirm", supply_confirm, name="supply-confirm"),
    path(f"{_ONE_PLACE}/refuse", supply_refuse, name="supply-refuse"),
    path("placement/places/minimums", minimum_list, name="seal-minimums"),
    path(_ONE_MINIMUM, minimum_detail, name="seal-minimum"),
    path(f"{_ONE_MINIMUM}/confirm", minimum_confirm, name="seal-minimum-confirm"),
    path(f"{_ONE_MINIMUM}/refuse", minimum_refuse, name="seal-minimum-refuse"),
    path(f"{_ONE_MINIMUM}/take-back", minimum_take_back, name="seal-minimum-take-back"),
]
PERMISSIONS: Final[list[URLPattern]] = []
REPORTS: Final[list[URLPattern]] = [
    path(
        "placement/projects/<uuid:public_id>/sovereignty",
        workload_sovereignty,
        name="workload-sovereignty",
    ),
    path(
        "placement/projects/<uuid:public_id>/sovereignty.<sheet:form>",
        workload_sovereignty_sheet,
        name="workload-sovereignty-sheet",
    ),
    path("placement/register", register, name="placement-register"),
    path("placement/register.json", register_json, name="placement-register-json"),
    path("placement/register.<sheet:form>", register_sheet, name="placement-register-sheet"),
    path("placement/register/concentration", concentration, name="concentration"),
    path("placement/register/concentration.json", concentration_json, name="concentration-json"),
    path(
        "placement/register/concentration.<sheet:form>",
        concentration_sheet,
        name="concentration-sheet",
    ),
    path("placement/reports/<int:year>.<report:form>", known_use_report, name="known-use-report"),
]
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
