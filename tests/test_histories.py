"""Random histories are many on the PostgreSQL that all tests use, and fewer on another."""

from __future__ import annotations

import pytest

from local.postgres import DEFAULT_VERSION, VERSION_VARIABLE
from tests.histories import histories


@pytest.mark.parametrize("version", [None, DEFAULT_VERSION])
def test_all_of_them_as_usual(monkeypatch, version):
    monkeypatch.delenv(VERSION_VARIABLE, raising=False)
    if version:
        monkeypatch.setenv(VERSION_VARIABLE, version)

    assert histories(25) == 25


def test_a_third_on_the_oldest_and_never_none(monkeypatch):
    monkeypatch.setenv(VERSION_VARIABLE, "16")

    assert [histories(number) for number in (60, 25, 8, 1)] == [20, 9, 3, 1]
