"""What waits of roles, logins and reviews."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.core.formats import day
from portal.identity.access import roles_of
from portal.identity.gaps import find_gaps
from portal.identity.link_policies import links_to_decide
from portal.identity.models import LinkProposal, Person, ReviewCampaign, Role, RoleProposal
from portal.identity.reviewing import items_to_decide
from portal.identity.role_policies import proposals_to_decide
from portal.identity.views.review_rows import Progress, measure
from portal.web.headlines import SHOWN
from portal.web.home_tasks.task import Task

REVIEW_PRESSES_DAYS: Final = 7


def proposals(person: Person) -> list[Task]:
    """Roles and logins to decide on."""
    return [
        *[_proposal_task(proposal) for proposal in _proposals(person)],
        *[_link_task(link) for link in links_to_decide(person)[:SHOWN]],
    ]


def reviews(person: Person, at: datetime) -> list[Task]:
    """Reviews of roles that are open."""
    return [_review_task(review, at) for review in _to_review(person, at)]


def gaps(person: Person) -> list[Task]:
    """One line for everything below a quota administrator that has nobody."""
    if Role.QUOTA_ADMINISTRATOR not in roles_of(person):
        return []
    count = find_gaps(person).count()
    if not count:
        return []
    title = ngettext(
        "{count} part has nobody who answers for it",
        "{count} parts have nobody who answers for them",
        count,
    )
    return [
        Task(
            icon="users",
            tone="warn",
            title=title.format(count=count),
            text=_("A project without an owner or an approver, or a part without administrator."),
            url=reverse("identity:without-owner"),
            button=_("View"),
        )
    ]


def _proposals(person: Person) -> QuerySet[RoleProposal]:
    waiting = proposals_to_decide(person).select_related("person", "absent", "node", "proposed_by")
    return waiting.order_by("proposed_at")[:SHOWN]


def _proposal_task(proposal: RoleProposal) -> Task:
    return Task(
        icon="user-check",
        tone="",
        title=proposal.in_words(),
        text=_("{proposer} proposes this in {node}.").format(
            proposer=proposal.proposed_by.name, node=proposal.node.name
        ),
        url=reverse("identity:role-proposal", args=[proposal.public_id]),
        button=_("Decide"),
    )


def _link_task(link: LinkProposal) -> Task:
    return Task(
        icon="user-check",
        tone="",
        title=link.in_words(),
        text=_("{proposer} proposes this.").format(proposer=link.proposed_by.name),
        url=reverse("identity:identity-link", args=[link.public_id]),
        button=_("Decide"),
    )


def _to_review(person: Person, at: datetime) -> list[Progress]:
    """The open reviews in which roles wait for this person, the first to end on top."""
    waiting = items_to_decide(person, at).values("campaign")
    campaigns = ReviewCampaign.objects.filter(pk__in=waiting).select_related("root")
    return measure(list(campaigns.order_by("due_at", "pk")[:SHOWN]), person, at)


def _review_task(review: Progress, at: datetime) -> Task:
    campaign = review.campaign
    days = (campaign.due_at - at).days
    text = ngettext(
        "{count} role waits for you. You can decide until and including {day}.",
        "{count} roles wait for you. You can decide until and including {day}.",
        review.waiting,
    )
    return Task(
        icon="user-check",
        tone="warn" if days < REVIEW_PRESSES_DAYS else "",
        title=_("Confirm roles in {organization}").format(organization=campaign.root.name),
        text=text.format(count=review.waiting, day=day(campaign.last_day)),
        url=f"{reverse('identity:access-review', args=[campaign.public_id])}?state=undecided",
        button=_("Review roles"),
    )
