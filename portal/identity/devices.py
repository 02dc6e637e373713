"""What people call the device that they work on, from how its browser presents itself."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _

LONGEST: Final = 40  # characters of an agent that we do not know

# The first that occurs decides: many browsers also call themselves by the names below theirs.
_BROWSERS: Final = (
    (("Edg/", "EdgA/", "EdgiOS/"), "Edge"),
    (("OPR/",), "Opera"),
    (("SamsungBrowser/",), "Samsung Internet"),
    (("Firefox/", "FxiOS/"), "Firefox"),
    (("Chrome/", "CriOS/", "Chromium/"), "Chrome"),
    (("Safari/",), "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def device_in_words(agent: str) -> str:
    """``Firefox on Windows``; the agent itself, shortened, when it is no browser that we know.

    It may lie: this helps people to recognise their own devices, and decides nothing.
    """
    browser = next((name for marks, name in _BROWSERS if any(m in agent for m in marks)), "")
    system = next((name for mark, name in _SYSTEMS if mark in agent), "")
    if browser and system:
        return _("{browser} on {system}").format(browser=browser, system=system)
    if not agent:
        return _("Unknown device")
    return agent if len(agent) <= LONGEST else f"{agent[: LONGEST - 1]}…"
