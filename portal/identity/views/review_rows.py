"""Roles under review as a page and an export show them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from portal.identity.models import (
    Person,
    ReviewCampaign,
    ReviewDecision,
    ReviewItem,
    Role,
    RoleGrant,
)
from portal.identity.reviewing import (
    find_current,
    items_to_decide,
    reviewer_grants,
    visible_items,
    without_reviewer,
)

TONES: Final = {
    "": "neutral",
    ReviewDecision.KEEP: "success",
    ReviewDecision.WITHDRAW: "error",
    ReviewDecision.LAPSED: "error",
    ReviewDecision.ENDED: "neutral",
    ReviewDecision.NOBODY: "warning",
    ReviewDecision.SPARED: "warning",
}


@dataclass(frozen=True, kw_only=True)
class ItemRow:
    """One role under review.

    Attributes:
        grant: what carries the right now; when it has ended, what did at the opening.
        may_decide: it waits for who is looking.
        note: why it does not, where that needs an explanation.
    """

    item: ReviewItem
    grant: RoleGrant
    may_decide: bool
    note: str

    @property
    def tone(self) -> str:
        return TONES[self.item.decision]

    @property
    def state(self) -> str:
        if self.item.decision:
            return str(ReviewDecision(self.item.decision).label)
        return _("Not decided")

    @property
    def origin(self) -> str:
        """Who gave it, in words."""
        if self.item.is_by_claim:
            return _("By login, from your identity provider")
        giver = self.grant.granted_by
        return _("In the portal, by {name}").format(name=giver.name if giver else "")


@dataclass(frozen=True, kw_only=True)
class ItemGroup:
    """The rows of one person, or of one place."""

    person: Person | None
    title: str
    rows: Sequence[ItemRow]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a review is, as far as one person sees of it. ``is_over``: the due date passed."""

    campaign: ReviewCampaign
    total: int
    undecided: int
    waiting: int
    is_over: bool

    @property
    def decided(self) -> int:
        return self.total - self.undecided


def make_rows(
    campaign: ReviewCampaign, items: Sequence[ReviewItem], person: Person, at: datetime
) -> list[ItemRow]:
    """The rows for ``items``, in a constant number of queries.

    The items must come with ``grant__granted_by``, ``node`` and ``decided_by``.
    """
    undecided = [item for item in items if not item.decision]
    current = find_current(undecided, at)
    mine = set(
        items_to_decide(person, at)
        .filter(pk__in=[item.pk for item in undecided])
        .values_list("pk", flat=True)
    )
    orphans = without_reviewer(undecided, reviewer_grants(campaign, at))

    def note_of(item: ReviewItem) -> str:
        if item.decision or campaign.closed_at:
            return ""
        if item.pk not in current:
            return _("Ended meanwhile: nothing to decide.")
        if item.pk in orphans:
            return _("Nobody can confirm this. It stays, and auditors see it.")
        return _("Your own role: somebody else decides.") if item.person_id == person.pk else ""

    return [
        ItemRow(
            item=item,
            grant=current.get(item.pk, item.grant),
            may_decide=item.pk in mine and item.pk in current,
            note=note_of(item),
        )
        for item in items
    ]


def group_rows(rows: Iterable[ItemRow], *, by_node: bool) -> Iterator[ItemGroup]:
    """The rows, which come in that order, by person or by place."""
    if by_node:
        for _node_id, found in groupby(rows, key=lambda row: row.item.node_id):
            of_node = list(found)
            yield ItemGroup(person=None, title=of_node[0].item.node.name, rows=of_node)
        return
    for _person_id, found in groupby(rows, key=lambda row: row.item.person_id):
        of_person = list(found)
        person = of_person[0].item.person
        yield ItemGroup(person=person, title=person.name, rows=of_person)


def measure(campaigns: Sequence[ReviewCampaign], person: Person, at: datetime) -> list[Progress]:
    """How far each review is. As many queries for many as for one; none for none."""
    if not campaigns:
        return []
    pks = [campaign.pk for campaign in campaigns]
    counts = {
        row["campaign_id"]: row
        for row in visible_items(person)
        .filter(campaign__in=pks)
        .values("campaign_id")
        .annotate(total=Count("pk"), undecided=Count("pk", filter=Q(decision="")))
    }
    waiting = dict(
        items_to_decide(person, at)
        .filter(campaign__in=pks)
        .values_list("campaign_id")
        .annotate(count=Count("pk"))
    )
    nothing = {"total": 0, "undecided": 0}
    return [
        Progress(
            campaign=campaign,
            total=counts.get(campaign.pk, nothing)["total"],
            undecided=counts.get(campaign.pk, nothing)["undecided"],
            waiting=waiting.get(campaign.pk, 0),
            is_over=campaign.due_at <= at,
        )
        for campaign in campaigns
    ]


def count_decisions(campaign: ReviewCampaign, person: Person) -> list[tuple[str, str]]:
    """What became of the roles that the person sees: tone, and words with a number."""
    counts = dict(
        visible_items(person)
        .filter(campaign=campaign)
        .values_list("decision")
        .annotate(count=Count("pk"))
    )
    return [
        (TONES[decision], f"{decision.label} ({counts[decision]})")
        for decision in ReviewDecision
        if counts.get(decision)
    ]


def roles_in(campaign: ReviewCampaign, person: Person) -> list[Role]:
    """The roles that occur, for the filter."""
    found = set(
        visible_items(person).filter(campaign=campaign).values_list("role", flat=True).distinct()
    )
    return [role for role in Role if role in found]
