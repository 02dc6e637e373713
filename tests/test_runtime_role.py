"""What the portal does as the role it works with, in a database that another role owns.

``manage.py prepare_database`` makes that database here as it does on a server: the owner migrates,
and the runtime role gets rights. Each test commits in a copy of its own, dropped afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from celery import current_app
from django.conf import settings
from django.core.management import call_command
from django.db import ProgrammingError, connection
from django.test import Client
from django.urls import reverse
from psycopg.errors import InsufficientPrivilege

from billing.models import UsageSpan
from catalog.models import Approval, Order, OrderState, Resource, ResourceState
from catalog.services.approvals import approve_order, reject_order
from catalog.services.orders import expire_orders, withdraw_order
from catalog.services.quotas import find_differences
from catalog.services.resources import retire_resource
from portal.audit.models import AuditAnchor
from portal.audit.services import anchor_chains
from portal.cloud import forget_clouds, get_cloud
from tests.catalog.provisioning.conftest import Engine
from tests.factories import change_price, place
from tests.logins import log_in

OWNER = "cloudloket_roles_owner"
RUNTIME = "cloudloket_roles_runtime"
PASSWORD = "not-a-secret"
PREPARED = "cloudloket_roles_prepared"
COPY = "cloudloket_roles"


@pytest.fixture(scope="module")
def server() -> Iterator[psycopg.Connection[Any]]:
    """A superuser, to whom roles and databases are objects; no test works as one."""
    facts = settings.DATABASES["default"]
    url = url_as(facts["USER"], facts["PASSWORD"], "postgres")
    with psycopg.connect(url, autocommit=True) as server:
        yield server


@pytest.fixture(scope="module")
def prepared(server: psycopg.Connection[Any]) -> Iterator[None]:
    """A database that was migrated by its owner and opened to the runtime role."""
    clear(server)
    for role in (OWNER, RUNTIME):
        server.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    server.execute(f"CREATE DATABASE {PREPARED} OWNER {OWNER}")
    prepare(PREPARED)
    yield
    clear(server)


def clear(server: psycopg.Connection[Any]) -> None:
    """Remove what an earlier run may have left, too."""
    for name in (COPY, PREPARED):
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    for role in (RUNTIME, OWNER):
        server.execute(f"DROP ROLE IF EXISTS {role}")


def prepare(name: str) -> None:
    """Run the command as an operator does."""
    subprocess.run(
        [sys.executable, "manage.py", "prepare_database", "--verbosity=0"],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "CLOUDLOKET_AS_DATABASE_OWNER": "1",
            "CLOUDLOKET_DATABASE_OWNER_URL": url_as(OWNER, PASSWORD, name),
            "CLOUDLOKET_DATABASE_URL": url_as(RUNTIME, PASSWORD, name),
        },
        check=True,
    )


def url_as(user: str, password: str, name: str) -> str:
    facts = settings.DATABASES["default"]
    login = f"{quote(user)}:{quote(password)}"
    return f"postgresql://{login}@{facts['HOST']}:{facts['PORT']}/{name}"


@pytest.fixture
def db(server: psycopg.Connection[Any], prepared: None, django_db_blocker: Any) -> Iterator[None]:
    """In place of pytest-django's: whatever asks for a database in this module gets this one."""
    server.execute(f"CREATE DATABASE {COPY} TEMPLATE {PREPARED} OWNER {OWNER} STRATEGY file_copy")
    before = connection.settings_dict
    connection.close()
    connection.settings_dict = {**before, "NAME": COPY, "USER": RUNTIME, "PASSWORD": PASSWORD}
    with django_db_blocker.unblock():
        yield
        connection.close()
    connection.settings_dict = before
    server.execute(f"DROP DATABASE {COPY} WITH (FORCE)")


@pytest.fixture
def runtime(prepared: None) -> Iterator[psycopg.Connection[Any]]:
    """The runtime role, at a prompt."""
    url = url_as(RUNTIME, PASSWORD, PREPARED)
    with psycopg.connect(url, autocommit=True) as runtime:
        yield runtime


