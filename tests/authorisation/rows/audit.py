"""The audit trail: auditors read that of the nodes that they reach, and their reading stands in it.

For who does not audit the node of an entry there is no such entry.
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
        seen_by=AUDITORS,
        changes=Change.RECORD,
    ),
    see("web:audit-export", arguments=("csv",), by=AUDITORS, changes=Change.RECORD),
    see("audit-entry-list", by=AUDITORS, changes=Change.RECORD),
]
