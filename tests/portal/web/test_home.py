"""The first page, and the frame around it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from portal.identity.models import Person, Project, Role
from portal.web.stack import CloudProgress, read_cloud_progress
from tests.factories import PersonFactory, grant, make_project
from tests.logins import log_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def person(project: Project) -> Person:
    person = PersonFactory(name="Sanne Wiersma")
    grant(person, Role.REQUESTER, project)
    return person


@pytest.fixture
def browser(person: Person) -> Client:
    return log_in(Client(headers={"accept-language": "nl"}), person)


def test_a_stranger_is_asked_to_log_in(client: Client) -> None:
    assert client.get("/").headers["Location"].startswith("/login")


def test_the_frame_says_who_works_where(browser: Client, project: Project) -> None:
    page = browser.get("/").content.decode()
    assert "Sanne Wiersma" in page
    assert "(Aanvrager)" in page
    assert project.name in page
    assert '<a href="/" aria-current="page">' in page
    assert 'lang="en">English</button>' in page


def test_the_frame_asks_little_of_the_database(
    browser: Client, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(5):  # type: ignore[operator]  # a fixture is a function
        browser.get("/nothing-is-here")


def test_the_first_page_asks_once_for_each_thing_on_it(
    browser: Client, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(53):  # type: ignore[operator]  # a fixture is a function
        browser.get("/")


def test_changing_the_language_leads_back(browser: Client) -> None:
    response = browser.post("/language", {"language": "en", "next": "/"}, follow=True)
    assert '<html lang="en">' in response.content.decode()


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_language_changes_by_a_form_only(browser: Client, method: str) -> None:
    assert getattr(browser, method)("/language").status_code == 405


def test_the_start_of_the_cloud_is_followed(
    browser: Client, settings: LazySettings, tmp_path: Path
) -> None:
    settings.STACK_STATUS_FILE = str(tmp_path / "status.json")
    write_status(tmp_path, ready=False)
    page = browser.get("/").content.decode()
    assert "De cloud start nog" in page
    assert "12 van 31 onderdelen zijn klaar. Nu: Nova database." in page
    assert 'hx-trigger="every 5s"' in page

    write_status(tmp_path, ready=True)
    panel = browser.get("/", headers={"HX-Request": "true"}).content.decode()
    assert panel.strip().startswith('<div id="cloud-progress" hidden>')
    assert "hx-get" not in panel


def write_status(folder: Path, *, ready: bool) -> None:
    cloud = {"ready": ready, "done": 12, "total": 31, "now": "Nova database"}
    (folder / "status.json").write_text(json.dumps({"cloud": cloud}))


@pytest.mark.parametrize("content", ["", "[]", '{"cloud": {}}', '{"cloud": {"ready": 1}}'])
def test_half_a_status_says_nothing(settings: LazySettings, tmp_path: Path, content: str) -> None:
    file = tmp_path / "status.json"
    file.write_text(content)
    settings.STACK_STATUS_FILE = str(file)
    assert read_cloud_progress() is None


def test_a_status_is_read(settings: LazySettings, tmp_path: Path) -> None:
    settings.STACK_STATUS_FILE = str(tmp_path / "status.json")
    write_status(tmp_path, ready=False)
    assert read_cloud_progress() == CloudProgress(False, 12, 31, "Nova database")
