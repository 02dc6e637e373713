"""The filter by name in the audit trail tells nothing of people whom the auditor does not see."""

import pytest
from django.db import transaction
from django.urls import reverse

from portal.audit.models import AuditEntry
from portal.audit.services import record
from portal.identity.models import Identity, Role
from portal.web.trail import filters
from tests.factories import PersonFactory, grant, make_organization
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def ministry(db):
    make_organization(name="Een ander ministerie")  # so that nobody here audits everything
    return make_organization()


@pytest.fixture
def directorate(ministry):
    return make_organization(ministry, name="Directie")


@pytest.fixture
def browser(client, directorate):
    auditor = PersonFactory(name="Controleur")
    grant(auditor, Role.AUDITOR, directorate)
    return log_in(client, auditor)


def named(name, role, node):
    person = PersonFactory(name=name)
    grant(person, role, node)
    return person


@pytest.fixture
def many_elsewhere(monkeypatch):
    monkeypatch.setattr(filters, "MOST_PEOPLE", 2)
    elsewhere = make_organization(name="Gemeente")
    return [named(f"Janssen {number}", Role.REQUESTER, elsewhere) for number in range(3)]


@pytest.mark.parametrize("address", ["audit", "audit-export"])
def test_how_many_are_called_so_elsewhere_does_not_show(browser, many_elsewhere, address):
    arguments = ["csv"] if address == "audit-export" else []
    answers = [
        browser.get(reverse(f"web:{address}", args=arguments), {"actor": name}).status_code
        for name in ("Janssen", "Niemand heet zo")
    ]

    assert answers == [200, 200]


def test_a_file_names_nobody_from_elsewhere_in_the_trail(browser, many_elsewhere):
    browser.get(reverse("web:audit-export", args=["csv"]), {"actor": "Janssen"})

    assert AuditEntry.objects.get(event="audit.exported").data["filter"] == {"actors": []}


@pytest.mark.parametrize("where", ["here", "above", "belongs here"])
def test_who_may_be_seen_is_found(browser, directorate, ministry, where):
    actor = PersonFactory(name="Hendriks")
    if where == "belongs here":
        Identity.objects.create(
            person=actor, issuer="https://idp.example.nl", subject="h", node=directorate
        )
    else:
        node = {"here": directorate, "above": ministry}[where]
        grant(actor, Role.QUOTA_ADMINISTRATOR, node)
    with transaction.atomic():
        record("order.approved", directorate, actor=actor, node_id=directorate.pk)

    page = browser.get(reverse("web:audit"), {"actor": "hendriks"})
    assert [row["entry"].event for row in page.context["rows"]] == ["order.approved"]
