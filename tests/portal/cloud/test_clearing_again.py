"""Emptying a project asks a great many questions; one that goes wrong does not void the rest."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from portal.cloud.openstack.clearing import Clearing
from portal.cloud.openstack.connections import Connections
from portal.cloud.ports import CloudUnavailable


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What was asked for, of a cloud in which every first question fails."""
    asked: Counter[str] = Counter()

    def clear(_clearing: Clearing, group: object, _project: str) -> int:
        name = str(group.name)  # type: ignore[attr-defined]  # a group of things
        asked[name] += 1
        if asked[name] == 1:
            raise CloudUnavailable("500 Internal Server Error")
        return 0

    monkeypatch.setattr(Clearing, "_clear", clear)
    return asked


def test_what_failed_is_asked_once_more_in_the_same_turn(asked):
    assert Clearing(Connections("sovereign")).clear_project("project") == {}
    assert set(asked.values()) == {2}


def test_cloud_that_asks_for_a_pause_gets_it(monkeypatch):
    def clear(*_facts: object) -> int:
        raise CloudUnavailable("429 Too Many Requests", retry_after=timedelta(seconds=2))

    monkeypatch.setattr(Clearing, "_clear", clear)

    with pytest.raises(CloudUnavailable, match="429"):
        Clearing(Connections("sovereign")).clear_project("project")
