"""Acts about approval rules that bind somebody else."""

from __future__ import annotations

from catalog.models import ApprovalRuleVersion
from catalog.services.approval_rules import (
    RuleSays,
    confirm_version,
    propose_rule,
    refuse_version,
)
from portal.identity.models import Person, Role
from tests.factories import PersonFactory, grant
from tests.portal.identity.doors import Doors, Get


def confirming_a_rule(get: Get) -> Doors:
    version, actor = rule_that_waits(get), governor_at(get)
    page = f"/approval-rules/proposals/{version.public_id}"
    return Doors(
        actor=actor,
        service=lambda: confirm_version(version.public_id, actor=actor),
        page=f"{page}/confirm",
        stands_on=page,
    )


def refusing_a_rule(get: Get) -> Doors:
    version, actor = rule_that_waits(get), governor_at(get)
    page = f"/approval-rules/proposals/{version.public_id}"
    return Doors(
        actor=actor,
        service=lambda: refuse_version(version.public_id, actor=actor, reason="Te streng"),
        page=f"{page}/refuse",
        stands_on=page,
        form={"reason": "Te streng"},
    )


def rule_that_waits(get: Get) -> ApprovalRuleVersion:
    node = get("project").parent
    return propose_rule(node=node, name="Regel", says=RuleSays(), actor=governor_at(get))


def governor_at(get: Get) -> Person:
    """A quota administrator of the project's organization."""
    person: Person = PersonFactory()
    grant(person, Role.QUOTA_ADMINISTRATOR, get("project").parent)
    return person
