"""Who reads which part of the audit trail."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from portal.audit.models import AuditEntry
from portal.audit.reading import legible_entries
from portal.identity.access import granted_node_ids, reached_nodes
from portal.identity.models import Identity, Node, Person, Role, RoleGrant
from portal.web.trail.places import Stay, stays_below


@dataclass(frozen=True)
class Reach:
    """What somebody audits: the nodes that they reach now, and what was done on a node while it
    stood there. Who loses a node to a move keeps reading of the time before, and who gets it reads
    of the time after.

    What belongs to no node (logins of strangers, anchors, exports) may be about anybody: only
    who is auditor of every organization at the top sees it.
    """

    nodes: list[Node]
    stays: list[Stay]
    is_everything: bool

    @classmethod
    def of(cls, person: Person) -> Reach:
        """Five queries."""
        nodes = list(reached_nodes(person, Role.AUDITOR).order_by("name", "pk"))
        tops = set(Node.objects.filter(parent=None, ended_at=None).values_list("pk", flat=True))
        stays = stays_below(granted_node_ids(person, (Role.AUDITOR,)))
        return cls(nodes, stays, bool(tops) and tops <= {node.pk for node in nodes})

    def __bool__(self) -> bool:
        """True for an auditor of anything."""
        return bool(self.nodes)

    def entries(self) -> QuerySet[AuditEntry]:
        """The entries about those nodes in that time."""
        visible = Q(pk__in=[])
        for stay in self.stays:
            visible |= stay.covers()
        if self.is_everything:
            visible |= Q(node_id=None)
        return legible_entries().filter(visible)

    def people(self) -> QuerySet[Person]:
        """Whose names the auditor reads anyhow: who belongs there, or has or had a role there."""
        if self.is_everything:
            return Person.objects.all()
        lineages = {node_id for node in self.nodes for node_id in node.lineage_ids}
        held = RoleGrant.objects.filter(node__in=lineages)
        at_home = Identity.objects.filter(node__in=[node.pk for node in self.nodes])
        return Person.objects.filter(
            Q(pk__in=held.values("person")) | Q(pk__in=at_home.values("person"))
        )
