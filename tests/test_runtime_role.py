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
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from psycopg.errors import InsufficientPrivilege

from billing.models import UsageSpan
from catalog.models import (
    Approval,
    OfferingVersionState,
    Order,
    OrderState,
    Resource,
    ResourceState,
)
from catalog.services.approvals import approve_order, reject_order
from catalog.services.changes import place_change
from catalog.services.orders import expire_orders, withdraw_order
from catalog.services.protection import protect_resource, unprotect_resource
from catalog.services.publications import propose_publication, publish_version, withdraw_version
from catalog.services.quota_checks import find_differences
from catalog.services.resources import retire_resource
from portal.audit.models import AuditAnchor
from portal.audit.services import anchor_chains
from portal.cloud import forget_clouds, get_cloud
from portal.core.calendar import day_of
from portal.identity.access import roles_of
from portal.identity.models import ClaimBar, Deputy, Role, RoleGrant
from portal.identity.services.deputies import appoint_deputy
from portal.identity.services.people import end_person, reinstate_person
from portal.identity.services.proposals import WantedRole, grant_role, propose_role
from portal.identity.services.roles import end_grant, lift_bar
from tests.catalog.conftest import draft, platform
from tests.catalog.provisioning.conftest import Engine
from tests.factories import PersonFactory, change_price, deputize, grant, place
from tests.factories.identity import ISSUER
from tests.logins import log_in

__all__ = ["draft", "platform"]
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


def test_what_runs_is_changed_and_protected(engine, delivered, requester, approver):
    order, _ = place_change(
        requested_by=requester,
        resource=delivered,
        answers={"volume_gib": 50},
        end_date=None,
        purpose="Meer metingen",
        idempotency_key="change-1",
    )
    approve_order(order.public_id, approver=approver)
    engine.run()
    protect_resource(delivered.public_id, actor=requester)

    delivered.refresh_from_db()
    assert (delivered.spec["volume_gib"], delivered.is_protected) == (50, True)
    unprotect_resource(delivered.public_id, actor=requester)
    assert find_differences() == []


def test_a_version_is_published_and_withdrawn(platform, version, draft):
    publication = propose_publication(draft.public_id, actor=platform.drafter)
    publish_version(publication.public_id, actor=platform.colleague)
    withdraw_version(draft.public_id, actor=platform.drafter)

    assert not version.offering.versions.exclude(state=OfferingVersionState.WITHDRAWN).exists()


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


def test_a_session_begins_lasts_and_ends(delivered, settings):
    person = PersonFactory()
    issuer = settings.OIDC_PROVIDERS["local"].issuer  # a second identity comes by a link only
    grant(person, Role.REQUESTER, delivered.project, issuer=issuer)
    client = log_in(Client(), person)

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


@pytest.fixture
def proposal(requester, project):
    """A role that one administrator proposed for the requester."""
    proposer = PersonFactory()
    grant(proposer, Role.QUOTA_ADMINISTRATOR, project)
    wanted = WantedRole(
        person=requester,
        node=project,
        role=Role.FINANCE,
        first_day=day_of(now()),
        last_day=day_of(now()),
        reason="Valt in",
    )
    return propose_role(wanted, actor=proposer)


def test_roles_and_people_come_and_go(proposal, project, requester, approver):
    administrator = PersonFactory()
    grant(administrator, Role.QUOTA_ADMINISTRATOR, project.parent)
    granted = grant_role(proposal.public_id, actor=administrator)
    appoint_deputy(
        requester,
        first_day=day_of(now()),
        last_day=day_of(now()),
        actor=approver,
    )
    end_grant(granted.public_id, actor=administrator, reason="Klaar")
    claimed = requester.grants.get(role=Role.REQUESTER)
    end_grant(claimed.public_id, actor=administrator, reason="Klaar")
    lift_bar(ClaimBar.objects.get().public_id, actor=administrator)
    end_person(requester.public_id, actor=administrator, reason="Uit dienst")
    reinstate_person(requester.public_id, actor=administrator)

    assert roles_of(requester) == set()
    assert not requester.deputizes_for.filter(valid_until__gt=now()).exists()


