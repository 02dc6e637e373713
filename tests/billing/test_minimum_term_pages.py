"""What is paid for within a minimum term, and not used, says so where its costs stand."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils.timezone import now

from billing.meters import Meter
from billing.services.metering import UsageTime, end_metering, start_metering
from portal.core.calendar import start_of_day
from portal.identity.models import NodeParent, Project, Role
from tests.billing.visits import visit_as
from tests.factories import CloudFactory, PersonFactory, grant, make_organization, make_project
from tests.factories.billing import set_price

pytestmark = pytest.mark.django_db
BEGUN, GONE = start_of_day(date(2026, 3, 14)), start_of_day(date(2026, 5, 2))


@pytest.fixture
def project() -> Project:
    project = make_project(make_organization(make_organization()))
    NodeParent.objects.update(valid_from=start_of_day(date(2025, 1, 1)))
    set_price("0.1", sku="volume.standard", unit="gib_month", minimum_months=12)
    return project


def _at(moment: datetime) -> UsageTime:
    return UsageTime(cloud=moment, intended=moment, observed=moment)


def _page(project: Project, *, ends: bool, language: str = "en") -> str:
    resource = start_metering(
        public_id=uuid4(),
        project=project,
        cloud=CloudFactory(),
        kind="volume",
        name="zaak-data",
        openstack_id="cinder-1",
        meters=[Meter("volume.standard", Decimal(100))],
        time=_at(BEGUN),
        agreed_months={"volume.standard": 12},
    )
    if ends:
        end_metering(resource.public_id, time=_at(GONE))
    person = PersonFactory()
    grant(person, Role.FINANCE, project.parent)
    response = visit_as(person, language).get(f"/costs/resources/{resource.public_id}")
    assert response.status_code == 200
    return response.content.decode().replace("\N{NO-BREAK SPACE}", " ")


def test_what_is_paid_for_and_not_used_says_until_when(project: Project) -> None:
    page = _page(project, ends=True)

    assert now() > GONE  # some of it was due already
    assert "Not used; due until" in page
    assert "14 March 2027" in page
    assert "due until its end, also when it is used no longer" in page


def test_they_read_it_in_dutch(project: Project) -> None:
    page = _page(project, ends=True, language="nl")

    assert "Niet gebruikt, wel te betalen tot" in page
    assert "14 maart 2027" in page


def test_what_is_used_says_no_such_thing(project: Project) -> None:
    page = _page(project, ends=False)

    assert "Not used" not in page
    assert "also when it is used no longer" not in page
