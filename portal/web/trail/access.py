"""Who reads which part of the audit trail."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from portal.audit.models import AuditEntry
from portal.identity.access import reached_nodes
from portal.identity.models import Node, Person, Role


def is_auditor(person: Person) -> bool:
    """True when the person is auditor of anything."""
    return audited_nodes(person).exists()


def audited_nodes(person: Person) -> QuerySet[Node]:
    """The organizations and projects of which the person reads the trail."""
    return reached_nodes(person, Role.AUDITOR)


def audits_everything(person: Person) -> bool:
    """True when the person is auditor of every organization at the top."""
    roots = Node.objects.filter(parent=None, ended_at=None)
    return roots.exists() and not roots.exclude(pk__in=audited_nodes(person).values("pk")).exists()


def visible_entries(person: Person) -> QuerySet[AuditEntry]:
    """The entries on the nodes that an auditor reaches.

    What belongs to no node (logins of strangers, anchors, exports) may be about anybody: only
    who is auditor of everything sees it.
    """
    visible = Q(node_id__in=audited_nodes(person).values("pk"))
    if audits_everything(person):
        visible |= Q(node_id=None)
    return AuditEntry.objects.filter(visible)
