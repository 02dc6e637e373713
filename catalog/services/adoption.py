"""What was found in the cloud and nobody ordered: taken into our records, or taken away.

It comes in by a door of its own, with a placement decision that says *found in the cloud* and a
claim that counts also where the quota is too small. It is charged from when the cloud made it, in
the open month at the earliest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Final
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now

from billing.services.metering import UsageTime
from catalog.errors import (
    AdoptedAlready,
    CannotBeTold,
    NameTaken,
    ProjectEnded,
    RepairNotOffered,
    SecondOfShared,
    StillInUse,
)
from catalog.kinds import get_kind
from catalog.kinds.parts import name_fact
from catalog.models import (
    Difference,
    DifferenceKind,
    DifferenceState,
    Metric,
    RepairState,
    Resource,
    ResourceState,
)
from catalog.models.resource import CloudIdList
from catalog.services.change_work import unoffered
from catalog.services.drift import solve
from catalog.services.operations import lock_resource
from catalog.services.placement import Place, check_placement, note_found
from catalog.services.preview import quote_of
from catalog.services.quotas import hold_found
from catalog.services.resources import begin_retirement, meter_resource
from portal.audit.services import record
from portal.cloud.models import CloudProject, CloudProjectPurpose
from portal.cloud.ports import LISTED_PER_PROJECT
from portal.core.calendar import month_of
from portal.core.dispatch import enqueue_on_commit
from portal.core.errors import DomainError
from portal.core.locks import lock_tree_shared
from portal.core.text import clean_text
from portal.identity.models import Person

_LONGEST_NAME: Final = 63
_SUFFIX_LENGTH: Final = 8


def why_not_adopted(difference: Difference) -> DomainError | None:
    """Why people cannot adopt this now, in words for them; None when they can."""
    try:
        _priced_demand(difference)
        _check_placement(difference)
    except DomainError as refusal:
        return refusal
    return None


def can_be_removed(difference: Difference) -> bool:
    """Whether the engine knows how to remove it; that may cost nothing, so it needs no price."""
    try:
        _bare_demand(difference)
    except DomainError:
        return False
    return True


def adopt(difference: Difference, *, actor: Person | None) -> Resource:
    """Let what was found be a resource that is charged, though nobody ordered it.

    Call inside a transaction that locked the tree and the difference, and solve that then.
    ``actor`` None: the platform itself. That says what is so: what stands where it may not is
    charged and listed too, with a decision that has the clauses against it.

    Raises:
        PlacementRefused: people do not let it stand where it may not.
        RepairNotOffered: it is nothing that nobody ordered.
        CannotBeTold: the cloud's list does not tell what it holds or costs.
        SecondOfShared: the engine would take it away.
        PriceMissing: it has no price.
        AdoptedAlready: a resource refers to it.
        NameTaken: something else got its name a moment ago.
        ProjectEnded: its project has ended, and so may have nothing any more.
    """
    demand = _priced_demand(difference)
    if actor is not None:
        _check_placement(difference)
    resource = _take_in(difference, demand)
    began = month_of(now()).start
    seen = max(difference.first_seen_at, began)
    meter_resource(resource, UsageTime(cloud=difference.made_at, intended=began, observed=seen))
    place = resource.cloud_project
    enqueue_on_commit("catalog.push_cloud_quota", queue="bulk", cloud_project_id=place.pk)
    record(
        "resource.adopted",
        resource,
        actor=actor,
        node_id=resource.project_id,
        data={"difference": str(difference.public_id), "openstack_id": difference.openstack_id},
    )
    return resource


def remove(difference: Difference, *, actor: Person) -> Resource:
    """Let the engine remove what nobody ordered. Nobody pays for it.

    It is a resource until it is surely gone, so its removal is followed, repeated and written
    down like any other, and its quota counts until then. Raises as ``adopt``, and:

        StillInUse: something that was ordered, or adopted, uses it.
    """
    check_unused(difference)
    resource = _take_in(difference, _bare_demand(difference))
    begin_retirement(resource, actor=actor)
    return resource


def found_demand(difference: Difference) -> dict[Metric, Decimal]:
    """What a thing that nobody ordered holds in the cloud, but for what it costs.

    Raises:
        RepairNotOffered, CannotBeTold: as ``adopt``.
    """
    if difference.kind != DifferenceKind.UNKNOWN:
        raise RepairNotOffered()
    found = difference.finding
    if not found:
        raise CannotBeTold()
    version = unoffered(found["kind"], difference.cloud)
    try:
        return get_kind(found["kind"]).quota_demand(version, found["spec"])
    except ObjectDoesNotExist as error:  # a size that the cloud does not offer (any more)
        raise CannotBeTold() from error


def check_unused(difference: Difference) -> None:
    """Refuse to remove what a living resource uses, as the cloud listed it last.

    Raises:
        StillInUse: as named.
    """
    user = _referring_to(difference, difference.finding.get("used_by", [])).first()
    if user is not None:
        raise StillInUse(name=user.name)


@transaction.atomic(durable=True)
def adopt_by_itself(public_id: UUID) -> Resource | None:
    """Adopt what nobody did anything about; None when somebody just did, or it is not possible.

    The platform does so by a setting, and does not choose: it takes everything in.
    """
    lock_tree_shared()
    difference = Difference.objects.select_for_update().get(public_id=public_id)
    if difference.state != DifferenceState.OPEN or difference.kind != DifferenceKind.UNKNOWN:
        return None
    somebody_proposed = difference.repairs.filter(state=RepairState.PROPOSED).exists()
    if somebody_proposed or not _can_be_taken_in(difference):
        return None
    solve(difference)
    return adopt(difference, actor=None)


def _can_be_taken_in(difference: Difference) -> bool:
    try:
        _priced_demand(difference)
    except DomainError:
        return False
    return True


def _check_placement(difference: Difference) -> None:
    check_placement(difference.project, Place.of_cloud(difference.cloud))


def _take_in(difference: Difference, demand: Mapping[Metric, Decimal]) -> Resource:
    """Make the resource, with its claim and its decision."""
    found = difference.finding
    kind = get_kind(found["kind"])
    part = kind.parts[0].key
    cloud_project = _lock_place(difference)
    if _referring_to(difference, [difference.openstack_id]).exists():
        raise AdoptedAlready()
    claim = hold_found(difference.project, demand)
    try:
        with transaction.atomic():
            made = Resource.objects.create(
                kind=kind.key,
                name=_free_name(difference, kind.key),
                project=difference.project,
                cloud_project=cloud_project,
                found_as=difference,
                claim=claim,
                placement=note_found(difference.project, difference.cloud),
                state=ResourceState.ACTIVE,
                spec=found["spec"],
                facts={**found["facts"], name_fact(part): difference.name},
                cloud_ids={part: difference.openstack_id},
                activated_at=now(),
            )
    except IntegrityError as error:
        if "resource_name_unique_among_living" in str(error):
            raise NameTaken(field="name", name=difference.name) from error
        raise
    return lock_resource(made)


def _bare_demand(difference: Difference) -> dict[Metric, Decimal]:
    """What it will hold as a resource, but for what it costs.

    Raises:
        RepairNotOffered, CannotBeTold, ProjectEnded: as ``adopt``.
    """
    demand = found_demand(difference)
    if difference.project.ended_at:  # sure under the tree lock, which ending takes too
        raise ProjectEnded(name=difference.project.name)
    return demand


def _priced_demand(difference: Difference) -> dict[Metric, Decimal]:
    """What it holds and costs, by the tariff of this moment; raises as ``adopt``."""
    demand = _bare_demand(difference)
    if difference.part:
        raise SecondOfShared()
    found = difference.finding
    version = unoffered(found["kind"], difference.cloud)
    price = quote_of(version, found["spec"], difference.project)
    return {**demand, Metric.MONTHLY_COST_EUR: price.monthly}


def _lock_place(difference: Difference) -> CloudProject:
    """The place of what was found; who adopts something there does so one after the other."""
    return CloudProject.objects.select_for_update(no_key=True).get(
        cloud=difference.cloud_id,
        project=difference.project_id,
        purpose=CloudProjectPurpose.MANAGED,
    )


def _referring_to(difference: Difference, openstack_ids: Sequence[str]) -> QuerySet[Resource]:
    """The living resources in the cloud that one of these ids is of.

    What is listed per project has an id that means something in its own project alone.
    """
    living = Resource.objects.filter(cloud_project__cloud=difference.cloud).exclude(
        state=ResourceState.RETIRED
    )
    if difference.listing in LISTED_PER_PROJECT:
        living = living.filter(project=difference.project)
    return living.alias(ids=CloudIdList()).filter(Q(ids__has_any_keys=list(openstack_ids)))


def _free_name(difference: Difference, kind: str) -> str:
    """As the cloud calls it, as far as it fits; with what is its own alone where that is taken."""
    try:
        name = clean_text(difference.name, max_length=len(difference.name) or 1)
    except ValueError:
        name = ""
    name = (name or difference.openstack_id)[:_LONGEST_NAME]
    namesakes = Resource.objects.filter(project=difference.project_id, kind=kind, name=name)
    if not namesakes.exclude(state=ResourceState.RETIRED).exists():
        return name
    own = f"{difference.cloud.key} {difference.openstack_id}"
    suffix = f"-{sha256(own.encode()).hexdigest()[:_SUFFIX_LENGTH]}"
    return f"{name[: _LONGEST_NAME - len(suffix)]}{suffix}"
