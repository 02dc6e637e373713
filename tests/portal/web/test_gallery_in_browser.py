"""The components in a real browser: accessible, inside the policy, usable by keyboard."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from playwright.sync_api import Browser, ConsoleMessage, Page, Route

from tests.chromium import (
    SCREENS,
    Screen,
    complaints_of,
    find_violations,
    running_chromium,
)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def address(in_gallery: None) -> Iterator[str]:
    """Where the gallery is served, on a port of its own."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console said: a breach of the policy among other things."""
    return []


def open_page(chromium: Browser, url: str, complaints: list[str], **options: object) -> Page:
    page = chromium.new_page(**options)  # type: ignore[arg-type]

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "the server responded with" not in message.text:
            complaints.append(message.text)

    page.on("console", note)
    page.goto(url)
    return page


@pytest.mark.parametrize("path", ["/gallery", "/nothing", "/broken"])
@pytest.mark.parametrize("screen", SCREENS)
def test_pages_are_accessible_and_fit(
    chromium: Browser, address: str, complaints: list[str], path: str, screen: Screen
) -> None:
    page = open_page(
        chromium,
        f"{address}{path}",
        complaints,
        viewport={"width": screen.width, "height": 800},
        color_scheme=screen.scheme,
        locale=screen.language,
    )
    assert complaints_of(page, path.strip("/"), screen) == []
    assert complaints == []
    page.close()


def test_a_confirmation_opens_and_gives_focus_back(
    chromium: Browser, address: str, complaints: list[str]
) -> None:
    page = open_page(chromium, f"{address}/gallery", complaints)
    opener = page.locator("[data-cl-dialog]")
    opener.focus()
    page.keyboard.press("Enter")
    assert page.locator("dialog#retire").is_visible()
    assert find_violations(page) == []
    page.keyboard.press("Escape")
    assert not page.locator("dialog#retire").is_visible()
    assert opener.evaluate("element => element === document.activeElement")

    opener.click()
    page.locator("[data-cl-close]").click()
    assert not page.locator("dialog#retire").is_visible()
    assert complaints == []
    page.close()


def test_mistakes_get_the_focus_and_lead_to_the_question(
    chromium: Browser, address: str, complaints: list[str]
) -> None:
    page = open_page(chromium, f"{address}/gallery", complaints)
    assert page.evaluate("document.activeElement.id") == "form-errors"
    page.locator("#form-errors a").first.click()
    assert page.evaluate("document.activeElement.id") == "id_name"
    page.close()


def test_a_form_is_sent_once_and_says_so(
    chromium: Browser, address: str, complaints: list[str]
) -> None:
    page = open_page(chromium, f"{address}/gallery", complaints)
    sent: list[str] = []

    def answer(route: Route) -> None:
        sent.append(route.request.method)
        route.fulfill(status=204)  # the browser stays where it is

    page.route("**/gallery", answer)
    button = page.locator("main button[data-cl-busy]")
    with page.expect_request("**/gallery"):
        button.click()
    assert button.inner_text() == "Sending"
    assert button.get_attribute("aria-disabled") == "true"
    button.click(force=True)
    assert sent == ["POST"]
    page.close()


def test_the_menu_opens_without_a_script(chromium: Browser, address: str) -> None:
    context = chromium.new_context(
        java_script_enabled=False, viewport={"width": 360, "height": 800}
    )
    page = context.new_page()
    page.goto(f"{address}/gallery")
    page.locator(".cl-menu > summary").click()
    assert page.locator(".cl-menu a").first.is_visible()
    context.close()
