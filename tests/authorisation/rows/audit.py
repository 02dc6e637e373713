"""The audit trail: auditors read that of the nodes that they reach, and their reading stands in it.

Of an address that is an entry, who is auditor of nothing is refused before the entry is looked for.
"""

from __future__ import annotations

from portal.audit.models import AuditEntry
from portal.identity.models import Role
from tests.authorisation.vocabulary import Change, see
from tests.authorisation.world import Tenant

AUDITORS = {Role.AUDITOR}


def entry(tenant: Tenant) -> tuple[int, int]:
    """Chain and sequence of what is told of the tenant's project."""
    found = AuditEntry.objects.filter(node_id=tenant.project.pk).earliest("pk")
    return found.chain, found.sequence


ROWS = [
    see("web:audit", by=AUDITORS, changes=Change.RECORD),
    see(
        "web:audit-entry",
        of=entry,
        by=AUDITORS,
        changes=Change.RECORD,
        asks_role_first=True,
    ),
    see("web:audit-export", arguments=("csv",), by=AUDITORS, changes=Change.RECORD),
    see("audit-entry-list", by=AUDITORS, changes=Change.RECORD),
]
