"""Drift: operators mend it, auditors read it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils.timezone import now

from catalog.models import Difference, DriftRepair
from portal.cloud.models import CloudProject, CloudProjectPurpose
from portal.core.calendar import day_of
from portal.identity.models import Role
from tests.authorisation.rows.things import drifting_resource, project
from tests.authorisation.vocabulary import act, call, see
from tests.authorisation.world import Tenant
from tests.factories import CloudFactory, delivered, place_group
from tests.factories.drift import (
    DISK,
    copied,
    gone,
    grown,
    narrow,
    opened,
    proposed,
    stopped,
    uncharged,
    unordered,
)

READERS: Final = {Role.OPERATOR, Role.AUDITOR}
CHECKERS: Final = {*READERS, Role.FINANCE}
OPERATORS: Final = {Role.OPERATOR}
IGNORING: Final = {
    "until": (day_of(now()) + timedelta(days=7)).isoformat(),
    "reason": "Onderhoud",
}
TYPED: Final = {**IGNORING, "until": f"{day_of(now()) + timedelta(days=7):%d-%m-%Y}"}
REASON: Final = {"reason": "Het is echt weg."}


def missing_server(tenant: Tenant) -> Difference:
    return gone(drifting_resource(tenant), openstack_id="weg-1")


def stopped_server(tenant: Tenant) -> Difference:
    return stopped(drifting_resource(tenant))


def uncharged_server(tenant: Tenant) -> Difference:
    return uncharged(drifting_resource(tenant))


def strange_disk(tenant: Tenant) -> Difference:
    resource = drifting_resource(tenant)
    place = resource.cloud_project
    return unordered(resource.project, place.cloud, finding=DISK, openstack_id=f"d-{place.pk}")


def larger_disk(tenant: Tenant) -> Difference:
    return grown(drifting_resource(tenant))


def opened_group(tenant: Tenant) -> Difference:
    order = place_group(
        tenant.asker,
        tenant.project,
        tenant.version,
        name=tenant.named("open"),
        purpose=tenant.named("doel"),
    )
    return opened(delivered(order, approver=tenant.people[Role.APPROVER]))


def narrow_project(tenant: Tenant) -> Difference:
    """In a cloud of its own, where nothing is being done."""
    place = CloudProject.objects.create(
        project=tenant.project,
        cloud=CloudFactory(key=f"rust-{tenant.project.pk}"),
        purpose=CloudProjectPurpose.MANAGED,
    )
    return narrow(place)


def second_server(tenant: Tenant) -> Difference:
    return copied(drifting_resource(tenant))


def repair_of_colleague(tenant: Tenant) -> DriftRepair:
    """Waits for another operator than the colleague who proposed it."""
    difference = gone(drifting_resource(tenant), openstack_id="weg-2")
    return proposed(difference, tenant.all_rounder)


def own_repair(tenant: Tenant) -> DriftRepair:
    """Proposed by the operator who comes by."""
    difference = gone(drifting_resource(tenant), openstack_id="weg-3")
    return proposed(difference, tenant.people[Role.OPERATOR])


def difference_with_repair(tenant: Tenant) -> tuple[Difference, DriftRepair]:
    """As ``repair_of_colleague``, for an address that names the difference too."""
    difference = gone(drifting_resource(tenant), openstack_id="weg-4")
    return difference, proposed(difference, tenant.all_rounder)


def difference_with_own_repair(tenant: Tenant) -> tuple[Difference, DriftRepair]:
    """As ``own_repair``, for an address that names the difference too."""
    difference = gone(drifting_resource(tenant), openstack_id="weg-5")
    return difference, proposed(difference, tenant.people[Role.OPERATOR])


ROWS = [
    see("catalog:usage-checks", by=CHECKERS),
    see("catalog:usage-check-sheet", arguments=("csv",), by=CHECKERS),
    see("api:usage-check-list", by=CHECKERS),
    see("catalog:drift", by=READERS),
    act("catalog:drift-look", by=OPERATORS),
    see("catalog:drift-difference", of=missing_server, by=READERS, seen_by=READERS),
    act("catalog:drift-ignore", of=missing_server, body=TYPED, by=OPERATORS, seen_by=READERS),
    act("catalog:drift-correct", of=stopped_server, by=OPERATORS, seen_by=READERS),
    act("catalog:drift-retire", of=missing_server, body=REASON, by=OPERATORS, seen_by=READERS),
    act("catalog:drift-charge", of=uncharged_server, body=REASON, by=OPERATORS, seen_by=READERS),
    act("catalog:drift-push", of=narrow_project, by=OPERATORS, seen_by=READERS),
    act("catalog:drift-put-back", of=opened_group, by=OPERATORS, seen_by=READERS),
    act("catalog:drift-recreate", of=missing_server, body=REASON, by=OPERATORS, seen_by=READERS),
    act("catalog:drift-uncharge", of=missing_server, body=REASON, by=OPERATORS, seen_by=READERS),
    act("catalog:drift-adopt", of=strange_disk, body=REASON, by=OPERATORS, seen_by=READERS),
    act("catalog:drift-remove", of=strange_disk, body=REASON, by=OPERATORS, seen_by=READERS),
    act("catalog:drift-take-over", of=larger_disk, body=REASON, by=OPERATORS, seen_by=READERS),
    act("catalog:drift-keep-copy", of=second_server, body=REASON, by=OPERATORS, seen_by=READERS),
    act("catalog:drift-drop-copy", of=second_server, body=REASON, by=OPERATORS, seen_by=READERS),
    see("catalog:drift-repair", of=repair_of_colleague, by=READERS, seen_by=READERS),
    act(
        "catalog:drift-repair-confirm",
        of=repair_of_colleague,
        by=OPERATORS,
        seen_by=READERS,
        is_strong=True,
    ),
    act(
        "catalog:drift-repair-refuse",
        of=repair_of_colleague,
        body=REASON,
        by=OPERATORS,
        seen_by=READERS,
        is_strong=True,
    ),
    act("catalog:drift-repair-withdraw", of=own_repair, by=OPERATORS, seen_by=READERS),
    # for programs
    see("api:difference-list", by=READERS),
    see("api:difference-list", case="of a project", query=project, by=READERS),
    see(
        "api:difference-detail",
        of=missing_server,
        by=READERS,
        seen_by=READERS,
    ),
    call(
        "api:difference-ignoring",
        of=missing_server,
        body=IGNORING,
        by=OPERATORS,
        seen_by=READERS,
        answer=200,
    ),
    call(
        "api:difference-correction",
        of=stopped_server,
        by=OPERATORS,
        seen_by=READERS,
        answer=200,
    ),
    call(
        "api:difference-restoration",
        of=opened_group,
        by=OPERATORS,
        seen_by=READERS,
        answer=202,
    ),
    call("api:difference-push", of=narrow_project, by=OPERATORS, seen_by=READERS, answer=202),
    call(
        "api:difference-repairs",
        of=missing_server,
        body={"action": "retire", **REASON},
        by=OPERATORS,
        seen_by=READERS,
    ),
    call(
        "api:difference-repair-decision",
        of=difference_with_repair,
        body={"decision": "confirmed"},
        by=OPERATORS,
        seen_by=READERS,
        answer=200,
        is_strong=True,
    ),
    call(
        "api:difference-repair-decision",
        case="a refusal",
        of=difference_with_repair,
        body={"decision": "refused", **REASON},
        by=OPERATORS,
        seen_by=READERS,
        answer=200,
        is_strong=True,
    ),
    call(
        "api:difference-repair-withdrawal",
        of=difference_with_own_repair,
        by=OPERATORS,
        seen_by=READERS,
        answer=200,
    ),
    call("api:difference-looks", by=OPERATORS, answer=202),
]
