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


@pytest.mark.parametrize(("seconds", "pauses"), [(2, [2.0, 2.0]), (3, [])])
def test_cloud_that_asks_for_a_pause_gets_it(monkeypatch, seconds, pauses):
    """A short one at once; for a longer one, the whole turn is put off."""
    slept: list[float] = []

    def clear(*_facts: object) -> int:
        raise CloudUnavailable("429 Too Many Requests", retry_after=timedelta(seconds=seconds))

    monkeypatch.setattr(Clearing, "_clear", clear)
    monkeypatch.setattr("portal.cloud.openstack.clearing.time.sleep", slept.append)

    with pytest.raises(CloudUnavailable, match="429"):
        Clearing(Connections("sovereign")).clear_project("project")
    assert slept == pauses


def test_whoever_clears_is_heard_before_each_kind_of_thing(asked):
    heard: list[int] = []

    Clearing(Connections("sovereign")).clear_project(
        "project", before_each=lambda: heard.append(len(asked))
    )

    assert heard == list(range(len(asked)))