GRANT = (
    "INSERT INTO identity_rolegrant (public_id, person_id, node_id, role, issuer, granted_by_id,"
    " proposal_id, reason, end_reason, valid_from, valid_until) SELECT gen_random_uuid(), {}"
    " node_id, role, '', {}, id, '', '', valid_from, valid_until FROM identity_roleproposal"
)
SETTLE = (
    "UPDATE identity_roleproposal SET state = 'granted', decided_at = now(), decided_by_id = {}"
)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (GRANT.format("person_id,", "proposed_by_id"), "as it was decided"),
        (GRANT.format("person_id,", "person_id"), "role_granted|as it was decided"),
        (GRANT.format("proposed_by_id,", "person_id"), "as it was decided"),
        (SETTLE.format("proposed_by_id"), "decided_by_another_person"),
        (SETTLE.format("person_id"), "decided_by_another_person"),
        ("UPDATE identity_roleproposal SET proposed_by_id = 1", "permission denied"),
        ("UPDATE identity_roleproposal SET role = 'operator'", "permission denied"),
        ("UPDATE identity_rolegrant SET role = 'operator'", "permission denied"),
        ("UPDATE identity_rolegrant SET valid_from = now()", "permission denied"),
        ("DELETE FROM identity_rolegrant", "permission denied"),
        ("UPDATE identity_claimbar SET role = 'operator'", "permission denied"),
        ("ALTER TABLE identity_rolegrant DISABLE TRIGGER USER", "must be owner"),
        (
            "ALTER TABLE identity_rolegrant DROP CONSTRAINT role_grant_names_its_proposal",
            "must be owner",
        ),
    ],
)
def test_no_statement_gives_a_role_round_four_eyes(proposal, requester, statement, why):
    before = list(RoleGrant.objects.order_by("pk").values())
    with (
        pytest.raises((IntegrityError, ProgrammingError), match=why),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert list(RoleGrant.objects.order_by("pk").values()) == before


CLAIM = (
    "INSERT INTO identity_rolegrant (public_id, person_id, node_id, role, issuer, reason,"
    " end_reason, valid_from, valid_until) SELECT gen_random_uuid(), person_id, node_id,"
    " 'operator', '{}', '', '', now(), now() + interval '{}' FROM identity_roleproposal"
)
APPOINT = (
    "INSERT INTO identity_deputy (public_id, absent_id, deputy_id, appointed_by_id, valid_from,"
    " valid_until) SELECT gen_random_uuid(), {}, now(), now() + interval '14 days'"
    " FROM (SELECT person_id AS requester, proposed_by_id AS proposer FROM identity_roleproposal)"
    " AS proposal, identity_rolegrant AS held WHERE held.role = '{}'"
)
RENEW = "UPDATE identity_rolegrant SET valid_until = now() + interval '{}' WHERE issuer <> ''"


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (CLAIM.format("urn:verzonnen", "1 hour"), "whom its provider knows"),
        (CLAIM.format(ISSUER, "2 days"), "lasts a day"),
        (RENEW.format("2 days"), "lasts a day"),
        (APPOINT.format("held.person_id, requester, NULL", "approver"), "null"),
        (APPOINT.format("requester, held.person_id, requester", "approver"), "only an approver"),
        (APPOINT.format("held.person_id, requester, proposer", "approver"), "appointed by"),
        ("UPDATE identity_deputy SET deputy_id = 1", "permission denied"),
        ("UPDATE identity_deputy SET valid_until = now() + interval '1 year'", "comes sooner"),
        ("DELETE FROM identity_deputy", "permission denied"),
    ],
)
def test_no_statement_gives_more_than_a_provider_or_an_approver_may(
    proposal, approver, requester, statement, why
):
    deputize(approver, requester)
    before = [list(table.objects.order_by("pk").values()) for table in (RoleGrant, Deputy)]
    with (
        pytest.raises((IntegrityError, ProgrammingError), match=why),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert before == [list(table.objects.order_by("pk").values()) for table in (RoleGrant, Deputy)]


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
        "audit_auditseal",
        "audit_auditverification",
        "catalog_approval",
        "catalog_orderline",
        "catalog_ordercomment",
        "identity_reviewcampaign",
        "identity_reviewitem",
        "billing_usagespan",
        "billing_price",
        "billing_billingmonth",
        "billing_statement",
        "billing_statementline",
        "billing_statementlinesource",
        "billing_credit",
        "identity_roleproposal",
        "identity_rolegrant",
        "identity_claimbar",
        "identity_deputy",
    ],
)
def test_the_past_cannot_be_changed(runtime, table, statement):
    with pytest.raises(InsufficientPrivilege):
        runtime.execute(statement.format(table, "id", "id"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditchain SET number = number",
        "DELETE FROM audit_auditchain",
        "TRUNCATE audit_auditchain",
        "INSERT INTO audit_auditseal (format, mac, chain, begins, at, previous_mac)"
        " VALUES (2, '', 1, 1, now(), '')",
        "DELETE FROM audit_auditentry WHERE at < now() - interval '9 years'",
        "ALTER TABLE audit_auditseal OWNER TO CURRENT_USER",
    ],
)
def test_the_trail_cannot_be_shortened(runtime, statement):
    with pytest.raises(InsufficientPrivilege):
        runtime.execute(statement)


