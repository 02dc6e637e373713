"""Every page about costs that has a table offers it as a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from django.conf import settings
from django.urls import get_resolver

TEMPLATES: Final = Path(settings.BASE_DIR) / "templates"
PARTS: Final = ("billing", "catalog/resource_costs", "catalog/usage_checks.html")
WITHOUT_FILE: Final = {
    "billing/tariffs/new.html": "a form",
    "billing/split_keys/new.html": "a form",
    "billing/tariffs/preview.html": "nothing is proposed yet; the page of the round has its files",
    "billing/files/list.html": "a list of files",
    "billing/allocation/tree.html": "what is set, which files of costs say of each line",
}
_INCLUDED = re.compile(r'{% include "([^"]+)"')
_OFFERED = re.compile(r'{% downloads "([^"]+)"|{% url \'([^\']+-sheet)\'')


def pages() -> list[str]:
    """Of all templates of these parts those that are a whole page."""
    found = [
        path
        for part in PARTS
        for path in (
            [TEMPLATES / part] if part.endswith(".html") else (TEMPLATES / part).rglob("*.html")
        )
    ]
    names = [str(path.relative_to(TEMPLATES)) for path in found if "{% extends" in path.read_text()]
    return sorted(names)


def written(name: str) -> str:
    """A template with all that it includes."""
    text = (TEMPLATES / name).read_text()
    return text + "".join(written(part) for part in sorted(set(_INCLUDED.findall(text))))


@pytest.mark.parametrize("name", [name for name in pages() if "<table" in written(name)])
def test_a_page_with_a_table_offers_a_file(name: str) -> None:
    routes = {one or other for one, other in _OFFERED.findall(written(name))}

    assert bool(routes) != (name in WITHOUT_FILE)
    for route in routes:
        app, route_name = route.split(":")
        _prefix, resolver = get_resolver().namespace_dict[app]
        ((_path, arguments),) = resolver.reverse_dict.getlist(route_name)[0][0]
        assert arguments[-1] == "form"


def test_what_needs_no_file_is_a_page_with_a_table() -> None:
    assert {name for name in WITHOUT_FILE if "<table" in written(name)} == set(WITHOUT_FILE)
    assert set(WITHOUT_FILE) <= set(pages())
