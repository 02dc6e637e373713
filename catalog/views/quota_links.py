"""Where a quota leads to, for who may: its page, its limit, and asking for more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from catalog.models import LimitChange, Quota
from catalog.quota_policies import nodes_to_ask_for, nodes_to_limit, visible_requests
from portal.identity.models import Node, Person


@dataclass(frozen=True)
class QuotaRights:
    """Of which of some nodes the person sets the limit, and for which they may ask more."""

    to_limit: frozenset[int]
    to_ask_for: frozenset[int]


def rights_on(person: Person, node_ids: list[int]) -> QuotaRights:
    """What the person may do with the limits of these nodes. A constant number of queries."""
    to_limit = nodes_to_limit(person).filter(pk__in=node_ids)
    to_ask_for = nodes_to_ask_for(person).filter(pk__in=node_ids)
    return QuotaRights(
        to_limit=frozenset(to_limit.values_list("pk", flat=True)),
        to_ask_for=frozenset(to_ask_for.values_list("pk", flat=True)),
    )


def address_of(node: Node, metric: str) -> str:
    return reverse("catalog:quota-detail", args=[node.public_id, metric])


def address_of_quota(quota: Quota) -> str:
    return address_of(quota.node, quota.metric)


def address_to_limit(node: Node, metric: str) -> str:
    """The tree, with the form for this limit."""
    return reverse("catalog:quota-limit", args=[node.public_id, metric])


def address_to_ask(node: Node, metric: str) -> str:
    """The form that asks for more."""
    address = reverse("catalog:quota-request-new")
    return f"{address}?{urlencode({'node': node.public_id, 'metric': metric})}"


def addresses_of_requests(person: Person, changes: Iterable[LimitChange]) -> dict[int | None, str]:
    """The requests on which these limits were set, of those that the person may read.

    By primary key of the request. A constant number of queries; none where nothing was asked.
    """
    asked = {change.request_id for change in changes if change.request_id}
    if not asked:
        return {}
    found = visible_requests(person).filter(pk__in=asked).values_list("pk", "public_id")
    return {pk: reverse("catalog:quota-request", args=[public_id]) for pk, public_id in found}
