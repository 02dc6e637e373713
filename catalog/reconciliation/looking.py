"""One look at a cloud: every list once, page by page, beside our records."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils.timezone import now

from catalog.kinds import all_kinds
from catalog.kinds.parts import Part
from catalog.models import CloudLook
from catalog.reconciliation.adopting import adopt_what_stayed
from catalog.reconciliation.comparison import Comparison
from catalog.reconciliation.notes import close_look, note
from catalog.reconciliation.paging import pages_of
from catalog.reconciliation.reading import Records, places_in
from catalog.reconciliation.rooms import look_at_rooms
from catalog.reconciliation.usage import check_usage
from portal.cloud import get_cloud
from portal.cloud.models import Cloud
from portal.cloud.ports import (
    LISTED_IN_TURNS,
    LISTED_PER_PROJECT,
    CloudError,
    CloudObject,
    CloudUnavailable,
    Listing,
)
from portal.core.faults import each_by_itself

logger = logging.getLogger(__name__)

PROJECTS_A_TURN: Final = 25  # each takes a call to every service: a look costs the same with many


@dataclass
class Tally:
    """What a look came by.

    ``passed_over`` has, by list, the Keystone projects of which it was not asked or not answered.
    """

    resources: int = 0
    things: int = 0
    pages: int = 0
    answered: set[Listing] = field(default_factory=set)
    unanswered: list[str] = field(default_factory=list)
    passed_over: dict[Listing, set[str]] = field(default_factory=dict)

    def tells_of(self, place: str) -> set[Listing]:
        """The lists that were answered for this Keystone project."""
        return {one for one in self.answered if place not in self.passed_over.get(one, ())}


def look_at_due_clouds() -> None:
    """Look at each cloud whose time has come, and say when its next time is.

    Raises:
        ExceptionGroup: what went wrong, once every cloud had its turn.
    """
    clouds = Cloud.objects.filter(key__in=settings.CLOUDS)
    each_by_itself(_look_at_all_of, clouds.filter(Q(look=None) | Q(look__due_at__lte=now())))


def _look_at_all_of(cloud: Cloud) -> int:
    look_at(cloud)
    look_at_rooms(cloud)
    check_usage(cloud)
    return 1


def look_at(cloud: Cloud) -> Tally:
    """Compare one cloud with our records and write down what differs.

    A list that the cloud does not give is left for the next time, and what we knew stays. What
    nobody ordered, and nobody did anything about, is then adopted.
    """
    began = now()
    _plan_next(cloud, began)
    tally = Tally()
    _compare(cloud, began, tally)
    close_look(cloud, tally.answered, began, passed_over=tally.passed_over)
    adopt_what_stayed(cloud)
    CloudLook.objects.filter(cloud=cloud).update(
        ended_at=now(),
        resources=tally.resources,
        things=tally.things,
        pages=tally.pages,
        unanswered=tally.unanswered,
    )
    return tally


def _plan_next(cloud: Cloud, began: datetime) -> None:
    """First, so that a look that dies is not begun again at once."""
    plan = {"began_at": began, "due_at": began + settings.DRIFT_LOOK_EVERY}
    CloudLook.objects.update_or_create(cloud=cloud, defaults=plan)


def _compare(cloud: Cloud, began: datetime, tally: Tally) -> None:
    since = began - settings.DRIFT_GRACE
    parts = {kind.key: kind.parts for kind in all_kinds()}
    places = places_in(cloud)
    comparison, records = Comparison(parts, places, since), Records(cloud, since)
    for listing in _listings(parts.values()):
        for project in _in_turn(listing, records, tally, began):
            try:
                for things in _pages(cloud, listing, project, tally):
                    note(cloud, comparison.meet(listing, things, records.about(things)), began)
            except CloudError as error:
                logger.warning("look at %s: %s: %s", cloud.key, listing, error)
                if not _goes_on_after(error, listing, project, tally):
                    break
        else:
            tally.answered.add(listing)
    for page in records.pages():
        tally.resources += len(page)
        missing = [
            found for ours in page for found in comparison.miss(ours, tally.tells_of(ours.place))
        ]
        note(cloud, missing, began)


def _listings(parts: Iterable[Sequence[Part]]) -> list[Listing]:
    return sorted({part.listing for group in parts for part in group})


def _in_turn(listing: Listing, records: Records, tally: Tally, at: datetime) -> list[str]:
    """The projects to ask the list of: "" is all at once, else those in which we made some."""
    if listing not in LISTED_PER_PROJECT:
        return [""]
    places = records.places_with(listing)
    if listing not in LISTED_IN_TURNS:
        return places
    turn = records.take_turns(places, PROJECTS_A_TURN, at)
    tally.passed_over[listing] = set(places) - set(turn)
    return turn


def _goes_on_after(error: CloudError, listing: Listing, project: str, tally: Tally) -> bool:
    """Whether the others can still be asked: only of one project the cloud refused an answer."""
    if listing.value not in tally.unanswered:
        tally.unanswered.append(listing.value)
    if not project or isinstance(error, CloudUnavailable):
        return False
    tally.passed_over.setdefault(listing, set()).add(project)
    return True


def _pages(
    cloud: Cloud, listing: Listing, project: str, tally: Tally
) -> Iterator[list[CloudObject]]:
    """Each page of the list, of one project or ("") of all."""
    for page in pages_of(get_cloud(cloud.key), listing, project):
        tally.pages += 1
        tally.things += len(page.things)
        yield list(page.things)
