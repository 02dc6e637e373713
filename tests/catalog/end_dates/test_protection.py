"""Protection against cleaning up: by service, page and interface for programs."""

from __future__ import annotations

import pytest
from django.urls import reverse

from catalog.errors import ResourceProtected
from catalog.models import ResourceState
from catalog.services.protection import protect_resource, unprotect_resource
from catalog.services.resources import retire_resource
from portal.audit.models import AuditEntry
from portal.core.states import IllegalTransition
from portal.identity.models import Role
from tests.factories import PersonFactory, grant
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def protected(server, requester):
    return protect_resource(server.public_id, actor=requester)


@pytest.fixture
def browser(client, requester):
    return log_in(client, requester)


def address(resource, name="resource"):
    return reverse(f"catalog:{name}", args=[resource.public_id])


def test_it_is_not_cleaned_up_by_hand(protected, requester):
    with pytest.raises(ResourceProtected):
        retire_resource(protected.public_id, actor=requester, confirmation=protected.name)

    protected.refresh_from_db()
    assert protected.state == ResourceState.ACTIVE


def test_without_protection_it_goes(protected, requester):
    unprotect_resource(protected.public_id, actor=requester)
    retire_resource(protected.public_id, actor=requester, confirmation=protected.name)

    protected.refresh_from_db()
    assert protected.state == ResourceState.RETIRING


def test_each_switch_stands_in_the_trail_once(server, requester):
    for switch in (protect_resource, protect_resource, unprotect_resource, unprotect_resource):
        switch(server.public_id, actor=requester)

    entries = AuditEntry.objects.filter(subject_public_id=server.public_id, actor_id=requester.pk)
    events = [entry.event for entry in entries.order_by("at", "id")]
    assert events == ["resource.protected", "resource.unprotected"]


def test_what_goes_already_is_not_protected(server, requester, retire):
    retire(server)

    with pytest.raises(IllegalTransition):
        protect_resource(server.public_id, actor=requester)


class TestPage:
    def test_it_is_switched_on_and_off(self, browser, server):
        response = browser.post(address(server, "resource-protect"), follow=True)
        text = response.content.decode()
        assert "Zet bescherming uit" in text
        assert address(server, "resource-retire") not in text

        text = browser.post(address(server, "resource-unprotect"), follow=True).content.decode()
        assert "Bescherm het" in text
        assert address(server, "resource-retire") in text

    def test_cleaning_up_says_what_to_do_first(self, browser, protected):
        assert browser.get(address(protected, "resource-retire")).status_code == 302
        response = browser.post(
            address(protected, "resource-retire"), {"confirmation": protected.name}
        )

        assert response.status_code == 409
        assert "Zet eerst de bescherming uit." in response.content.decode()

    def test_who_only_reads_sees_that_it_is_on_and_has_no_switch(self, client, protected, project):
        person = PersonFactory()
        grant(person, Role.AUDITOR, project)
        text = log_in(client, person).get(address(protected)).content.decode()

        assert "Aan: het wordt niet opgeruimd" in text
        assert address(protected, "resource-unprotect") not in text
