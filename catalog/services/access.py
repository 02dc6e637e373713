"""Credentials that should work no longer: withdrawn in the cloud.

Those of people who may not get in any more, and all of what was needed until yesterday. Nobody
tells the catalogue that a role ended: by its date, by a colleague, by a review, or because
somebody left. So a sweep compares who has a credential with who may get in now. It asks the cloud
nothing; the engine withdraws, and tries again when the cloud does not answer. A credential that is
being made meanwhile is found by the next sweep, and until then shown to nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from itertools import chain
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import now

from catalog.kinds import all_kinds, get_kind
from catalog.kinds.base import ACT_PREFIX
from catalog.models import (
    MAKING_KINDS,
    OPEN_OPERATION_STATES,
    Operation,
    OperationKind,
    OperationState,
    PeopleWithAccess,
    Resource,
    ResourceState,
)
from catalog.services.operations import lock_order_and_resource, set_going, start_operation
from portal.audit.services import record
from portal.cloud.secrets import forget_secrets
from portal.core.calendar import day_of
from portal.core.faults import each_by_itself
from portal.identity.access import grants_for_credentials
from portal.identity.models import Person, Project, Role

PAGE_SIZE: Final = 500
TRIED_AGAIN_AFTER: Final = timedelta(hours=1)
# What is being cleaned up may have to wait for something else first.
_OPEN_TO_PEOPLE: Final = [ResourceState.ACTIVE, ResourceState.RETIRING]


def who_gets_in(project: Project, people: Collection[UUID]) -> set[UUID]:
    """Those of the people, by public id, who are requesters there. One query."""
    grants = grants_for_credentials(Role.REQUESTER).filter(
        node__in=project.lineage_ids, person__public_id__in=people
    )
    return set(grants.values_list("person__public_id", flat=True))


def withdraw_access() -> int:
    """Have withdrawn what should work no longer. Return of how many resources.

    Raises:
        ExceptionGroup: what went wrong, after every resource had its turn.
    """
    return each_by_itself(_withdraw, chain(_over(), _lapsed(), _hanging()))


def _open() -> QuerySet[Resource]:
    """What somebody gets into by a credential, and is not being withdrawn from already."""
    withdrawn = Operation.objects.filter(
        resource=OuterRef("pk"), kind=OperationKind.WITHDRAW, state__in=OPEN_OPERATION_STATES
    )
    return Resource.objects.filter(
        ~Exists(withdrawn),
        state__in=_OPEN_TO_PEOPLE,
        facts__has_key="credentials",
        kind__in=[kind.key for kind in all_kinds() if OperationKind.WITHDRAW in kind.plans],
    ).exclude(facts__credentials=[])


def _over() -> Iterator[int]:
    """Primary keys of what is no longer needed."""
    over = _open().filter(state=ResourceState.ACTIVE, end_date__lt=day_of(now()))
    yield from over.order_by("pk").values_list("pk", flat=True).iterator()


def _lapsed() -> Iterator[int]:
    """Primary keys of what somebody may not get into any more who does. Three queries a page."""
    opened = _open().annotate(people=PeopleWithAccess()).exclude(people=[]).order_by("pk")
    rows = opened.values_list("pk", "project", "people")
    after = 0
    while page := list(rows.filter(pk__gt=after)[:PAGE_SIZE]):
        after = page[-1][0]
        yield from _lapsed_of(page)


def _lapsed_of(page: Sequence[tuple[int, int, list[str]]]) -> Iterator[int]:
    lineages = {
        project.pk: set(project.lineage_ids)
        for project in Project.objects.filter(pk__in={project for _pk, project, _people in page})
    }
    nodes: dict[UUID, set[int]] = defaultdict(set)
    people = {UUID(person) for _pk, _project, people in page for person in people}
    held = grants_for_credentials(Role.REQUESTER).filter(person__public_id__in=people)
    for person, node in held.values_list("person__public_id", "node"):
        nodes[person].add(node)
    for pk, project, named in page:
        if any(nodes[UUID(person)].isdisjoint(lineages[project]) for person in named):
            yield pk


def _hanging() -> Iterator[int]:
    """Primary keys of what the cloud did not let us withdraw from an hour ago."""
    yield from _hanging_withdrawals().order_by("pk").values_list("resource", flat=True).iterator()


def _hanging_withdrawals() -> QuerySet[Operation]:
    return Operation.objects.filter(
        kind=OperationKind.WITHDRAW,
        state=OperationState.FAILED,
        failed_at__lte=now() - TRIED_AGAIN_AFTER,
    )


@transaction.atomic(durable=True)
def _withdraw(resource_id: int) -> int:
    """Begin to withdraw, unless that is no longer needed, or cannot be sure yet.

    What hangs is tried again, and finds then who may not get in since.
    """
    resource = lock_order_and_resource(Resource.objects.get(pk=resource_id))
    hanging = _hanging_withdrawals().filter(resource=resource).first()
    if hanging:
        return _try_again(hanging)
    if resource.state not in _OPEN_TO_PEOPLE or _stands_in_the_way(resource):
        return 0
    if not (_end_all(resource) or _end_of_people(resource)):
        return 0
    start_operation(resource, OperationKind.WITHDRAW, requested_by=None)
    return 1


def _try_again(operation: Operation) -> int:
    if operation.resource.operations.filter(state=OperationState.RUNNING).exists():
        return 0
    set_going(operation)
    record("operation.resumed", operation, actor=None, node_id=operation.resource.project_id)
    return 1


def _end_all(resource: Resource) -> bool:
    """Show nobody any secret more, if it is needed no longer. Who renews it keeps what works."""
    last_day = resource.end_date
    is_over = last_day is not None and last_day < day_of(now())
    if not is_over or resource.state != ResourceState.ACTIVE or not resource.facts["credentials"]:
        return False
    forget_secrets(resource.public_id)
    return True


def complete_withdrawal(resource: Resource) -> None:
    """Write down when nobody gets in any more. Call with its order and it locked.

    Only now is that sure: a term that was renewed in between leaves people in.
    """
    if not get_kind(resource.kind).access(resource.facts):
        record("resource.all_access_ended", resource, actor=None, node_id=resource.project_id)


def _end_of_people(resource: Resource) -> bool:
    """Write down who may not get in any more, if anybody."""
    access = get_kind(resource.kind).access(resource.facts)
    people = {item.person for item in access if item.person}
    lapsed = people - who_gets_in(resource.project, people)
    for person in Person.objects.filter(public_id__in=lapsed).order_by("pk"):
        forget_secrets(resource.public_id, reader=person)
        record(
            "resource.access_ended",
            resource,
            actor=None,
            node_id=resource.project_id,
            data={"person": person.pk},
        )
    return bool(lapsed)


def _stands_in_the_way(resource: Resource) -> bool:
    """True while it is withdrawn already, or while work goes on that may make a credential.

    Both would write down who gets in. What hangs makes none.
    """
    giving = [
        f"{resource.kind}.{ACT_PREFIX}{key}"
        for key, action in get_kind(resource.kind).actions.items()
        if action.gives_access
    ]
    goes_on = Q(state=OperationState.RUNNING) & (Q(kind__in=MAKING_KINDS) | Q(plan__in=giving))
    withdrawn = Q(kind=OperationKind.WITHDRAW, state__in=OPEN_OPERATION_STATES)
    return resource.operations.filter(goes_on | withdrawn).exists()
