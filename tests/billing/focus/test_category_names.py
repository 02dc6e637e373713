"""What people read for the categories of FOCUS."""

from __future__ import annotations

from django.utils.translation import override

from billing.focus.category_names import NAMES, category_name
from billing.focus.columns import SUBCATEGORIES


def test_each_category_of_focus_has_a_name() -> None:
    assert set(NAMES) == set(SUBCATEGORIES)


def test_they_read_it_in_their_own_language() -> None:
    with override("nl"):
        assert category_name("Networking") == "Netwerk"
    with override("en"):
        assert category_name("Networking") == "Networking"


def test_what_focus_does_not_know_is_called_as_it_is() -> None:
    assert category_name("Kwantum") == "Kwantum"
