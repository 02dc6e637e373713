"""What may be spent, on pages and for programs."""

from __future__ import annotations

from django.utils.timezone import localdate

from portal.identity.models import Role
from tests.authorisation.rows.things import (
    budget_of_directorate,
    node_of_project,
    project_itself,
    project_with_budget,
)
from tests.authorisation.vocabulary import act, call, see

PAYERS = {Role.FINANCE, Role.APPROVER, Role.AUDITOR}
YEAR = str(localdate().year)
BUDGET = {"amount": "900", "alert_percentages": "80", "reason": "Begroting"}
SETS_BUDGETS = {"by": {Role.FINANCE}, "is_strong": True, "arguments": (YEAR,)}

ROWS = [
    see("billing:budgets", by=PAYERS),
    see("billing:budget-rows", arguments=("csv",), by=PAYERS),
    see(
        "billing:budget-choose",
        query=lambda tenant: {**node_of_project(tenant), "year": YEAR},
        by={Role.FINANCE},
        answer=302,
        seen_by={Role.FINANCE},
        unseen=404,
        asks_role_first=True,
    ),
    see("billing:budget", of=project_itself, arguments=(YEAR,), by=PAYERS),
    see("billing:budget-months", of=project_with_budget, arguments=(YEAR, "csv"), by=PAYERS),
    act("billing:budget", of=project_itself, body=BUDGET, **SETS_BUDGETS),
    act(
        "billing:budget-end",
        of=project_with_budget,
        body={"reason": "Telt elders mee"},
        **SETS_BUDGETS,
    ),
    see("budget-list", by=PAYERS),
    call(
        "budget-list",
        body=lambda tenant: {
            "node": str(tenant.project.public_id),
            "year": int(YEAR),
            "amount": "900.00",
            "reason": "Begroting",
        },
        by={Role.FINANCE},
        answer=200,
        unseen=404,
        is_strong=True,
    ),
    call(
        "budget-end",
        of=budget_of_directorate,
        body={"reason": "Telt elders mee"},
        by={Role.FINANCE},
        answer=204,
        is_strong=True,
    ),
]
