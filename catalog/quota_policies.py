"""Who sees quotas, who sets limits, and who is asked for more.

What a level may hold comes from the level above it, so who governs that one gives it. Above the
topmost there is nobody: who governs that one decides on it too.
"""

from __future__ import annotations

from typing import Final

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When
from django.utils.translation import gettext as _

from catalog.models import CartLine, QuotaRequest
from portal.identity.access import granted_node_ids, reached_nodes, standing_grants
from portal.identity.four_eyes import logins_of
from portal.identity.models import Node, Person, Role
from portal.identity.models.proposed import DecisionState

MOST_NAMES: Final = 3  # of people to ask


def governed_nodes(person: Person) -> QuerySet[Node]:
    """The living parts of the tree of which the person is quota administrator."""
    return reached_nodes(person, Role.QUOTA_ADMINISTRATOR).filter(ended_at=None)


def nodes_to_limit(person: Person) -> QuerySet[Node]:
    """The living parts of the tree of which the person sets the limits."""
    granted = granted_node_ids(person, (Role.QUOTA_ADMINISTRATOR,))
    below = Q(ancestor_ids__overlap=granted)
    topmost = Q(parent=None, pk__in=granted)
    return Node.objects.filter(below | topmost, ended_at=None)


def nodes_to_ask_for(person: Person) -> QuerySet[Node]:
    """The living parts for which the person may ask a higher limit.

    Those in which they order or govern, and everything above: what is full may be full there.
    """
    own = reached_nodes(person, Role.REQUESTER, Role.QUOTA_ADMINISTRATOR).filter(ended_at=None)
    above = {pk for ids in own.values_list("ancestor_ids", flat=True).distinct() for pk in ids}
    return Node.objects.filter(Q(pk__in=own.values("pk")) | Q(pk__in=above), ended_at=None)


def visible_requests(person: Person) -> QuerySet[QuotaRequest]:
    """The person's own, and those about the parts that they govern or audit."""
    reached = reached_nodes(person, Role.QUOTA_ADMINISTRATOR, Role.AUDITOR)
    own = Q(proposed_by=person)  # alone: a link that was undone lets nobody read on
    return QuotaRequest.objects.filter(own | Q(node__in=reached.values("pk")))


def levels_to_read(person: Person, node: Node) -> set[int]:
    """Primary keys of the node and those above it of which the person reads how full they are.

    Who governs or audits the node reads all that its limit depends on; others what they reach, as
    they may ask for a level of which they know no more than that it was full.
    """
    levels = Node.objects.filter(pk__in=node.lineage_ids)
    governed = reached_nodes(person, Role.QUOTA_ADMINISTRATOR, Role.AUDITOR).filter(pk=node.pk)
    if not governed.exists():
        levels = levels & reached_nodes(person)
    return set(levels.values_list("pk", flat=True))


def with_before_to_read(requests: QuerySet[QuotaRequest], person: Person) -> QuerySet[QuotaRequest]:
    """With ``before_to_read``: the limit when it was asked, None of a part out of reach."""
    reached = Q(node__in=reached_nodes(person).values("pk"))
    return requests.annotate(before_to_read=Case(When(reached, then=F("before"))))


def requests_to_decide(person: Person) -> QuerySet[QuotaRequest]:
    """What somebody else asked, of a part of which the person sets the limits."""
    waiting = QuotaRequest.objects.filter(
        state=DecisionState.PROPOSED, node__in=nodes_to_limit(person).values("pk")
    )
    return waiting.exclude(proposed_by__in=logins_of([person.pk]).values("pk"))


def requests_with_order_kept(person: Person) -> QuerySet[QuotaRequest]:
    """The person's own that were decided on, for which an order still waits in their cart."""
    decided = QuotaRequest.objects.filter(
        proposed_by=person, state__in=[DecisionState.CONFIRMED, DecisionState.REFUSED]
    )
    waits = CartLine.objects.filter(cart=OuterRef("cart"), cart__owner=person, cart__order=None)
    return decided.filter(Exists(waits), cart__project__ended_at=None)


def names_to_ask(node: Node, *, asker: Person | None = None) -> str:
    """Who can give the node more, the nearest first. Three queries at most.

    The asker is not named with any of their logins, for they do not decide on what they asked.
    """
    givers = node.ancestor_ids or [node.pk]
    grants = standing_grants(Role.QUOTA_ADMINISTRATOR).filter(node__in=givers)
    nearest = sorted(
        grants.select_related("person"),
        key=lambda grant: (-givers.index(grant.node_id), grant.person.name),
    )
    own = set(logins_of([asker.pk]).values_list("pk", flat=True)) if asker and nearest else set()
    others = [grant.person.name for grant in nearest if grant.person_id not in own]
    if others:
        return ", ".join(list(dict.fromkeys(others))[:MOST_NAMES])
    text = _("nobody yet; “{node}” has no quota administrator")
    if nearest:
        text = _("nobody else; “{node}” has no other quota administrator")
    return text.format(node=Node.objects.get(pk=givers[-1]).name)
