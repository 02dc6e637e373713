"""What we metered of a month beside what the cloud counts itself, per cloud project.

Of servers Nova tells the hours of a period, also of those that are gone; Cinder tells only how
large things are now. Both are asked once a day, page by page, for everybody at once.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.utils.timezone import now

from billing.services.metered_use import gib_metered_now, spans_within
from catalog.kinds import all_kinds
from catalog.models import (
    CloudLook,
    Resource,
    ResourceState,
    Step,
    UsageCheck,
    UsageMeasure,
)
from catalog.reconciliation.paging import pages_of
from catalog.reconciliation.usage_causes import Compared, Stretch, compare_sizes, compare_times
from portal.cloud import get_cloud
from portal.cloud.models import Cloud, CloudProject, CloudProjectPurpose
from portal.cloud.ports import CloudError, CloudObject, Listing, ServerUsage
from portal.core.calendar import Period, day_of, month_of, months_in, whole_second

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(days=1)
LATE: Final = timedelta(days=3)  # so long after its end a month is still looked at
MOST_CAUSES: Final = 50  # a row keeps no more than that
_SIZES: Final = {
    UsageMeasure.VOLUME_GIB: Listing.VOLUMES,
    UsageMeasure.SNAPSHOT_GIB: Listing.SNAPSHOTS,
    UsageMeasure.BACKUP_GIB: Listing.BACKUPS,
}
Found = Mapping[int, list[Compared]]  # by primary key of the cloud project


@dataclass
class Metered:
    """A server of ours: ``place`` is the primary key of its cloud project."""

    place: int
    name: str
    openstack_id: str
    stretches: list[Stretch] = field(default_factory=list)


def check_usage(cloud: Cloud) -> None:
    """Compare what was metered with what the cloud counts, when that is due."""
    began = whole_second(now())
    look = CloudLook.objects.filter(Q(usage_due_at=None) | Q(usage_due_at__lte=began), cloud=cloud)
    if not look.update(usage_due_at=began + EVERY):
        return
    places = _managed_places(cloud)
    try:
        for month in months_in(Period(began - LATE, began)):
            asked = Period(month.start, min(month.end, began))
            found = _server_times(cloud, places, asked)
            _keep(places, month, UsageMeasure.SERVER_HOURS, found, began)
        for measure, listing in _SIZES.items():
            found = _sizes(cloud, places, listing)
            _keep(places, month_of(began), measure, found, began)
    except CloudError as error:
        logger.warning("use of %s: %s", cloud.key, error)


def _managed_places(cloud: Cloud) -> dict[str, CloudProject]:
    rows = CloudProject.objects.filter(cloud=cloud, purpose=CloudProjectPurpose.MANAGED)
    return {row.openstack_project_id: row for row in rows.exclude(openstack_project_id="")}


def _server_times(cloud: Cloud, places: Mapping[str, CloudProject], asked: Period) -> Found:
    """Each server of ours, and each that the cloud counts in our projects; in hours."""
    ours = _metered_servers(cloud, places, asked)
    told = [usage for usage in _usage_pages(cloud, asked) if usage.project in places]
    owners = _owners(ours, {usage.id for usage in told})
    theirs: defaultdict[UUID, list[ServerUsage]] = defaultdict(list)
    found: defaultdict[int, list[Compared]] = defaultdict(list)
    for usage in told:
        owner = owners.get(usage.id)
        if owner in ours:
            theirs[owner].append(usage)
        else:
            compared = compare_times(asked, [], [usage], name=usage.name, openstack_id=usage.id)
            found[places[usage.project].pk].append(compared)
    for public_id, server in ours.items():
        compared = compare_times(
            asked,
            server.stretches,
            theirs[public_id],
            name=server.name,
            openstack_id=server.openstack_id,
            resource=public_id,
        )
        found[server.place].append(compared)
    return found


def _metered_servers(
    cloud: Cloud, places: Mapping[str, CloudProject], asked: Period
) -> dict[UUID, Metered]:
    by_project = {place.project_id: place.pk for place in places.values()}
    servers: dict[UUID, Metered] = {}
    for span in spans_within(cloud, _kinds_of(Listing.SERVERS), asked):
        if span.project_id not in by_project:
            continue
        server = servers.setdefault(
            span.public_id, Metered(by_project[span.project_id], span.name, span.openstack_id)
        )
        server.stretches.append(Stretch.within(asked, span.started_at, span.ended_at))
    return servers


def _owners(ours: Mapping[UUID, Metered], told: set[str]) -> dict[str, UUID]:
    """Whose each server is; a repair makes one anew, and what was there before was its own too."""
    known = {server.openstack_id: public_id for public_id, server in ours.items()}
    steps = Step.objects.filter(external_id__in=told - known.keys())
    return known | dict(steps.values_list("external_id", "operation__resource__public_id"))


def _usage_pages(cloud: Cloud, asked: Period) -> Iterator[ServerUsage]:
    gateway = get_cloud(cloud.key)
    after, is_first = "", True
    while after or is_first:
        page = gateway.server_usage_page(asked.start, asked.end, after=after)
        after, is_first = page.after, False
        yield from page.usages


def _sizes(cloud: Cloud, places: Mapping[str, CloudProject], listing: Listing) -> Found:
    """Each resource that has something in this list of Cinder, and what is nobody's; in GiB."""
    things = {thing.id: thing for thing in _listed(cloud, listing) if thing.project in places}
    metered = gib_metered_now(cloud, _kinds_of(listing))
    found: defaultdict[int, list[Compared]] = defaultdict(list)
    living = Resource.objects.filter(
        cloud_project__in=[place.pk for place in places.values()], kind__in=_kinds_of(listing)
    ).exclude(state=ResourceState.RETIRED)
    for row in living.values("public_id", "name", "cloud_ids", "cloud_project").iterator():
        own = [things.pop(known) for known in row["cloud_ids"].values() if known in things]
        ours = metered.get(row["public_id"], Decimal(0))
        if own or ours:
            found[row["cloud_project"]].append(
                compare_sizes(ours, own, name=row["name"], resource=row["public_id"])
            )
    for thing in things.values():
        place = places[thing.project].pk
        found[place].append(compare_sizes(Decimal(0), [thing], name=thing.name))
    return found


