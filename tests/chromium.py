"""A real browser for tests, and the rules that every page must keep in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

# WCAG 2.2 AA is what the law asks (EN 301 549); the best practices are our own wish.
RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
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
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": list(RULES)}})
    return [
        f"{violation['id']}: {', '.join(str(node['target']) for node in violation['nodes'])}"
        for violation in found.response["violations"]
    ]


def is_too_wide(page: Page) -> bool:
    """True when the page must be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
