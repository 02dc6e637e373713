"""Whatever in a page asks again by the clock says so, and thus keeps nobody logged in."""

from __future__ import annotations

import re

from django.conf import settings

from portal.identity.middleware import POLL

POLLING = re.compile(r"<[^>]*hx-trigger=[\"'][^\"']*\b(?:every|load|revealed|intersect)\b[^>]*>")


def polling_elements() -> list[tuple[str, str]]:
    """(template, opening tag) of everything that asks without a person doing anything."""
    templates = (settings.BASE_DIR / "templates").rglob("*.html")
    return [
        (path.name, tag)
        for path in templates
        for tag in POLLING.findall(re.sub(r"{%.*?%}|{{.*?}}", "", path.read_text("utf-8")))
    ]


def test_every_polling_element_carries_the_mark() -> None:
    found = polling_elements()

    assert len(found) >= 3
    assert [name for name, tag in found if f'"{POLL}": "1"' not in tag] == []
