"""Every transaction locks in the one order of docs/architecture.md, so that none waits for ever."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from catalog.models import Metric, Order
from catalog.services.approvals import approve_order, reject_order
from catalog.services.limits import set_limit
from catalog.services.operations import resume_operation
from catalog.services.orders import expire_orders, withdraw_order
from catalog.services.tree import end_node, move_node
from catalog.services.undoing import compensate_operation
from portal.cloud.ports import CloudRefused
from tests.factories import administrator_of, make_organization, place

pytestmark = [pytest.mark.django_db, pytest.mark.database]

IN_ORDER = [
    ("tree", r"pg_advisory_xact_lock"),
    ("order or resource", r'FROM "catalog_(order|resource)" .*FOR UPDATE'),
    ("quota", r'FROM "catalog_quota" .*FOR UPDATE'),
    ("audit head", r'FROM "audit_auditchain" .*FOR UPDATE'),
]


def transactions(statements: list[str]) -> Iterator[list[str]]:
    """The statements of each outermost savepoint, which is what a transaction is in a test."""
    depth, inside = 0, []
    for statement in statements:
        if statement.startswith("SAVEPOINT"):
            depth += 1
        elif statement.startswith(("RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")):
            depth -= 1
        inside.append(statement)
        if not depth:
            yield inside
            inside = []


def locks(statements: list[str]) -> list[int]:
    """What was locked, as places in the order."""
    return [
        place
        for statement in statements
        for place, (_, pattern) in enumerate(IN_ORDER)
        if re.search(pattern, statement, re.DOTALL)
    ]


@pytest.fixture
def watched():
    """Watches the test, and judges all of its transactions when it ends."""
    with CaptureQueriesContext(connection) as queries:
        yield
    taken = [locks(inside) for inside in transactions([one["sql"] or "" for one in queries])]
    assert any(len(set(one)) > 1 for one in taken)
    for one in taken:
        out_of_order = [(IN_ORDER[a][0], IN_ORDER[b][0]) for a, b in pairwise(one) if a > b]
        # A tree lock that is held already waits for nobody.
        assert [pair for pair in out_of_order if pair[1] != "tree" or 0 not in one[:1]] == []


@pytest.mark.usefixtures("watched")
def test_delivery_and_retirement(deliver, retire, engine):
    retire(deliver())
    engine.run()


@pytest.mark.usefixtures("watched")
def test_failure_repair_and_undoing(engine, cloud, operation, requester):
    for repair in (resume_operation, compensate_operation):
        cloud.fail_next("create_port", CloudRefused("no more addresses"))
        engine.run()
        engine.call(repair, operation.public_id, actor=requester)
    engine.run()


@pytest.mark.usefixtures("watched", "sent_tasks")
def test_decisions(requester, approver, project, version):
    for _ in range(4):
        place(requester, project, version)
    approved, rejected, withdrawn, _ = Order.objects.order_by("pk")
    approve_order(approved.public_id, approver=approver)
    reject_order(rejected.public_id, approver=approver, reason="Te duur")
    withdraw_order(withdrawn.public_id, actor=requester)
    Order.objects.update(expires_at=now())
    assert expire_orders() == 1


@pytest.mark.usefixtures("watched")
def test_moving_and_ending(requester, approver, project, version):
    place(requester, project, version)
    administrator = administrator_of(project.parent)
    part = make_organization(project.parent)
    for metric in Metric:
        set_limit(part, metric, None, valid_from=now(), actor=None)
    move_node(project.public_id, new_parent=part.public_id, actor=administrator)
    reject_order(Order.objects.get().public_id, approver=approver, reason="Te duur")
    for node in (project, part):
        end_node(node.public_id, actor=administrator, confirmation=node.name)
