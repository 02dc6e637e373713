"""What was metered beside what the cloud counts itself: for finance, operators and auditors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Max, QuerySet
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from billing.forms import month_key, name_of_month
from billing.services.measured_reading import silent_measures
from catalog.models import UsageCause, UsageCheck, UsageMeasure
from catalog.policies import USAGE_CHECK_READERS, visible_resources, visible_usage_checks
from portal.core.calendar import month
from portal.core.formats import moment, quantity, signed_quantity
from portal.core.sheets import Rows, answer_file
from portal.identity.access import reached_projects, roles_of
from portal.identity.requests import PersonRequest

PAGE_SIZE: Final = 25
MOST_SILENT: Final = 50
_UNITS: Final[dict[str, str | Promise]] = {UsageMeasure.SERVER_HOURS: _("hours")}
_GIB: Final = "GiB"
COLUMNS: Final = (
    *(_("Month"), _("Project"), _("Cloud"), _("What is measured"), _("Unit"), _("Metered")),
    *(_("The cloud counts"), _("Difference"), _("Differences to explain"), _("Explanation")),
)
WHY: Final[dict[str, str | Promise]] = {
    UsageCause.UNKNOWN: _("Nobody pays for it. Drift says what to do with what was not ordered."),
    UsageCause.ABSENT: _(
        "It may be gone without us, which Drift says. The cloud also forgets servers that were "
        "removed, once its operator cleans up its records."
    ),
    UsageCause.BEGINS: _(
        "We meter from when the cloud says that it ran, but not before it was asked for. What "
        "nobody ordered counts from when it was taken over."
    ),
    UsageCause.ENDS: _("We meter until removal was asked for: nobody pays for the cleaning up."),
    UsageCause.PAUSED: _("On one side it was gone for a while, such as during a repair."),
    UsageCause.SIZE: _("Somebody changed it in the cloud itself. Drift says so too."),
}


@dataclass(frozen=True)
class CauseRow:
    """``public_id`` is of the resource where the reader may see it, else ""."""

    label: str
    name: str
    openstack_id: str
    difference: str
    public_id: str


@dataclass(frozen=True)
class Row:
    """``why`` has what each sort of cause may come from."""

    check: UsageCheck
    metered: str
    told: str
    difference: str
    causes: list[CauseRow]
    why: list[str | Promise]

    @property
    def left_out(self) -> int:
        """Causes that are not kept one by one."""
        return self.check.causes_in_all - len(self.causes)


@require_safe
def usage_checks(request: PersonRequest) -> HttpResponse:
    """Per project and measure of one month: ours, the cloud's, and why they differ."""
    asked = _read(request)
    page = Paginator(_in_order(asked.found), PAGE_SIZE).get_page(request.GET.get("page"))
    looked_at = asked.found.aggregate(at=Max("looked_at"))["at"]
    context = {
        "page": page,
        "rows": _rows(request, page),
        "months": [(_key(day), _name(day), day == asked.month) for day in asked.months],
        "month_name": _name(asked.month) if asked.month else "",
        "month_key": _key(asked.month) if asked.month else "",
        "only_different": asked.only_different,
        "looked_at": moment(looked_at, inside=True) if looked_at else "",
        **_silent(request),
    }
    return render(request, "catalog/usage_checks.html", context)


@require_safe
def usage_check_sheet(request: PersonRequest, form: str) -> HttpResponseBase:
    """All of that month as a file, as it is filtered."""
    asked = _read(request)
    name = f"metering-{_key(asked.month)}" if asked.month else "metering"
    return answer_file(check_rows(_in_order(asked.found)), form, name)


def check_rows(checks: QuerySet[UsageCheck]) -> Rows:
    """What they are called, and then the checks, each with its differences in words."""
    yield [str(name) for name in COLUMNS]
    for check in checks.iterator(chunk_size=2000):
        place, unit = check.cloud_project, str(_UNITS.get(check.measure, _GIB))
        causes = [_cause(cause, unit, set()) for cause in check.causes]
        yield (
            *(_key(check.month), place.project.name, place.cloud.name),
            *(str(check.get_measure_display()), unit),
            *(check.metered, check.told, check.difference, Decimal(check.causes_in_all)),
            "; ".join(
                f"{one.name or one.openstack_id}: {one.label}, {one.difference}" for one in causes
            ),
        )


@dataclass(frozen=True)
class _Asked:
    """Which checks the address asks for; ``month`` None: there are none yet."""

    months: list[date]
    month: date | None
    only_different: bool
    found: QuerySet[UsageCheck]


def _read(request: PersonRequest) -> _Asked:
    """What the address asks for, of what the person sees.

    Raises:
        PermissionDenied: they have no role for it.
    """
    if not roles_of(request.user) & USAGE_CHECK_READERS:
        raise PermissionDenied
    visible = visible_usage_checks(request.user)
    months = list(visible.order_by("-month").values_list("month", flat=True).distinct())
    chosen = _chosen(request, months)
    only_different = request.GET.get("show") == "different"
    found = visible.filter(month=chosen) if chosen else visible.none()
    if only_different:
        found = found.filter(causes_in_all__gt=0)
    return _Asked(months, chosen, only_different, found)


def _silent(request: PersonRequest) -> dict[str, Any]:
    """What the cloud should have counted, and did not for too long."""
    projects = reached_projects(request.user, *USAGE_CHECK_READERS)
    silent, in_all = silent_measures(projects, at=now(), most=MOST_SILENT)
    return {"silent": silent, "silent_left_out": in_all - len(silent)}


def _chosen(request: PersonRequest, months: list[date]) -> date | None:
    """The month of the address, or else the newest that there is anything of."""
    asked = request.GET.get("month", "")
    return next((day for day in months if _key(day) == asked), months[0] if months else None)


def _key(day: date) -> str:
    return month_key(month(day.year, day.month))


def _name(day: date) -> str:
    return name_of_month(month(day.year, day.month))


def _in_order(checks: QuerySet[UsageCheck]) -> QuerySet[UsageCheck]:
    """What needs an explanation first."""
    return checks.select_related("cloud_project__project", "cloud_project__cloud").order_by(
        "-causes_in_all", "cloud_project__project__name", "cloud_project", "measure"
    )


def _rows(request: PersonRequest, checks: Iterable[UsageCheck]) -> list[Row]:
    shown = list(checks)
    named = {cause["resource"] for check in shown for cause in check.causes if cause["resource"]}
    seen = visible_resources(request.user).filter(public_id__in=named)
    reached = {str(public_id) for public_id in seen.values_list("public_id", flat=True)}
    return [_row(check, reached) for check in shown]


def _row(check: UsageCheck, reached: set[str]) -> Row:
    unit = str(_UNITS.get(check.measure, _GIB))
    return Row(
        check=check,
        metered=quantity(check.metered, unit),
        told=quantity(check.told, unit),
        difference=signed_quantity(check.difference, unit),
        causes=[_cause(cause, unit, reached) for cause in check.causes],
        why=[WHY[key] for key in dict.fromkeys(cause["cause"] for cause in check.causes)],
    )


def _cause(told: Mapping[str, Any], unit: str, reached: set[str]) -> CauseRow:
    return CauseRow(
        label=str(UsageCause(told["cause"]).label),
        name=told["name"],
        openstack_id=told["openstack_id"],
        difference=signed_quantity(Decimal(told["difference"]), unit),
        public_id=told["resource"] if told["resource"] in reached else "",
    )
