"""Pages here need no database unless a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import translation


@pytest.fixture
def in_gallery(settings: LazySettings) -> None:
    """The addresses of the gallery take the place of the portal's own."""
    settings.ROOT_URLCONF = "tests.portal.web.gallery"
    templates = settings.TEMPLATES[0]
    folders = [*templates["DIRS"], Path(__file__).parent / "templates"]
    settings.TEMPLATES = [{**templates, "DIRS": folders}]


@pytest.fixture
def visitor(in_gallery: None) -> Client:
    """A browser that gets to see the error pages."""
    return Client(raise_request_exception=False, headers={"accept-language": "nl"})


@pytest.fixture
def dutch() -> Iterator[None]:
    with translation.override("nl"):
        yield


@pytest.fixture
def english() -> Iterator[None]:
    with translation.override("en"):
        yield
