"""What the addresses of the pages of quotas say: which metric, and which part of the tree."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404, QueryDict
from django.shortcuts import get_object_or_404

from catalog.models import Metric
from catalog.policies import visible_quotas
from portal.identity.access import reached_nodes
from portal.identity.models import Node, Person


def metrics_in_reach(person: Person) -> list[Metric]:
    """Those that have a limit somewhere in reach, in the order in which people know them."""
    known = set(visible_quotas(person).order_by().values_list("metric", flat=True).distinct())
    return [metric for metric in Metric if metric.value in known]


def chosen_metric(query: QueryDict, metrics: list[Metric]) -> Metric:
    """The one that the address names; else the first that there is."""
    name = query.get("metric", "")
    if name in Metric.values:
        return Metric(name)
    return metrics[0] if metrics else Metric.SERVERS


def focus_node(query: QueryDict, person: Person) -> Node | None:
    """The part that the address names; one that the person does not reach is not there."""
    text = query.get("node", "")
    if not text:
        return None
    try:
        public_id = UUID(text)
    except ValueError as error:
        raise Http404 from error
    nodes = reached_nodes(person).filter(ended_at=None).select_related("parent")
    return get_object_or_404(nodes, public_id=public_id)


def within(nodes: QuerySet[Node], focus: Node | None) -> QuerySet[Node]:
    """Of these the part itself and what stands below it; without one, all."""
    if focus is None:
        return nodes
    return nodes.filter(Q(pk=focus.pk) | Q(ancestor_ids__contains=[focus.pk]))
