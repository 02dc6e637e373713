"""Months, their statements and what is disputed of them, as rows of a file: as on the pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.dispute_wording import DisputeInWords
from billing.models import Statement
from billing.services.closing import Closing
from portal.core.calendar import day_of
from portal.core.sheets import Rows, moment_cell
from portal.identity.models import Node


def month_rows(months: Iterable[Mapping[str, Any]]) -> Rows:
    """Closed months, each with how many statements there are of it, and their total."""
    yield (_("Month"), _("Closed on"), _("Statements"), _("Total"))
    for row in months:
        month = row["month"]
        yield (month.key, day_of(month.closed_at).isoformat(), Decimal(row["count"]), row["total"])


def statement_rows(statements: QuerySet[Statement], key: str) -> Rows:
    """The statements of one closed month, which add up to its total."""
    yield (_("Month"), _("Number"), _("Organization"), _("Total"))
    for statement in statements.iterator(chunk_size=2000):
        yield (key, statement.number, statement.parties.get("payer", ""), statement.total)


def closing_rows(closing: Closing) -> Rows:
    """What each organization would pay, and what is in that beside the use of the month.

    What is given back is taken off; what others bear for an organization is below zero.
    """
    yield (
        *(_("Organization"), _("Total"), _("Corrections of closed months")),
        *(_("Given back"), _("Shared costs")),
    )
    totals = closing.total_by_organization
    parts = (
        closing.corrected_by_organization,
        closing.credited_by_organization,
        closing.shared_by_organization,
    )
    for node in Node.objects.filter(pk__in=totals).order_by("name"):
        yield (node.name, totals[node.pk], *(part.get(node.pk, Decimal(0)) for part in parts))


def dispute_rows(disputes: Iterable[DisputeInWords]) -> Rows:
    """What is or was disputed, with the answer and what came of it."""
    yield (
        *(_("State"), _("Organization"), _("Project"), _("Service"), _("Statement"), _("Month")),
        *(_("Amount"), _("Disputed by"), _("Disputed on"), _("What is not right")),
        *(_("Answer"), _("Given back")),
    )
    for said in disputes:
        row, line = said.row, said.row.line
        yield (
            *(said.state, line.statement.parties.get("payer", ""), line.project_name),
            *(line.service, line.statement.number, line.used_in.key, line.amount),
            *(row.proposed_by.name, moment_cell(row.proposed_at), row.reason),
            row.decision_reason,
            row.credit.amount if row.credit and row.credit.settled_on_id else "",
        )
