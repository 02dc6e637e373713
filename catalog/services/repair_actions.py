"""What each repair does that takes two operators, and about which difference it makes sense."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.core.exceptions import ObjectDoesNotExist
from django.utils.timezone import now

from billing.services.metering import UsageTime, change_metering, known_as, metered_now
from catalog.errors import CannotBeTold, RepairNotOffered
from catalog.kinds import get_kind
from catalog.kinds.fees import paid_for
from catalog.models import (
    LIVING_STATES,
    MAKING_KINDS,
    Difference,
    DifferenceKind,
    RepairAction,
    Resource,
    ResourceState,
    Step,
)
from catalog.services.adoption import adopt, can_be_removed, remove, why_not_adopted
from catalog.services.change_work import expire_waiting_changes, version_of
from catalog.services.drift import compared_fact
from catalog.services.preview import Priced, demand_of, quotes_of
from catalog.services.quotas import recount_claim
from catalog.services.recreation import begin_recreation, can_be_made_again, stop_paying
from catalog.services.resources import begin_retirement, meter_resource
from portal.core.dispatch import enqueue_on_commit
from portal.identity.models import Person

_GONE: Final = (DifferenceKind.MISSING, DifferenceKind.CHARGED_BUT_ABSENT)


def offered_repairs(difference: Difference, resource: Resource | None) -> list[RepairAction]:
    """What may be proposed about a difference, what loses least first."""
    if resource is None:
        return _offered_of_unknown(difference)
    if resource.state == ResourceState.RETIRED:
        is_left = difference.kind == DifferenceKind.NOT_CHARGED
        return _if(RepairAction.REMOVE, is_left and _maker(difference, resource) is not None)
    if resource.state != ResourceState.ACTIVE:
        return []
    if difference.kind in _GONE:
        return _offered_of_gone(difference, resource)
    if difference.kind == DifferenceKind.DUPLICATE:
        can_drop = _maker(difference, resource) is not None
        return [RepairAction.KEEP_COPY, *_if(RepairAction.DROP_COPY, can_drop)]
    if difference.kind == DifferenceKind.NOT_CHARGED:
        return _if(RepairAction.CHARGE, _is_main(difference, resource))
    return _if(RepairAction.TAKE_OVER, bool(changed_answers(difference, resource)))


def changed_answers(difference: Difference, resource: Resource) -> dict[str, Any]:
    """Which answers of the spec, and with them the costs, our record would take over."""
    fact = compared_fact(difference, resource)
    if fact is None or difference.kind != DifferenceKind.DIFFERS:
        return {}
    return dict(fact.changed_spec(difference.theirs))


def carry_out(
    action: RepairAction, difference: Difference, resource: Resource | None, *, actor: Person
) -> None:
    """Do what two operators agreed on. Call inside a transaction that locked both.

    Raises:
        AdoptedAlready, CannotBeTold, NameTaken, PriceMissing, ProjectEnded, StillInUse: of what
            nobody ordered.
        PlacementRefused: by the rules of today it may not stand there.
        ResourceProtected: its protection goes off first.
    """
    if resource is not None:
        _OF_A_RESOURCE[action](difference, resource, actor)
    elif action == RepairAction.ADOPT:
        adopt(difference, actor=actor)
    elif action == RepairAction.REMOVE:
        remove(difference, actor=actor)
    else:
        raise RepairNotOffered()


# --- what is offered ---------------------------------------------------------------------------


def _offered_of_unknown(difference: Difference) -> list[RepairAction]:
    if difference.kind != DifferenceKind.UNKNOWN:
        return []
    is_adoptable = why_not_adopted(difference) is None
    return [
        *_if(RepairAction.ADOPT, is_adoptable),
        *_if(RepairAction.REMOVE, can_be_removed(difference)),
    ]


def _offered_of_gone(difference: Difference, resource: Resource) -> list[RepairAction]:
    """Closing it is about the thing itself; a lost part of it is only made again."""
    is_main = _is_main(difference, resource)
    is_charged = difference.kind == DifferenceKind.CHARGED_BUT_ABSENT
    return [
        *_if(RepairAction.RECREATE, can_be_made_again(resource)),
        *_if(RepairAction.RETIRE, is_main),
        *_if(RepairAction.UNCHARGE, is_main and is_charged),
    ]


def _if(action: RepairAction, condition: bool) -> list[RepairAction]:
    return [action] if condition else []


def _is_main(difference: Difference, resource: Resource) -> bool:
    return difference.part == get_kind(resource.kind).parts[0].key


def _loss_of_whole(difference: Difference, resource: Resource) -> Difference | None:
    """What says that the thing itself is gone: this one, or another where this is about a part."""
    if _is_main(difference, resource):
        return difference
    main = get_kind(resource.kind).parts[0].key
    others = resource.differences.filter(kind__in=_GONE, part=main, state__in=LIVING_STATES)
    return others.order_by("first_seen_at").first()


def _maker(difference: Difference, resource: Resource) -> Step | None:
    """The step that last made this part: done again without creating, it removes other copies."""
    steps = Step.objects.filter(
        operation__resource=resource, operation__kind__in=MAKING_KINDS, name=difference.part
    )
    return steps.order_by("-operation_id").first()


# --- what is done ------------------------------------------------------------------------------


def _recreate(difference: Difference, resource: Resource, actor: Person) -> None:
    loss = _loss_of_whole(difference, resource)
    if loss is not None:
        stop_paying(resource, absent_since=loss.first_seen_at)
    begin_recreation(resource, actor=actor, is_whole=loss is not None)


def _retire(difference: Difference, resource: Resource, actor: Person) -> None:
    stop_paying(resource, absent_since=difference.first_seen_at)
    begin_retirement(resource, actor=actor)


def _charge(difference: Difference, resource: Resource, actor: Person) -> None:
    """From this moment on: what was not charged before was nobody's agreement."""
    moment = now()
    meter_resource(resource, UsageTime(cloud=None, intended=moment, observed=moment))