def test_a_head_cannot_be_set_back(runtime):
    with pytest.raises(psycopg.IntegrityError, match="never changed"):
        runtime.execute("UPDATE audit_auditchain SET length = length - 1")


def test_what_the_runtime_role_adds_without_the_key_is_found(delivered):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_auditentry SELECT (entry).* FROM (SELECT jsonb_populate_record(e,"
            " jsonb_build_object('id', e.id + 1000, 'sequence', e.sequence + 1)) AS entry"
            " FROM audit_auditentry e JOIN audit_auditchain c"
            " ON c.number = e.chain AND c.length = e.sequence LIMIT 1) forged"
        )
        cursor.execute(
            "UPDATE audit_auditchain SET length = length + 1 WHERE length + 1 ="
            " (SELECT max(sequence) FROM audit_auditentry WHERE chain = number)"
        )

    with pytest.raises(CommandError, match="broken"):
        call_command("verify_audit")


def test_the_owner_drops_nothing_that_is_young(server, db):
    url = url_as(OWNER, PASSWORD, COPY)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO audit_auditentry (id, chain, sequence, format, at, event, subject_type,"
            " subject_public_id, result, code, channel, address, agent, request_id, data,"
            " previous_mac, mac) VALUES (1003, 3, 1, 2, now(), 'x', 'x', gen_random_uuid(),"
            " 'succeeded', '', '', '', '', '', '{}', '', '')"
        )
        with pytest.raises(psycopg.IntegrityError, match="never changed or deleted"):
            owner.execute("DELETE FROM audit_auditentry")


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
        "CREATE TEMP TABLE catalog_approval (order_id bigint, decision text)",
        "DELETE FROM django_migrations",
    ],
)
def test_what_guards_the_past_cannot_be_taken_away(runtime, statement):
    with pytest.raises(InsufficientPrivilege):
        runtime.execute(statement)


def test_every_function_looks_for_names_where_it_was_told_to(runtime):
    """In a session's own order of schemas a temporary table stands before ours."""
    settings_of = dict(
        runtime.execute(
            "SELECT proname, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " AND NOT EXISTS (SELECT 1 FROM pg_depend"
            " WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')"
        ).fetchall()
    )

    pinned = "search_path=pg_catalog, public, pg_temp"
    assert "catalog_guard_order" in settings_of
    assert {name for name, said in settings_of.items() if pinned not in (said or [])} == set()
