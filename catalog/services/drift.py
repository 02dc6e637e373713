"""What an operator does about a difference without touching money or the cloud."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.errors import DifferenceSettled, LookedJustNow, RepairNotOffered, ResourceBusy
from catalog.kinds import get_kind
from catalog.kinds.parts import Compared
from catalog.models import (
    HOLDS_UP,
    CloudLook,
    Difference,
    DifferenceKind,
    DifferenceState,
    Resource,
    ResourceState,
)
from catalog.models.difference import REASON_LENGTH
from catalog.services.operations import lock_order_and_resource
from portal.audit.services import record
from portal.cloud.models import Cloud
from portal.core.calendar import day_of, end_of_day
from portal.core.dispatch import enqueue_on_commit
from portal.core.errors import InvalidInput
from portal.core.text import clean_text
from portal.identity.access import reached_projects, workplace_id
from portal.identity.models import Person, Role

LONGEST_IGNORING: Final = timedelta(days=90)
BETWEEN_LOOKS: Final = timedelta(minutes=1)
OPEN_STATES: Final = (DifferenceState.OPEN, DifferenceState.IGNORED)


@transaction.atomic(durable=True)
def ignore_difference(public_id: UUID, *, until: date, reason: str, actor: Person) -> Difference:
    """Leave a difference alone until the end of a day; after that it is open again.

    Raises:
        InvalidInput: the day has passed or is too far away, or there is no reason.
        DifferenceSettled: it was solved meanwhile.
    """
    because = check_ignoring(until, reason)
    difference = lock_difference(public_id)
    difference.state = DifferenceState.IGNORED
    difference.ignored_until = end_of_day(until)
    difference.ignored_by, difference.ignored_because = actor, because
    difference.save(update_fields=["state", "ignored_until", "ignored_by", "ignored_because"])
    record(
        "drift.ignored",
        difference,
        actor=actor,
        node_id=difference.project_id,
        data={"until": until.isoformat()},
    )
    return difference


def check_ignoring(until: date, reason: str) -> str:
    """Return the reason as it is kept.

    Raises:
        InvalidInput: the day has passed or is too far away, or there is no reason.
    """
    errors: dict[str, list[str]] = {}
    today = day_of(now())
    if not today <= until <= today + LONGEST_IGNORING:
        days = LONGEST_IGNORING.days
        errors["until"] = [
            _("Choose today or a later day, at most {days} days away.").format(days=days)
        ]
    try:
        because = clean_reason(reason)
    except InvalidInput as error:
        errors.update(error.errors)
    if errors:
        raise InvalidInput(errors)
    return because


def clean_reason(reason: str) -> str:
    """The reason as it is kept.

    Raises:
        InvalidInput: there is none, or it cannot be kept.
    """
    try:
        text = clean_text(reason, max_length=REASON_LENGTH, multiline=True)
    except ValueError as error:
        raise InvalidInput({"reason": [str(error)]}) from error
    if not text:
        raise InvalidInput({"reason": [_("Fill this in.")]})
    return text


@transaction.atomic(durable=True)
def correct_record(public_id: UUID, *, actor: Person) -> Difference:
    """Let our record say what the cloud says, where no money depends on it.

    Raises:
        RepairNotOffered: it is no such difference.
        DifferenceSettled: it was solved meanwhile.
        ResourceBusy: something is being done to the resource.
    """
    difference, resource = lock_with_resource(public_id)
    changes = corrections(difference, resource)
    if not changes:
        raise RepairNotOffered()
    resource.facts = {**resource.facts, **changes}
    resource.save(update_fields=["facts"])
    solve(difference)
    record(
        "drift.record_corrected",
        difference,
        actor=actor,
        node_id=difference.project_id,
        data={"resource": str(resource.public_id), "field": difference.field},
    )
    return difference


def corrections(difference: Difference, resource: Resource) -> dict[str, Any]:
    """Which facts of ours would change if our record took over what the cloud says."""
    fact = compared_fact(difference, resource)
    if fact is None or difference.kind != DifferenceKind.DIFFERS:
        return {}
    return dict(fact.taken_over(difference.theirs))


def compared_fact(difference: Difference, resource: Resource) -> Compared | None:
    """What the kind declares of the field that differs; None for what every part has."""
    parts = [part for part in get_kind(resource.kind).parts if part.key == difference.part]
    facts = [fact for part in parts for fact in part.compared if fact.key == difference.field]
    return facts[0] if facts else None


def solve(difference: Difference) -> None:
    """It was repaired. Call with it locked; if it differs all the same, a look finds it anew."""
    difference.state, difference.solved_at = DifferenceState.SOLVED, now()
    difference.save(update_fields=["state", "solved_at"])


def lock_difference(public_id: UUID) -> Difference:
    """Lock a difference that is not solved. Its resource is locked before it, where that changes.

    Raises:
        DifferenceSettled: it is solved.
    """
    difference = Difference.objects.select_for_update().get(public_id=public_id)
    if difference.state not in OPEN_STATES:
        raise DifferenceSettled(state=difference.get_state_display())
    return difference


def lock_with_resource(public_id: UUID) -> tuple[Difference, Resource]:
    """Lock a difference that is not solved, and the running resource that it is about.

    Raises:
        RepairNotOffered: it is about none that runs.
        DifferenceSettled: it is solved.
        ResourceBusy: something is being done to the resource.
    """
    found = Difference.objects.select_related("resource__order_line").get(public_id=public_id)
    if found.resource is None:
        raise RepairNotOffered()
    resource = lock_idle_resource(found.resource)
    return lock_difference(public_id), resource


def lock_idle_resource(resource: Resource) -> Resource:
    """Lock a running resource to which nothing is being done.

    Raises:
        RepairNotOffered: it does not run (any more).
        ResourceBusy: something is being done to it.
    """
    lock_order_and_resource(resource)
    resource.refresh_from_db()
    if resource.state != ResourceState.ACTIVE:
        raise RepairNotOffered()
    if resource.operations.filter(HOLDS_UP).exists():
        raise ResourceBusy(name=resource.name)
    return resource


@transaction.atomic(durable=True)
def ask_for_look(actor: Person) -> list[Cloud]:
    """Have the clouds of the operator's projects compared now.

    Raises:
        LookedJustNow: each of them was begun with a moment ago.
    """
    moment = now()
    projects = reached_projects(actor, Role.OPERATOR)
    clouds = list(Cloud.objects.filter(projects__project__in=projects).distinct().order_by("pk"))
    for cloud in clouds:
        CloudLook.objects.get_or_create(cloud=cloud, defaults={"due_at": moment})
    looks = CloudLook.objects.filter(cloud__in=clouds).filter(
        Q(began_at=None) | Q(began_at__lte=moment - BETWEEN_LOOKS)
    )
    if clouds and not looks.update(due_at=moment):
        raise LookedJustNow()
    for cloud in clouds:
        node_id = workplace_id(actor, Role.OPERATOR)
        record("drift.look_requested", cloud, actor=actor, node_id=node_id)
    enqueue_on_commit("catalog.look_for_drift", queue="bulk")
    return clouds