def _uncharge(difference: Difference, resource: Resource, actor: Person) -> None:
    """It stays a resource that is gone, so that it can be made again or closed later."""
    stop_paying(resource, absent_since=difference.first_seen_at)


def _take_over(difference: Difference, resource: Resource, actor: Person) -> None:
    """Let our record say what the cloud has; it costs and holds that from this moment on.

    Nobody ordered it so, so no minimum term begins; and nobody need decide any more on changes of
    how it was.
    """
    spec = {**resource.spec, **changed_answers(difference, resource)}
    version, moment = version_of(resource), now()
    try:
        # Priced while the resource still has the old spec, which is what runs by our record.
        price = quotes_of([Priced.now(version, resource, spec)], resource.project)[0]
        recount_claim(resource.claim, demand_of(version, spec, price))
    except ObjectDoesNotExist as error:  # a size that the cloud does not offer (any more)
        raise CannotBeTold() from error
    resource.spec = spec
    resource.save(update_fields=["spec"])
    if metered_now([resource.public_id]):
        change_metering(
            resource.public_id,
            meters=paid_for(version, resource.spec),
            time=UsageTime(cloud=None, intended=moment, observed=moment),
        )
    expire_waiting_changes([resource])


def _keep_copy(difference: Difference, resource: Resource, actor: Person) -> None:
    """From now on this one is ours; the other has our mark too, so a look finds it."""
    resource.cloud_ids = {**resource.cloud_ids, difference.part: difference.openstack_id}
    resource.save(update_fields=["cloud_ids"])
    if difference.part == resource.kind:
        known_as(resource.public_id, difference.openstack_id)


def _have_copies_removed(difference: Difference, resource: Resource, actor: Person) -> None:
    """Let the sweep for late arrivals look: whatever has our mark, and is not ours, goes."""
    step = _maker(difference, resource)
    if step is None:
        raise RepairNotOffered()
    at = now()
    Step.objects.filter(pk=step.pk).update(outcome_unknown_at=at, due_at=at)
    enqueue_on_commit("catalog.look_for_late_arrivals", queue="bulk", step_id=step.pk)


_OF_A_RESOURCE: Final[Mapping[RepairAction, Callable[[Difference, Resource, Person], None]]] = {
    RepairAction.RECREATE: _recreate,
    RepairAction.RETIRE: _retire,
    RepairAction.CHARGE: _charge,
    RepairAction.UNCHARGE: _uncharge,
    RepairAction.TAKE_OVER: _take_over,
    RepairAction.KEEP_COPY: _keep_copy,
    RepairAction.DROP_COPY: _have_copies_removed,
    RepairAction.REMOVE: _have_copies_removed,
}
