"""A real browser for tests, and the rules that every page must keep in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Browser, Page, sync_playwright

# WCAG 2.2 AA is what the law asks (EN 301 549); the best practices are our own wish.
RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


class Screen(NamedTuple):
    """How somebody looks: pixels, ``light`` or ``dark``, language."""

    width: int
    scheme: str
    language: str


# Axe, which takes a second a page, looks at these two: its rules are about the colours of each
# scheme and the layout of each width, and hardly about which of them go together.
SCREENS: Final = (Screen(1280, "light", "nl"), Screen(360, "dark", "en"))
WIDTHS: Final = (1280, 360, 320)  # the last is the first enlarged to 400 % (WCAG 1.4.10)
_HEIGHT: Final = 800
_ARGUMENTS: Final = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run")


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Start the Chromium that ./test found, or the system's; stop it afterwards."""
    program = os.environ.get("CLOUDLOKET_CHROMIUM") or shutil.which("chromium")
    assert program, "no chromium: install it, or name one in CLOUDLOKET_CHROMIUM"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        yield browser
        browser.close()


def find_violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it stands: the rule, and where."""
    # Without resultTypes it also works out where everything stands that is right: twice the time.
    options = {"runOnly": {"type": "tag", "values": list(RULES)}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options)
    return [
        f"{violation['id']}: {', '.join(str(node['target']) for node in violation['nodes'])}"
        for violation in found.response["violations"]
    ]


def is_too_wide(page: Page) -> bool:
    """True when the page must be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


def complaints_about(
    pages: Mapping[str, str],
    *,
    site: str,
    session: str,
    arrive: Callable[[Page, str], None] = lambda page, name: None,
) -> list[str]:
    """What is wrong with pages on any screen: an answer that is not 200, axe, or sideways scroll.

    Django asks the database nothing meanwhile: the browser's event loop is in this thread.

    Args:
        pages: paths by name.
        session: key of the session of who looks.
        arrive: gets the page and its name; does what is to be done there before it is looked at.
    """
    found: list[str] = []
    with running_chromium() as chromium:
        for screen in SCREENS:
            with visiting(chromium, site, session, screen) as page:
                for name, path in pages.items():
                    answer = page.goto(f"{site}{path}")
                    if answer is None or answer.status != 200:
                        found.append(f"{name}: {answer and answer.status}")
                    arrive(page, name)
                    found += complaints_of(page, name, screen)
    return found


@contextmanager
def visiting(chromium: Browser, site: str, session: str, screen: Screen) -> Iterator[Page]:
    """An empty page of a browser that looks so, for who has this session."""
    context = chromium.new_context(
        viewport={"width": screen.width, "height": _HEIGHT}, color_scheme=screen.scheme
    )
    cookies = {
        settings.SESSION_COOKIE_NAME: session,
        settings.LANGUAGE_COOKIE_NAME: screen.language,
    }
    context.add_cookies(
        [{"name": name, "value": value, "url": site} for name, value in cookies.items()]
    )
    yield context.new_page()
    context.close()


def complaints_of(page: Page, name: str, screen: Screen) -> list[str]:
    """What is wrong with the page as it stands; it has to fit every width.

    Pictures of it go to the folder in SHOTS, if that is set.
    """
    page.wait_for_load_state()  # a click returns before what it brings is read
    if folder := os.environ.get("SHOTS"):
        file = f"{name}-{screen.language}-{screen.width}-{screen.scheme}.png"
        page.screenshot(path=Path(folder) / file, full_page=True)
    found = [f"{name} at {screen.width}: {violation}" for violation in find_violations(page)]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": _HEIGHT})
        if is_too_wide(page):
            found.append(f"{name}: too wide for {width}, in {screen.language}")
    page.set_viewport_size({"width": screen.width, "height": _HEIGHT})
    return found
