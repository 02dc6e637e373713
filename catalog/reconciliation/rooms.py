"""The quota of each of our projects in a cloud, beside what its resources hold.

No cloud lists the quotas of all projects, so this takes a call per project and service. It is done
once a day, apart from the looks that take but one call a page.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import now

from catalog.models import (
    OPEN_OPERATION_STATES,
    CloudLook,
    DifferenceKind,
    Operation,
)
from catalog.provisioning.cloud_quota import quota_bounds
from catalog.reconciliation.comparison import Found
from catalog.reconciliation.notes import close_rooms, note
from catalog.services.cloud_rooms import ROOMS
from portal.cloud import get_cloud
from portal.cloud.models import Cloud, CloudProject, CloudProjectPurpose
from portal.cloud.ports import CloudError

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(days=1)
AGAIN: Final = timedelta(hours=1)  # what one look suspects, another confirms or forgets


def look_at_rooms(cloud: Cloud) -> None:
    """Read the quotas of a cloud's projects, when that is due, and write down what differs."""
    began = now()
    if not CloudLook.objects.filter(
        Q(rooms_due_at=None) | Q(rooms_due_at__lte=began), cloud=cloud
    ).update(rooms_due_at=began + EVERY):
        return
    answered = []
    for place in _quiet_places(cloud, began):
        try:
            found = list(_differing(place))
        except CloudError as error:
            logger.warning("quota of %s: %s", place.openstack_project_id, error)
            continue
        note(cloud, found, began)
        answered.append(place.openstack_project_id)
    if close_rooms(cloud, answered, began):
        CloudLook.objects.filter(cloud=cloud).update(rooms_due_at=began + AGAIN)


def _quiet_places(cloud: Cloud, began: datetime) -> Iterator[CloudProject]:
    """Those in which nothing is being done or hangs: there room is made and given back."""
    busy = Operation.objects.filter(
        Q(state__in=OPEN_OPERATION_STATES) | Q(finished_at__gte=began - settings.DRIFT_GRACE),
        resource__cloud_project=OuterRef("pk"),
    )
    places = CloudProject.objects.filter(
        ~Exists(busy), cloud=cloud, purpose=CloudProjectPurpose.MANAGED
    ).exclude(openstack_project_id="")
    yield from places.select_related("cloud").order_by("pk").iterator()


def _differing(place: CloudProject) -> Iterator[Found]:
    """Each metric of which the cloud allows more or less than is needed, as far as it has it.

    For what nobody ordered there is room only once something else made the engine set it.
    """
    least, most = quota_bounds(place)
    there = get_cloud(place.cloud.key).fetch_quota(place.openstack_project_id)
    for metric, limit in there.items():
        if not least[metric] <= limit <= most[metric]:
            yield Found(
                kind=DifferenceKind.QUOTA,
                listing=ROOMS,
                project_id=place.project_id,
                field=metric,
                openstack_id=place.openstack_project_id,
                ours=str(most[metric]),
                theirs=str(limit),
            )