@pytest.fixture
def engine(settings: Any, monkeypatch: pytest.MonkeyPatch, db: None) -> Engine:
    """The engine on a fake cloud; messages are sent by the commits themselves."""
    settings.CLOUD_GATEWAY = "portal.cloud.fake.connect"
    forget_clouds()
    cloud: Any = get_cloud("sovereign")
    engine = Engine(lambda execute: nullcontext(), cloud)
    monkeypatch.setattr("portal.core.dispatch.current_app.send_task", engine.send)
    return engine


@pytest.fixture
def delivered(
    engine: Engine, requester: Any, approver: Any, project: Any, version: Any
) -> Resource:
    order = place(requester, project, version)
    approve_order(order.public_id, approver=approver)
    engine.run()
    return Resource.objects.get(order_line__order=order)


def test_a_server_lives_and_dies(engine, delivered, requester, project):
    assert delivered.state == ResourceState.ACTIVE

    retire_resource(delivered.public_id, actor=requester, confirmation=delivered.name)
    engine.run()

    delivered.refresh_from_db()
    assert delivered.state == ResourceState.RETIRED
    spans = UsageSpan.objects.filter(resource__public_id=delivered.public_id)
    assert spans.exists()
    assert not spans.filter(ended_at=None).exists()
    assert find_differences() == []


def test_an_order_ends_in_every_other_way(sent_tasks, requester, approver, project, version):
    refused, withdrawn, expired = (place(requester, project, version) for _ in range(3))

    reject_order(refused.public_id, approver=approver, reason="Te duur")
    withdraw_order(withdrawn.public_id, actor=requester)
    Order.objects.filter(pk=expired.pk).update(expires_at=expired.submitted_at)
    expire_orders()

    for order in (refused, withdrawn, expired):
        order.refresh_from_db()
    assert [refused.state, withdrawn.state, expired.state] == [
        OrderState.REJECTED,
        OrderState.WITHDRAWN,
        OrderState.EXPIRED,
    ]


def test_a_session_begins_lasts_and_ends(requester, delivered):
    client = log_in(Client(), requester)

    assert (
        client.get(
            reverse("catalog:order", args=[delivered.order_line.order.public_id])
        ).status_code
        == 200
    )
    assert client.post(reverse("identity:logout")).status_code == 302
    assert client.get(reverse("catalog:orders")).status_code == 302


def test_the_clock_has_the_rights_for_its_tasks(engine, delivered):
    current_app.autodiscover_tasks(force=True)
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        engine.send(entry["task"], kwargs={}, queue="interactive", countdown=None)
    engine.run()

    assert AuditAnchor.objects.exists()


def test_the_trail_is_proved(delivered, capsys):
    anchor_chains()
    call_command("verify_audit")

    assert "whole" in capsys.readouterr().out


def test_a_price_ends(version):
    change_price("server.gp.small", "50")


def test_preparing_again_changes_nothing(delivered):
    prepare(COPY)

    with pytest.raises(ProgrammingError, match="permission denied"):
        Approval.objects.update(reason="")


@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
@pytest.mark.parametrize(
    "table",
    [
        "audit_auditentry",
        "audit_auditanchor",
        "catalog_approval",
        "identity_reviewcampaign",
        "identity_reviewitem",
        "billing_usagespan",
        "billing_price",
    ],
)
def test_the_past_cannot_be_changed(runtime, table, statement):
    key = "number" if table == "audit_auditchain" else "id"
    with pytest.raises(InsufficientPrivilege):
        runtime.execute(statement.format(table, key, key))


@pytest.mark.parametrize(
    "statement",
    [
        "SET session_replication_role = replica",
        "ALTER TABLE audit_auditentry DISABLE TRIGGER USER",
        "ALTER TABLE billing_usagespan DISABLE TRIGGER USER",
        "DROP TRIGGER approval_append_only ON catalog_approval",
        "CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NEW; END'",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE mine ()",
        "ALTER TABLE catalog_approval DROP CONSTRAINT approval_given_by_another_person",
        f"SET ROLE {OWNER}",
        "DROP TABLE audit_auditentry",
        "DELETE FROM django_migrations",
    ],
)
def test_what_guards_the_past_cannot_be_taken_away(runtime, statement):
    with pytest.raises(InsufficientPrivilege):
        runtime.execute(statement)
