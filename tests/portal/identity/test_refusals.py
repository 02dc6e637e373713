"""Refused acts of people stand in the trail, whatever door refused them, and once."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client

from catalog.services.orders import withdraw_order
from portal.audit.models import AuditEntry
from portal.identity.models import Role
from portal.identity.oidc.assurance import Assurance
from portal.web.trail.access import Reach
from tests.factories import PersonFactory, grant, make_organization, place
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(requester, project, version):
    return place(requester, project, version)


def refusals() -> list[AuditEntry]:
    return list(AuditEntry.objects.exclude(result="succeeded").order_by("id"))


def approve(client: Client, order, **data):
    return client.post(f"/approvals/{order.public_id}/approve", data)


def test_page_that_the_role_does_not_reach(client, requester):
    log_in(client, requester).get("/audit", headers={"user-agent": "Firefox"})

    (entry,) = refusals()
    assert (entry.event, entry.code) == ("access.refused", "permission_denied")
    assert (entry.actor_id, entry.agent) == (requester.pk, "Firefox")
    assert entry.data == {"method": "GET", "route": "web:audit"}
    assert (entry.subject_type, entry.subject_public_id) == ("Person", requester.public_id)
    assert entry.node_id == requester.grants.get().node_id


def test_refusal_that_its_service_writes_is_not_repeated(client, order, requester, project):
    grant(requester, Role.APPROVER, project)
    approve(log_in(client, requester), order)

    (entry,) = refusals()
    assert entry.event == "order.approval_refused"
    assert entry.subject_public_id == order.public_id


def test_sensitive_act_that_a_rule_refused(client, order, approver, requester):
    withdraw_order(order.public_id, actor=requester)
    approve(log_in(client, approver), order)

    (entry,) = refusals()
    assert (entry.event, entry.code) == ("access.refused", "already_decided")
    assert entry.data["act"] == "order.approve"
    assert (entry.subject_type, entry.subject_public_id) == ("Page", order.public_id)


def test_login_that_is_too_weak_for_the_act(client, order, approver):
    log_in(client, approver, level=Assurance.LOW)
    assert approve(client, order).status_code == 302
    response = client.post(
        f"/api/v1/orders/{order.public_id}/approvals",
        '{"decision": "approved"}',
        content_type="application/json",
    )

    assert response.json()["code"] == "assurance_required"
    assert [(entry.event, entry.code) for entry in refusals()] == [
        ("access.refused", "assurance_required")
    ] * 2
    by_page, by_api = refusals()
    assert by_page.data["act"] == by_api.data["act"] == "order.approve"
    assert by_page.subject_public_id == by_api.subject_public_id == order.public_id
    assert (by_page.actor_id, by_page.channel, by_api.channel) == (approver.pk, "page", "api")


def test_login_that_is_too_old_for_the_act_is_counted(client, order, approver):
    log_in(client, approver, age_seconds=3600)
    for _ in range(8):
        assert approve(client, order).status_code == 302

    assert [entry.code for entry in refusals()] == ["assurance_required"] * 5


def test_reason_that_is_missing_is_no_refusal(client, order, approver):
    log_in(client, approver).post(f"/approvals/{order.public_id}/reject", {"reason": ""})

    assert refusals() == []


def test_somebody_elses_thing_does_not_exist(client, requester):
    log_in(client, requester).get(f"/orders/{uuid4()}")

    assert refusals() == []


def test_forged_form_of_somebody_who_is_logged_in(requester):
    client = log_in(Client(enforce_csrf_checks=True), requester)
    client.post("/logout")

    (entry,) = refusals()
    assert entry.event == "access.refused"


def test_auditor_of_the_organization_reads_it(client, requester, project):
    auditor = PersonFactory()
    grant(auditor, Role.AUDITOR, project.parent)
    make_organization()
    log_in(client, requester).get("/audit")

    assert refusals() == list(Reach.of(auditor).entries().exclude(result="succeeded"))


def test_strangers_leave_nothing(client):
    Client(enforce_csrf_checks=True).post("/logout")
    client.get("/audit")

    assert refusals() == []


def test_who_tries_often_is_counted(client):
    person = PersonFactory()
    log_in(client, person)
    for _ in range(8):
        client.get("/audit")

    assert len(refusals()) == 5
