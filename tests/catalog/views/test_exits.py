"""The pages about leaving: the package as a download, and tests of the plan."""

from __future__ import annotations

import base64
from hashlib import sha256
from io import BytesIO
from zipfile import ZipFile

import pytest
from django.urls import reverse
from django.utils.translation import override

from catalog.exit_package.plan_steps import Scenario, steps_of
from catalog.models import ExitPackage, ExitTest
from catalog.services.exit_tests import begin_exit_test
from portal.identity.models import Role
from tests.factories import PersonFactory, delivered, grant, place
from tests.logins import log_in

pytestmark = pytest.mark.django_db
KEYS = [step.key for step in steps_of(Scenario.DISRUPTIVE)]


@pytest.fixture
def page(project):
    return reverse("catalog:exit", args=[project.public_id])


@pytest.fixture
def test_page(project, requester):
    test = begin_exit_test(project.public_id, scenario=Scenario.DISRUPTIVE, actor=requester)
    return reverse("catalog:exit-test", args=[test.public_id])


def tick(browser, test_page, key, evidence="Zie het verslag"):
    return browser.post(f"{test_page}/steps/{key}", {f"{key}-evidence": evidence})


def test_the_package_is_a_download_that_says_its_sum(browser, page, project):
    answer = browser.post(f"{page}/package")

    content = answer.getvalue()
    package = ExitPackage.objects.get()
    digest = sha256(content).digest()
    assert answer["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    assert (package.sha256, package.size) == (digest.hex(), len(content))
    assert answer["Content-Type"] == "application/zip"
    assert f"exit-{project.code}-" in answer["Content-Disposition"]
    assert "SHA256SUMS" in ZipFile(BytesIO(content)).namelist()


@override("en")
def test_the_page_tells_who_took_what_along(browser, page, requester):
    browser.post(f"{page}/package").getvalue()

    shown = browser.get(page).content.decode()

    assert requester.name in shown
    assert ExitPackage.objects.get().sha256 in shown


@override("en")
def test_who_may_not_is_told_who_may(client, page, project):
    payer = PersonFactory()
    grant(payer, Role.FINANCE, project)
    log_in(client, payer)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    shown = client.get(page).content.decode()

    assert "Make and download it" not in shown
    assert "Begin a test" not in shown
    assert "auditors of this project can make it" in shown


@override("en")
@pytest.mark.parametrize(
    ("roles", "left_out"),
    [
        ([Role.REQUESTER], ["the costs", "the audit trail"]),
        ([Role.REQUESTER, Role.FINANCE], ["the audit trail"]),
        ([Role.AUDITOR], []),
    ],
)
def test_what_is_left_out_of_the_package_is_said_beforehand(client, page, project, roles, left_out):
    person = PersonFactory()
    for role in roles:
        grant(person, role, project)
    log_in(client, person)

    shown = client.get(page, headers={"accept-language": "en"}).content.decode()

    said = [what for what in ("the costs", "the audit trail") if f"not in yours: {what}" in shown]
    assert said == left_out
    names = ZipFile(BytesIO(client.post(f"{page}/package").getvalue())).namelist()
    assert ("costs.csv" in names) == ("the costs" not in left_out)
    assert ("audit.jsonl" in names) == ("the audit trail" not in left_out)


@override("en")
def test_the_first_step_knows_of_the_package_that_was_made(browser, page, requester):
    test_page = browser.post(f"{page}/tests", {"scenario": "planned"})["Location"]
    assert "SHA-256:" not in browser.get(test_page).content.decode()

    browser.post(f"{page}/package").getvalue()

    known = f"{requester.name}. SHA-256: {ExitPackage.objects.get().sha256}"
    assert known in browser.get(test_page).content.decode()


@override("en")
def test_of_what_runs_no_other_is_begun(browser, page):
    for scenario in ("planned", "disruptive"):
        assert "Begin a test" in browser.get(page).content.decode()
        browser.post(f"{page}/tests", {"scenario": scenario})

    shown = browser.get(page).content.decode()
    assert "Begin a test" not in shown
    assert "0 of 8" in shown


@override("en")
def test_the_page_tells_when_the_plan_was_last_passed(browser, page):
    test_page = browser.post(f"{page}/tests", {"scenario": "disruptive"})["Location"]
    for key in KEYS:
        tick(browser, test_page, key)
    assert browser.get(page).content.decode().count("Not passed yet") == 2

    browser.post(f"{test_page}/pass")

    shown = browser.get(page).content.decode()
    assert (shown.count("Not passed yet"), shown.count("Last passed")) == (1, 1)


def test_what_runs_in_a_project_leads_to_it(browser, page, project, requester, approver, version):
    resource = delivered(place(requester, project, version), approver=approver)

    shown = browser.get(reverse("catalog:resource", args=[resource.public_id]))

    assert page in shown.content.decode()


def test_who_governs_a_project_finds_it_on_its_page(client, page, project):
    auditor = PersonFactory()
    grant(auditor, Role.AUDITOR, project)
    log_in(client, auditor)

    shown = client.get(reverse("identity:organization", args=[project.public_id]))

    assert page in shown.content.decode()


def test_a_test_is_begun_ticked_off_and_passed(browser, page):
    begun = browser.post(f"{page}/tests", {"scenario": "disruptive"})
    test_page = begun["Location"]
    for key in KEYS:
        assert tick(browser, test_page, key)["Location"] == test_page

    browser.post(f"{test_page}/pass")

    assert ExitTest.objects.get().outcome == "passed"
    shown = browser.get(test_page).content.decode()
    assert shown.count("Zie het verslag") == len(KEYS)
    assert ">Tick off<" not in shown


def test_a_second_test_of_a_kind_is_refused_at_the_form(browser, page, test_page):
    answer = browser.post(f"{page}/tests", {"scenario": "disruptive"})

    assert answer.status_code == 422
    assert "A test of this kind runs already" in answer.content.decode()


@pytest.mark.parametrize("scenario", ["", "unplanned"])
def test_another_kind_of_test_there_is_not(browser, page, scenario):
    answer = browser.post(f"{page}/tests", {"scenario": scenario})

    assert answer.status_code == 422
    assert not ExitTest.objects.exists()


def test_a_step_without_evidence_is_refused_at_its_field(browser, test_page):
    answer = tick(browser, test_page, KEYS[1], "")

    assert answer.status_code == 422
    shown = answer.content.decode()
    assert "Fill this in." in shown
    assert shown.count('aria-invalid="true"') == 1


def test_a_step_that_there_is_not_is_refused(browser, test_page):
    answer = tick(browser, test_page, "users_told")

    assert answer.status_code == 422
    assert "This test has no such step." in answer.content.decode()


def test_passing_too_early_is_refused_with_what_is_left(browser, test_page):
    answer = browser.post(f"{test_page}/pass")

    assert answer.status_code == 422
    assert "Still to do: The last package was found" in answer.content.decode()
    assert ExitTest.objects.get().is_running


def test_given_up_leads_back_to_the_project(browser, page, test_page):
    assert browser.post(f"{test_page}/give-up")["Location"] == page
    assert ExitTest.objects.get().outcome == "given_up"
