"""The pages of organizations in a real browser: accessible, and never wider than the screen."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils.timezone import localdate, now

from catalog.models import Metric
from catalog.services.limits import set_limit
from catalog.services.tree import move_node
from portal.identity.models import Node, Organization, Role
from portal.identity.services.facts import set_cost_centre, set_data_owner, set_vat_treatment
from portal.identity.services.tree import create_organization, create_project
from tests.chromium import complaints_about
from tests.factories import PersonFactory, administrator_of, classify, generous_limits, grant, place
from tests.logins import session_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ministry():
    return create_organization(
        code="mwb", name="Ministerie van Water en Bodem", parent=None, rsin="003214345", actor=None
    )


@pytest.fixture
def administrator(ministry):
    person = administrator_of(ministry)
    person.name = "Joost van der Meulen"
    person.save(update_fields=["name"])
    return person


@pytest.fixture
def pages(ministry, administrator, version):
    """Every page in its fullest state."""
    directorate, agency = (
        create_organization(code=code, name=name, parent=ministry, actor=None)
        for code, name in (
            ("waterregistratie", "Directie Waterregistratie"),
            ("bodemonderzoek", "Agentschap Bodemonderzoek"),
        )
    )
    project = create_project(
        code="zaaksysteem",
        name="Zaaksysteem",
        description="Zaakgericht werken voor vergunningen",
        parent=directorate,
        actor=None,
    )
    classify(project)
    empty = create_project(code="meetnet", name="Meetnet", parent=agency, actor=None)
    gone = create_project(code="oud", name="Oud archief", parent=agency, actor=None)
    requester = PersonFactory(name="Sanne Wiersma")
    grant(requester, Role.REQUESTER, directorate)
    grant(requester, Role.REQUESTER, empty)
    generous_limits(project)
    with transaction.atomic():
        for metric in Metric:
            set_limit(agency, metric, Decimal(2), valid_from=now(), actor=None)
    place(requester, project, version)
    moment = {"actor": administrator, "starts_on": localdate()}
    set_data_owner(ministry.public_id, owner=administrator.public_id, **moment)
    set_vat_treatment(ministry.public_id, treatment="outside_scope", **moment)
    for code, days in (("410210", 0), ("410230", 60), ("410220", 30)):
        set_cost_centre(
            project.public_id,
            actor=administrator,
            code=code,
            name="Zaakgericht werken",
            starts_on=localdate() + timedelta(days=days),
        )
    move_node(empty.public_id, new_parent=directorate.public_id, actor=administrator)
    Node.objects.filter(pk=gone.pk).update(ended_at=now())
    Organization.objects.filter(pk=agency.pk).update(kvk_number="12345678")
    one, other = f"/organizations/{project.public_id}", f"/organizations/{empty.public_id}"
    return {
        "list": "/organizations",
        "list-search": "/organizations?q=water",
        "list-ended": "/organizations?state=ended",
        "list-nothing": "/organizations?q=onvindbaar",
        "organization": f"/organizations/{ministry.public_id}",
        "waiting-number": f"/organizations/{agency.public_id}",
        "project": one,
        "moved": other,
        "ended": f"/organizations/{gone.public_id}",
        "edit": f"/organizations/{ministry.public_id}/edit",
        "add-project": f"/organizations/{agency.public_id}/add-project",
        "cost-centre": f"{one}/cost-centre",
        "data-owner": f"{one}/data-owner",
        "move": f"{one}/move",
        "move-short": f"{one}/move?parent={agency.public_id}",
        "move-fits": f"{other}/move?parent={agency.public_id}",
        "move-up": f"{one}/move?parent={ministry.public_id}",
        "end-blocked": f"{one}/end",
        "end": f"{other}/end",
    }


def test_pages_are_accessible_and_fit(live_server, pages, administrator):
    session = session_of(administrator)

    assert complaints_about(pages, site=live_server.url, session=session) == []