def _listed(cloud: Cloud, listing: Listing) -> Iterator[CloudObject]:
    for page in pages_of(get_cloud(cloud.key), listing):
        yield from page.things


def _kinds_of(listing: Listing) -> list[str]:
    """The kinds that have a part in this list."""
    return [kind.key for kind in all_kinds() if any(part.listing == listing for part in kind.parts)]


def _keep(
    places: Mapping[str, CloudProject],
    month: Period,
    measure: UsageMeasure,
    found: Found,
    at: datetime,
) -> None:
    """Write down what this look found; of a project in which there is nothing, nothing."""
    rows = [
        _row(place, month, measure, found[place.pk], at)
        for place in places.values()
        if found.get(place.pk)
    ]
    UsageCheck.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["cloud_project", "month", "measure"],
        update_fields=["metered", "told", "causes", "causes_in_all", "looked_at"],
    )
    UsageCheck.objects.filter(
        cloud_project__in=[place.pk for place in places.values()],
        month=day_of(month.start),
        measure=measure,
        looked_at__lt=at,
    ).delete()


def _row(
    place: CloudProject, month: Period, measure: UsageMeasure, found: list[Compared], at: datetime
) -> UsageCheck:
    causes = sorted(
        (cause for one in found for cause in one.causes),
        key=lambda cause: (-abs(cause.difference), cause.name, cause.openstack_id),
    )
    return UsageCheck(
        cloud_project=place,
        month=day_of(month.start),
        measure=measure,
        metered=sum((one.metered for one in found), Decimal(0)),
        told=sum((one.told for one in found), Decimal(0)),
        causes=[cause.as_json() for cause in causes[:MOST_CAUSES]],
        causes_in_all=len(causes),
        looked_at=at,
    )
