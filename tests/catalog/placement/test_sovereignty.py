"""How sovereign a project is, by the places that it uses."""

from __future__ import annotations

from html import unescape

import pytest
from django.urls import reverse
from django.utils.html import strip_tags
from django.utils.timezone import localdate

from catalog.placement import Link
from catalog.placement_words import Objective
from catalog.services.placement import CsfAnswer, Place, write_supply
from catalog.services.placement.sovereignty import sovereignty_of
from tests.catalog.api.conftest import Api
from tests.catalog.placement.answers import DATA_CENTRE
from tests.factories import (
    PersonFactory,
    assessed,
    delivered,
    place,
    supply,
    unassessed,
)
from tests.logins import log_in

pytestmark = pytest.mark.django_db
ENGLISH = {"accept-language": "en"}
PROOF = {"evidence": "Rapport 12", "evidenced_on": localdate()}
WHOLE = {code: CsfAnswer(index=answer.index, **PROOF) for code, answer in DATA_CENTRE.items()}


def text_of(response):
    content = b"".join(response) if response.streaming else response.content
    return " ".join(unescape(strip_tags(content.decode())).split())


@pytest.fixture
def running(requester, approver, project, version):
    return delivered(place(requester, project, version), approver=approver)


@pytest.fixture
def makers():
    return PersonFactory(), PersonFactory()


@pytest.fixture
def proven(running, version, makers):
    """Every answer about the cloud is proven."""
    return write_supply(version.cloud, supply(), by=makers, answers=WHOLE)


def test_a_project_that_uses_nothing_has_no_level(project):
    report = sovereignty_of(project)

    assert (report.uses, report.seal, dict(report.outlook.raises)) == ([], None, {})


def test_the_level_is_that_of_the_place(project, proven):
    report = sovereignty_of(project)

    (used,) = report.uses
    assert (used.profile, used.resources, used.seal, report.seal) == (proven, 1, 3, 3)
    assert (report.seals[Objective.SOV_1], report.seals[Objective.SOV_5]) == (4, 3)
    raised = report.outlook.raises[Place.of_cloud(proven.cloud)]
    assert {each.criterion.partition(".")[0] for each in raised} == {"SOV-5", "SOV-7"}
    assert report.outlook.raised_to == 4


def test_an_offering_with_an_assessment_of_its_own_stands_apart(project, proven, version, makers):
    write_supply(
        version.cloud,
        supply(seals=tuple((objective, 1) for objective in Objective)),
        by=makers,
        offering=version.offering,
    )

    report = sovereignty_of(project)

    assert [used.place.offering_id for used in report.uses] == [version.offering_id]
    assert report.seal == 1


def test_a_place_that_nobody_assessed_leaves_it_unknown(project, running, version):
    unassessed(version.cloud)

    report = sovereignty_of(project)

    (used,) = report.uses
    assert (used.profile, used.seal, report.seal) == (None, None, None)
    assert report.outlook.unassessed == (Place.of_cloud(version.cloud),)


def test_a_gap_leaves_it_unknown(project, running, version):
    seals = tuple((each, None if each == Objective.SOV_3 else 4) for each in Objective)
    assessed(version.cloud, seals=seals)

    report = sovereignty_of(project)

    assert (report.seal, report.seals[Objective.SOV_3], report.seals[Objective.SOV_4]) == (
        None,
        None,
        4,
    )


def test_the_page_tells_what_binds_and_what_would_raise_it(client, requester, project, proven):
    log_in(client, requester)
    address = reverse("catalog:workload-sovereignty", args=[project.public_id])

    page = text_of(client.get(address, headers=ENGLISH))

    assert "SEAL-3: the lowest level counts." in page
    assert "What would raise it to SEAL-4" in page
    assert "Origin of physical components" in page


def test_what_is_outside_the_eea_is_nothing_only_where_all_is_known(
    client, requester, project, running, version
):
    log_in(client, requester)
    address = reverse("catalog:workload-sovereignty", args=[project.public_id])
    chain = (Link(name="Noord", jurisdiction="NL", is_operator=True),)

    def told():
        (row,) = client.get(address).context["rows"]
        return row.outside, row.is_known

    assessed(version.cloud, chain=chain, dependencies=())
    assert told() == ([], True)
    assessed(version.cloud, chain=(*chain, Link(name="Wie", jurisdiction="")), dependencies=())
    assert told() == ([], False)
    assessed(version.cloud, chain=chain, dependencies=None)
    assert told() == ([], False)
    unassessed(version.cloud)
    assert told() == ([], False)
    assert "Not known" in text_of(client.get(address, headers=ENGLISH))


def test_it_is_a_file_and_for_programs(client, requester, project, proven):
    log_in(client, requester)
    address = reverse("catalog:workload-sovereignty-sheet", args=[project.public_id, "csv"])

    lines = text_of(client.get(address, headers=ENGLISH))
    said = Api(requester).get(f"/sovereignty-reports/{project.public_id}").json()

    assert f"{project.name},{proven.cloud.name},1" in lines
    assert (said["seal"], said["raised_to"], said["uses"][0]["resources"]) == (3, 4, 1)
    assert said["uses"][0]["supply_profile"] == str(proven.public_id)


def test_who_does_not_reach_the_project_reads_nothing(client, project, proven):
    log_in(client, PersonFactory())

    address = reverse("catalog:workload-sovereignty", args=[project.public_id])

    assert client.get(address).status_code == 404


def test_answers_prove_what_was_said_when_a_place_comes_with_the_installation(proven):
    """``write_supply`` reckons from the answers, whatever it was told of levels."""
    proven.refresh_from_db()

    assert (proven.seal, proven.seals["SOV-1"], proven.answers.count()) == (3, 4, 48)
