"""Secrets of a resource through the API: told once, to one."""

from __future__ import annotations

import pytest

from portal.audit.models import AuditEntry
from portal.cloud.secrets import store_secret
from tests.catalog.api.conftest import assert_problem
from tests.factories import delivered, place

pytestmark = pytest.mark.django_db

TEXT = (
    '{"name": "proef", "auth_url": "https://identity.example.nl/v3", "region": "nl-west-1", '
    '"id": "c-1", "secret": "a\\"b${c}"}'
)


@pytest.fixture
def resource(requester, approver, project, version, sent_tasks):
    resource = delivered(place(requester, project, version), approver=approver)
    store_secret(
        TEXT,
        reader=requester,
        about=resource.public_id,
        slot="environment",
        form="application-credential",
    )
    return resource


def test_secret_is_listed_and_read_once(as_requester, resource):
    address = f"/resources/{resource.public_id}/secrets"
    (waiting,) = as_requester.get(address).json()
    assert waiting["resource"]["name"] == resource.name
    assert (waiting["slot"], waiting["form"]) == ("environment", "application-credential")

    told = as_requester.post(address, {"slot": "environment"})

    assert told.status_code == 200
    assert told["Cache-Control"] == "no-store"
    body = told.json()
    assert body["values"]["secret"] == 'a"b${c}'
    assert set(body["files"]) == {"clouds.yaml", "provider.tf"}
    assert r'= "a\"b$${c}"' in body["files"]["provider.tf"]
    assert AuditEntry.objects.filter(event="secret.read").count() == 1
    assert_problem(as_requester.post(address, {"slot": "environment"}), 404, "secret_gone")
    assert as_requester.get(address).json() == []


def test_colleague_does_not_see_it(as_approver, resource):
    address = f"/resources/{resource.public_id}/secrets"

    assert as_approver.get(address).json() == []
    assert_problem(as_approver.post(address, {"slot": "environment"}), 404, "secret_gone")


@pytest.mark.parametrize("body", [{}, {"slot": ""}, {"slot": "x" * 61}, {"slot": ["a"]}])
def test_slot_must_be_named(as_requester, resource, body):
    answer = as_requester.post(f"/resources/{resource.public_id}/secrets", body)

    assert answer.status_code == 400
