"""A person of the demonstration at a browser, who looks closely at every page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from playwright.sync_api import (
    APIResponse,
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    Route,
    expect,
)

from tests.chromium import find_violations, is_too_wide

PICTURES: Final = Path(__file__).parents[2] / ".artifacts" / "screenshots"
WIDE: Final = {"width": 1280, "height": 900}
SCREENS: Final = (WIDE, {"width": 360, "height": 800})
NARROWEST: Final = {"width": 320, "height": 800}  # 1280 enlarged to 400 % (WCAG 1.4.10)
OTHER_LANGUAGE: Final = {"nl": "English", "en": "Nederlands"}


class Visitor:
    """One browser context, logged in by pressing the account's own button.

    ``complaints`` holds what the console said (a breach of the policy among other things) and
    which files did not come. Pages that refuse are no complaint: a test may ask for those.
    """

    def __init__(self, browser: Browser, portal: str, account: str, *, has_script: bool) -> None:
        self.account = account
        self.has_script = has_script
        self.complaints: list[str] = []
        self._portal = portal
        self._browser = browser
        self._context = browser.new_context(
            base_url=portal, java_script_enabled=has_script, locale="nl-NL", viewport=WIDE
        )
        self._axe_context: BrowserContext | None = None
        self.page = self._new_page()

    def _new_page(self) -> Page:
        page = self._context.new_page()
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("response", self._note_response)
        return page

    def _note_message(self, message: ConsoleMessage) -> None:
        is_about_a_file = "the server responded with a status" in message.text
        if message.type in {"error", "warning"} and not is_about_a_file:
            self.complaints.append(message.text)

    def _note_response(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.complaints.append(f"{response.status} {response.url}")

    def log_in(self) -> None:
        self.page.goto("/")
        self.page.get_by_role("link", name="Rijksaccount").click()
        self.page.locator(f"button[name=account][value={self.account}]").click()
        expect(self.page).to_have_url(f"{self._portal}/")

    @property
    def session_key(self) -> str:
        """Of the portal's session in this browser."""
        cookies = {cookie["name"]: cookie["value"] for cookie in self._context.cookies()}
        return str(cookies["cloudloket-session"])

    def forget_provider(self) -> None:
        """The identity provider no longer knows who was here, and asks."""
        for cookie in self._context.cookies():
            if not cookie["name"].startswith("cloudloket-"):
                self._context.clear_cookies(name=cookie["name"])

    def open(self, path: str) -> int:
        """Go to a page; returns the status of the answer."""
        response = self.page.goto(path)
        assert response is not None
        return response.status

    def come_back(self) -> None:
        """Close the tab and open its address in a new one."""
        address = self.page.url
        self.page.close()
        self.page = self._new_page()
        self.page.goto(address)

    def ask_api(self, path: str) -> APIResponse:
        """Read from the API with this person's session."""
        return self._context.request.get(f"/api/v1/{path}")

    def forge(self, path: str, **fields: str) -> APIResponse:
        """Send a form that no page showed; with a token from a page that this person may see."""
        token = self.page.locator("input[name=csrfmiddlewaretoken]").first.get_attribute("value")
        form = {"csrfmiddlewaretoken": str(token), **fields}
        return self._context.request.post(path, form=form, max_redirects=0)

    def switch_language(self) -> None:
        """Press the button of the other language."""
        language = self.language
        button = self.page.get_by_role("button", name=OTHER_LANGUAGE[language], exact=True)
        button.click()
        expect(self.page.locator("html")).not_to_have_attribute("lang", language)

    @property
    def language(self) -> str:
        return str(self.page.locator("html").get_attribute("lang"))

    def look_closely(self, name: str) -> None:
        """``look`` in both languages; the page is opened again for that.

        Without script in one: what is different there is not the words.
        """
        self.look(name)
        if not self.has_script:
            return
        self.switch_language()
        self.look(name)
        self.switch_language()

    def look(self, name: str) -> None:
        """Check the page as it stands, wide and narrow, and keep pictures of it."""
        has_dialog = self.page.get_by_role("dialog").is_visible()  # it covers the screen only
        for screen in SCREENS:
            self.page.set_viewport_size(screen)
            picture = f"{self._file_name(name, screen['width'])}.png"
            self.page.screenshot(path=PICTURES / picture, full_page=not has_dialog)
            assert self._find_violations(screen) == [], picture
        self.page.set_viewport_size(NARROWEST)
        assert not is_too_wide(self.page), name
        self.page.set_viewport_size(WIDE)
        assert self.complaints == [], name

    def _file_name(self, name: str, width: int) -> str:
        script = "js" if self.has_script else "nojs"
        return f"{name}-{self.account}-{self.language}-{width}-{script}"

    def _find_violations(self, screen: dict[str, int]) -> list[str]:
        if self.has_script:
            return find_violations(self.page)
        copy = self._copy_for_axe()
        copy.set_viewport_size(screen)
        found = find_violations(copy)
        copy.close()
        return found

    def _copy_for_axe(self) -> Page:
        """The page as it stands, where scripts can run; for axe is a script itself.

        The portal's own scripts come empty, and what <noscript> holds stays visible.
        """
        if self._axe_context is None:
            self._axe_context = self._browser.new_context(locale="nl-NL")
            self._axe_context.route("**/*.js", _answer_with_nothing)
        html = re.sub(r"(</?)noscript>", r"\1span>", self.page.content())
        copy = self._axe_context.new_page()
        copy.route(self.page.url, lambda route: route.fulfill(body=html, content_type="text/html"))
        copy.goto(self.page.url)
        return copy

    def leave(self) -> None:
        """Close the browser; nothing may have gone wrong in it unseen."""
        self._context.close()
        if self._axe_context:
            self._axe_context.close()
        assert self.complaints == []


def _answer_with_nothing(route: Route) -> None:
    route.fulfill(body="", content_type="text/javascript")
