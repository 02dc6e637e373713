"""Keeping what looks find: from the first look that saw a difference until one that did not.

A first look only suspects. The second, long enough after it, opens the difference for people:
what came right by itself in between never was one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from catalog.models import (
    LIVING_STATES,
    Difference,
    DifferenceKind,
    DifferenceState,
    Resource,
)
from catalog.models.difference import VALUE_LENGTH
from catalog.reconciliation.comparison import Found
from catalog.reconciliation.describing import describe
from catalog.reconciliation.reading import is_settled
from portal.cloud.models import Cloud, CloudProject
from portal.cloud.ports import Listing

_Key = tuple[int | None, str, str, str, str, str]
_NAME_LENGTH: Final = 255


def note(cloud: Cloud, found: Iterable[Found], at: datetime) -> None:
    """Write what a page brought; what was known already was seen again.

    Args:
        at: when the look began.
    """
    by_key = {_key_of(one): one for one in found}
    if by_key:
        _note(cloud, by_key, at)


@transaction.atomic(durable=True)
def _note(cloud: Cloud, by_key: dict[_Key, Found], at: datetime) -> None:
    known = {_key_of(row): row for row in _living(cloud, by_key)}
    for key, row in known.items():
        _see_again(row, by_key[key], at)
    Difference.objects.bulk_update(
        known.values(), ["ours", "theirs", "name", "finding", "made_at", "last_seen_at"]
    )
    Difference.objects.bulk_create(
        _difference(cloud, one, at) for key, one in by_key.items() if key not in known
    )


def _living(cloud: Cloud, keys: Collection[_Key]) -> list[Difference]:
    """Those of the living differences that have one of the keys, locked."""
    resources = {key[0] for key in keys}
    about = Q(resource__in=resources - {None}) | Q(
        resource=None, openstack_id__in={key[5] for key in keys if key[0] is None}
    )
    rows = Difference.objects.select_for_update().filter(
        about, cloud=cloud, state__in=LIVING_STATES
    )
    return [row for row in rows.order_by("pk") if _key_of(row) in keys]


def _key_of(one: Found | Difference) -> _Key:
    resource = one.resource_id if isinstance(one, Difference) else one.resource
    return resource, str(one.kind), str(one.listing), one.part, one.field, one.openstack_id


def _see_again(row: Difference, found: Found, at: datetime) -> None:
    row.last_seen_at = at
    row.ours, row.theirs, row.name = _texts(found)
    row.finding, row.made_at = _finding(found)


def _texts(found: Found) -> tuple[str, str, str]:
    return found.ours[:VALUE_LENGTH], found.theirs[:VALUE_LENGTH], found.name[:_NAME_LENGTH]


def _finding(found: Found) -> tuple[dict[str, Any], datetime | None]:
    """What nobody ordered would be as a resource, and since when it is there."""
    if found.thing is None:
        return {}, None
    return describe(Listing(found.listing), found.thing), found.thing.created_at


def _difference(cloud: Cloud, found: Found, at: datetime) -> Difference:
    ours, theirs, name = _texts(found)
    finding, made_at = _finding(found)
    return Difference(
        cloud=cloud,
        project_id=found.project_id,
        resource_id=found.resource,
        kind=DifferenceKind(found.kind),
        listing=found.listing,
        part=found.part,
        field=found.field,
        openstack_id=found.openstack_id,
        name=name,
        ours=ours,
        theirs=theirs,
        finding=finding,
        made_at=made_at,
        first_seen_at=at,
        last_seen_at=at,
    )


@transaction.atomic(durable=True)
def close_look(
    cloud: Cloud,
    listings: Collection[Listing],
    at: datetime,
    *,
    passed_over: Mapping[Listing, Collection[str]],
) -> None:
    """After everything was compared: open what was seen twice, end what was not seen any more.

    What could not be judged in this look stays: lists that were not answered, resources that
    somebody is busy with, and the quotas of whole projects (``close_rooms``).

    Args:
        passed_over: by list, the Keystone projects of which it did not tell.
    """
    living = Difference.objects.filter(
        cloud=cloud, state__in=LIVING_STATES, listing__in=listings
    ).exclude(kind=DifferenceKind.QUOTA)
    for listing, places in passed_over.items():
        rooms = CloudProject.objects.filter(cloud=cloud, openstack_project_id__in=places)
        about = Resource.objects.filter(cloud_project__in=rooms)
        untold = Q(resource__in=about) | Q(resource=None, project__in=rooms.values("project"))
        living = living.exclude(pk__in=Difference.objects.filter(untold, listing=listing))
    _settle(living, at)
    _forget(_not_seen(living, at), at)


@transaction.atomic(durable=True)
def close_rooms(cloud: Cloud, openstack_project_ids: Collection[str], at: datetime) -> bool:
    """As ``close_look``, for the quotas of these projects; whether one is only suspected now."""
    living = Difference.objects.filter(
        cloud=cloud,
        state__in=LIVING_STATES,
        kind=DifferenceKind.QUOTA,
        openstack_id__in=openstack_project_ids,
    )
    _settle(living, at)
    _forget(living.filter(last_seen_at__lt=at), at)
    return living.filter(state=DifferenceState.SUSPECTED).exists()


def _settle(living: QuerySet[Difference, Any], at: datetime) -> None:
    """Open what was seen twice, and what was ignored for long enough."""
    seen_before = Q(first_seen_at__lte=at - settings.DRIFT_SECOND_LOOK_AFTER, last_seen_at=at)
    living.filter(seen_before, state=DifferenceState.SUSPECTED).update(state=DifferenceState.OPEN)
    living.filter(state=DifferenceState.IGNORED, ignored_until__lte=at, last_seen_at=at).update(
        state=DifferenceState.OPEN, ignored_until=None, ignored_by=None, ignored_because=""
    )


def _forget(gone: QuerySet[Difference, Any], at: datetime) -> None:
    """What was not seen any more is solved, or was nothing."""
    gone.filter(state=DifferenceState.SUSPECTED).delete()
    gone.update(state=DifferenceState.SOLVED, solved_at=at)


def _not_seen(living: QuerySet[Difference, Any], at: datetime) -> QuerySet[Difference, Any]:
    unsettled = Resource.objects.exclude(is_settled(at - settings.DRIFT_GRACE)).filter(
        differences__state__in=LIVING_STATES
    )
    return living.filter(last_seen_at__lt=at).exclude(resource__in=unsettled.values("pk"))
