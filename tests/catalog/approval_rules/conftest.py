"""Two quota administrators of a ministry, and the rules that they agree on."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from catalog.models import ApprovalRuleVersion
from catalog.services.approval_rules import RuleSays, confirm_version, propose_rule
from portal.identity.models import Person, Project, Role
from tests.factories import PersonFactory, grant


@pytest.fixture
def administrators(project: Project) -> list[Person]:
    people = [PersonFactory(name="Beheerder Een"), PersonFactory(name="Beheerder Twee")]
    for person in people:
        grant(person, Role.QUOTA_ADMINISTRATOR, project.parent)
    return people


@pytest.fixture
def rule(project: Project, administrators: list[Person]) -> Callable[..., ApprovalRuleVersion]:
    """Has a rule on the organization of the project in force; names are those of ``RuleSays``."""

    def make(**says: Any) -> ApprovalRuleVersion:
        node = says.pop("node", project.parent)
        first, second = administrators
        for name in ("amount_from", "automatic_below"):
            if name in says:
                says[name] = Decimal(says[name])
        version = propose_rule(
            node=node, name=says.pop("name", "Regel"), says=RuleSays(**says), actor=first
        )
        return confirm_version(version.public_id, actor=second)

    return make


@pytest.fixture
def colleagues(project: Project) -> list[Person]:
    """Three approvers of the organization."""
    people = [PersonFactory(name=f"Budgethouder {number}") for number in (1, 2, 3)]
    for person in people:
        grant(person, Role.APPROVER, project.parent)
    return people
