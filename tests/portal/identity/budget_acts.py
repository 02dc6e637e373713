"""Acts about budgets that bind somebody else."""

from __future__ import annotations

from decimal import Decimal

from django.utils.timezone import localdate

from billing.models import Budget
from billing.services.budget_changes import BudgetSays, end_budget, set_budget
from portal.identity.models import Person, Role
from tests.factories import PersonFactory, grant
from tests.portal.identity.doors import Doors, Get

SAYS = BudgetSays(amount=Decimal(900))


def setting_a_budget(get: Get) -> Doors:
    project, actor, year = get("project"), finance_at(get), localdate().year
    return Doors(
        actor=actor,
        service=lambda: set_budget(project, year, SAYS, reason="Begroting", actor=actor),
        page=f"/costs/budgets/{project.public_id}/{year}",
        form={"amount": "900", "alert_percentages": "80", "reason": "Begroting"},
        api="/api/v1/budgets",
        body={
            "node": str(project.public_id),
            "year": year,
            "amount": "900.00",
            "reason": "Begroting",
        },
    )


def ending_a_budget(get: Get) -> Doors:
    project, actor, year = get("project"), finance_at(get), localdate().year
    budget = Budget.objects.create(node=project, year=year, amount=900)
    page = f"/costs/budgets/{project.public_id}/{year}"
    return Doors(
        actor=actor,
        service=lambda: end_budget(project, year, reason="Telt elders mee", actor=actor),
        page=f"{page}/end",
        stands_on=page,
        form={"reason": "Telt elders mee"},
        api=f"/api/v1/budgets/{budget.public_id}/end",
        body={"reason": "Telt elders mee"},
    )


def finance_at(get: Get) -> Person:
    """Finance of the project's organization."""
    person: Person = PersonFactory()
    grant(person, Role.FINANCE, get("project").parent)
    return person
