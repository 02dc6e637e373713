"""What the workers do. Every message names a row; the row decides whether there is work.

A task may be lost, repeated or late without an effect on what happens.
"""

from __future__ import annotations

import logging
from typing import Final

from celery import shared_task
from django.conf import settings
from django.utils.timezone import now

from catalog.models import OperationQueue
from catalog.provisioning import late_arrivals, polling, runner, sweeping
from catalog.provisioning.cloud_quota import needed_quota, push_quota
from catalog.reconciliation.looking import look_at_due_clouds
from catalog.services import (
    approvals,
    limits,
    orders,
    quota_alerts,
    quota_history,
    resource_loads,
)
from catalog.services.access import withdraw_access as withdraw_all_access
from catalog.services.end_dates import end_uses, retire_ended, withdraw_endings
from catalog.services.end_reminders import remind, send_reminder
from portal.cloud.models import Cloud, CloudProject
from portal.cloud.ports import CloudError
from portal.cloud.services import sync_inventory as sync_inventory_of
from portal.core.calendar import day_of
from portal.core.dispatch import enqueue_on_commit
from portal.core.faults import each_by_itself
from portal.core.locks import (
    ACCESS,
    DRIFT,
    END_DATES,
    INVENTORY,
    LOADS,
    QUOTA_ALERTS,
    SWEEP,
    only_one,
)

logger = logging.getLogger(__name__)

# Every list of a poll may stall until its time-out, one after the other.
LONGEST_POLL_SECONDS: Final = 300
LONGEST_LOOK_SECONDS: Final = 1800  # well below the broker's patience with a message


@shared_task(name="catalog.run_operation")
def run_operation(*, operation_id: int) -> None:
    """Carry an operation out, as far as it goes without waiting."""
    runner.advance(operation_id)


@shared_task(
    name="catalog.poll_cloud_project",
    soft_time_limit=LONGEST_POLL_SECONDS,
    time_limit=LONGEST_POLL_SECONDS + 10,
)
def poll_cloud_project(*, cloud_project_id: int) -> None:
    """Settle what waits in a cloud project; go on with a person's, others get a message each.

    What a batch goes on with may take a minute, and this may be the worker that people wait for.
    """
    can_go_on = polling.poll_cloud_project(cloud_project_id)
    of_people = [found for found in can_go_on if found.queue == OperationQueue.INTERACTIVE]
    here = of_people[:1]
    for operation in can_go_on:
        if operation not in here:
            enqueue_on_commit(
                "catalog.run_operation", queue=operation.queue, operation_id=operation.pk
            )
    for operation in here:
        runner.advance(operation.pk)


@shared_task(name="catalog.look_for_late_arrivals")
def look_for_late_arrivals(*, step_id: int) -> None:
    """Remove second copies of what a step once asked for without an answer."""
    try:
        late_arrivals.look_for_late_arrivals(step_id)
    except CloudError as error:
        logger.warning("looking after step %s: %s", step_id, error)  # the next look is due


@shared_task(name="catalog.sweep")
def sweep() -> None:
    """Find what no message travels for; one process at a time, though beat runs everywhere."""
    with only_one(SWEEP) as is_mine:
        if is_mine:
            sweeping.sweep()


@shared_task(name="catalog.sync_inventory")
def sync_inventory() -> None:
    """Note what each cloud offers now; one that does not answer keeps what we knew of it."""
    with only_one(INVENTORY) as is_mine:
        if is_mine:
            each_by_itself(_sync_inventory, Cloud.objects.filter(key__in=settings.CLOUDS))


def _sync_inventory(cloud: Cloud) -> int:
    try:
        sync_inventory_of(cloud)
    except CloudError as error:
        logger.warning("inventory of %s: %s", cloud.key, error)
        return 0
    return 1


@shared_task(
    name="catalog.look_for_drift",
    soft_time_limit=LONGEST_LOOK_SECONDS,
    time_limit=LONGEST_LOOK_SECONDS + 10,
)
def look_for_drift() -> None:
    """Compare the clouds whose time has come with what we know; one process at a time."""
    with only_one(DRIFT) as is_mine:
        if is_mine:
            look_at_due_clouds()


@shared_task(
    name="catalog.take_loads",
    soft_time_limit=LONGEST_LOOK_SECONDS,
    time_limit=LONGEST_LOOK_SECONDS + 10,
)
def take_loads() -> None:
    """Ask the clouds how busy servers are; one process at a time."""
    with only_one(LOADS) as is_mine:
        if is_mine:
            resource_loads.take_loads(at=now())


@shared_task(name="catalog.push_cloud_quota")
def push_cloud_quota(*, cloud_project_id: int) -> None:
    """Set the quota of a project in the cloud to what its resources hold."""
    place = CloudProject.objects.select_related("cloud").get(pk=cloud_project_id)
    pushed: dict[str, int] = {}
    try:
        while (needed := needed_quota(place)) != pushed:  # what was approved meanwhile came later
            push_quota(place, place.openstack_project_id)
            pushed = needed
    except CloudError as error:
        logger.warning("quota of %s: %s", place.openstack_project_id, error)


@shared_task(name="catalog.turn_limits")
def turn_limits() -> None:
    """Write which limits hold now: dated ones begin and end."""
    limits.turn_limits()


@shared_task(name="catalog.read_quotas")
def read_quotas() -> None:
    """Write what every quota holds today, and forget what is too old."""
    today = day_of(now())
    quota_history.read_quotas(today)
    quota_history.forget_readings(today)


@shared_task(name="catalog.mind_quota_alerts")
def mind_quota_alerts() -> None:
    """Find what is nearly full, over its limit or full soon, and tell; one process at a time."""
    with only_one(QUOTA_ALERTS) as is_mine:
        if is_mine:
            quota_alerts.mind_alerts(at=now())


@shared_task(name="catalog.send_quota_letter")
def send_quota_letter(*, letter_id: int) -> None:
    """Tell a quota administrator by e-mail what is newly the matter."""
    quota_alerts.send_quota_letter(letter_id)


@shared_task(name="catalog.expire_orders")
def expire_orders() -> None:
    """Approve what a rule lets through, and end what nobody decided on in time."""
    each_by_itself(lambda act: act(), [approvals.approve_waiting_by_rule, orders.expire_orders])


@shared_task(name="catalog.approve_by_rule")
def approve_by_rule(*, order_id: int) -> None:
    """Approve an order for which no person is needed, if that is so."""
    approvals.approve_by_rule(order_id)


@shared_task(name="catalog.mind_end_dates")
def mind_end_dates() -> None:
    """Remind people of what ends, stop what ended, clean up what nobody renewed since."""
    with only_one(END_DATES) as is_mine:
        if is_mine:
            moment = now()
            acts = [withdraw_endings, remind, end_uses, retire_ended]
            each_by_itself(lambda act: act(at=moment), acts)


@shared_task(name="catalog.withdraw_access")
def withdraw_access() -> None:
    """Begin to withdraw credentials of who may not get in any more; one process at a time."""
    with only_one(ACCESS) as is_mine:
        if is_mine:
            withdraw_all_access()


@shared_task(name="catalog.send_end_reminder")
def send_end_reminder(*, reminder_id: int) -> None:
    """Tell who ordered something by e-mail that it ends."""
    send_reminder(reminder_id)
