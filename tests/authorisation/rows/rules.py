"""The rules about approving."""

from __future__ import annotations

from typing import Any

from portal.identity.models import Role
from tests.authorisation.rows.things import own_rule, rule_in_force, rule_of_colleague
from tests.authorisation.vocabulary import CHIEF, act, see
from tests.authorisation.world import Tenant

GOVERNORS = {Role.QUOTA_ADMINISTRATOR}
READERS = {Role.QUOTA_ADMINISTRATOR, Role.AUDITOR}
ANSWERS = {"amount_from": "900000", "people_of_project": "1", "people_of_node": "1"}
OF_RULE = {"seen_by": READERS, "by": GOVERNORS}


def new_rule(tenant: Tenant) -> dict[str, Any]:
    """A complete form, for the tenant's directorate."""
    node = str(tenant.directorate.public_id)
    return {**ANSWERS, "node": node, "name": "Nieuwe regel"}


ROWS = [
    see("catalog:approval-rules", by=READERS),
    see("catalog:approval-rule", of=rule_in_force, by=READERS, seen_by=READERS),
    see("catalog:approval-rule-proposal", of=rule_of_colleague, by=READERS, seen_by=READERS),
    see("catalog:approval-rule-new", by=GOVERNORS),
    act(
        "catalog:approval-rule-new",
        body=new_rule,
        by=GOVERNORS,
        unseen=422,
        seen_by=GOVERNORS,
        asks_role_first=True,
    ),
    act("catalog:approval-rule-propose", of=rule_in_force, body=ANSWERS, **OF_RULE),
    act("catalog:approval-rule-end", of=rule_in_force, **OF_RULE),
    act("catalog:approval-rule-confirm", of=rule_of_colleague, is_strong=True, **OF_RULE),
    act(
        "catalog:approval-rule-refuse",
        of=rule_of_colleague,
        body={"reason": "Te streng."},
        is_strong=True,
        **OF_RULE,
    ),
    act("catalog:approval-rule-take-back", of=own_rule, but={CHIEF: 403}, **OF_RULE),
]
