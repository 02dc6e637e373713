"""Somebody else holds what a request needs for longer than it can wait."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import DataError, OperationalError, connection, connections
from django.test import Client
from psycopg.errors import AdminShutdown, DeadlockDetected

from catalog.models import Order
from portal.core.locks import is_about_busy_rows
from portal.identity.models import Person
from tests.factories import place
from tests.logins import log_in


@pytest.fixture
def held(requester, project, version) -> Iterator[Order]:
    """An order that another connection keeps locked; ours waits for a moment only."""
    order = place(requester, project, version)
    other = connections.create_connection("default")
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 50")
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("SELECT 1 FROM catalog_order WHERE id = %s FOR UPDATE", [order.pk])
    yield order
    other.rollback()
    other.close()
    connection.close()  # and with it the short patience


@pytest.mark.django_db(transaction=True)
def test_a_page_says_that_nothing_changed(client: Client, held: Order, requester: Person) -> None:
    log_in(client, requester)
    page = f"/orders/{held.public_id}"

    response = client.post(
        f"{page}/withdraw",
        headers={"Accept-Language": "nl", "Referer": f"http://testserver{page}"},
    )

    text = response.content.decode()
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert "Er is niets veranderd" in text
    assert f'href="{page}"' in text
    held.refresh_from_db()
    assert held.state == "pending_approval"


@pytest.mark.django_db(transaction=True)
def test_the_api_says_it_too(client: Client, held: Order, requester: Person) -> None:
    log_in(client, requester)

    response = client.post(f"/api/v1/orders/{held.public_id}/withdrawal")

    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"] == "5"
    assert response.json()["code"] == "busy"


@pytest.mark.parametrize(
    ("error", "cause", "is_busy"),
    [
        (OperationalError, DeadlockDetected, True),
        (OperationalError, AdminShutdown, False),
        (OperationalError, None, False),
        (DataError, DeadlockDetected, False),
    ],
)
def test_what_is_broken_is_not_called_busy(
    error: type[Exception], cause: type[Exception] | None, is_busy: bool
) -> None:
    raised = error("inside")
    raised.__cause__ = cause() if cause else None

    assert is_about_busy_rows(raised) == is_busy
