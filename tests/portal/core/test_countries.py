"""Countries by their letters."""

from __future__ import annotations

from importlib.resources import files

from django.utils import translation

from catalog.placement.supply import ALLOWED_LOCATIONS
from portal.core.countries import COUNTRIES, country_in_words, country_name


def test_every_country_has_a_name() -> None:
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    codes = {line[:2] for line in table.splitlines() if not line.startswith("#")}

    assert set(COUNTRIES) == codes
    assert codes > ALLOWED_LOCATIONS


def test_they_are_called_as_the_language_calls_them() -> None:
    with translation.override("nl"):
        assert country_in_words("DE") == "Duitsland (DE)"
    with translation.override("en"):
        assert country_in_words("DE") == "Germany (DE)"
        assert country_name("DE") == "Germany"


def test_letters_of_no_country_are_shown_as_they_are() -> None:
    assert country_in_words("XX") == "XX"
    assert country_name("XX") == "XX"
