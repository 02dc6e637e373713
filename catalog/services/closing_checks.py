"""What of the catalogue may make the costs of a month wrong: what finance sees before it closes."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.closing_checks import Finding
from billing.services.cost_lines import Costs
from catalog.models import (
    Difference,
    DifferenceKind,
    DifferenceState,
    Operation,
    OperationState,
    UsageCheck,
)
from portal.core.calendar import Period, day_of

# In these the cloud and the meters disagree about whether something is paid for.
ABOUT_MONEY = (
    DifferenceKind.CHARGED_BUT_ABSENT,
    DifferenceKind.NOT_CHARGED,
    DifferenceKind.UNKNOWN,
)


def check_operations(month: Period, costs: Costs) -> Iterator[Finding]:
    """Work that began in the month and has no end: its use may still be written down."""
    unfinished = Operation.objects.filter(
        state__in=[OperationState.RUNNING, OperationState.FAILED], started_at__lt=month.end
    )
    if count := unfinished.count():
        yield Finding(
            text=ngettext(
                "1 piece of work in the cloud did not end.",
                "{count} pieces of work in the cloud did not end.",
                count,
            ).format(count=count),
            url=reverse("catalog:operations"),
            link=_("Work in the cloud"),
        )


def check_drift(month: Period, costs: Costs) -> Iterator[Finding]:
    """Differences with the cloud by which too much or too little is charged."""
    living = Difference.objects.filter(
        kind__in=ABOUT_MONEY, state__in=[DifferenceState.OPEN, DifferenceState.IGNORED]
    )
    if count := living.count():
        yield Finding(
            text=ngettext(
                "1 difference with the cloud changes what is charged.",
                "{count} differences with the cloud change what is charged.",
                count,
            ).format(count=count),
            url=reverse("catalog:drift"),
            link=_("Drift"),
        )


def check_metering(month: Period, costs: Costs) -> Iterator[Finding]:
    """Projects in which the cloud counts something else than what was metered in the month."""
    differing = UsageCheck.objects.filter(month=day_of(month.start), causes_in_all__gt=0)
    if count := differing.values("cloud_project").distinct().count():
        yield Finding(
            text=ngettext(
                "Of 1 project the cloud counts other use than was metered.",
                "Of {count} projects the cloud counts other use than was metered.",
                count,
            ).format(count=count),
            url=f"{reverse('catalog:usage-checks')}?month={month.start:%Y-%m}&show=different",
            link=_("Metering check"),
        )
