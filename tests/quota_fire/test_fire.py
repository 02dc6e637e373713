"""Quotas hold while many claim at once, and while processes are killed in the middle of it.

``QUOTA_FIRE_SECONDS=60 ./test tests/quota_fire`` lets it burn for longer, and ``QUOTA_FIRE_SEED``
repeats what a seed did as far as the clients' choices go; what meets what is up to the machine.
"""

import os
import secrets

import pytest

from tests.quota_fire.fire import Fire, burn, plant_tree

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = float(os.environ.get("QUOTA_FIRE_SECONDS", "8"))
SEED = int(os.environ.get("QUOTA_FIRE_SEED") or secrets.randbelow(10**6))
PROCESSES, CLIENTS = 8, 8
ACTS = {"reserve", "commit", "release", "find", "recount", "limit", "move", "turn"}


def test_no_level_is_ever_over_and_nothing_is_lost():
    plant_tree()
    fire = Fire(seed=SEED, seconds=SECONDS, processes=PROCESSES, clients=CLIENTS)

    outcome = burn(fire)

    assert outcome.faults == []
    assert outcome.exceeded == []
    assert outcome.differences == []
    assert outcome.left == []
    assert {name.split()[0] for name in outcome.counts} == ACTS
    assert outcome.counts["reserve done"] > 0
    assert outcome.counts["reserve quota_exceeded"] > 0
    assert outcome.counts["limit limits_refused"] > 0


def test_killed_in_the_middle_nothing_is_lost_either():
    plant_tree()
    fire = Fire(seed=SEED, seconds=SECONDS, processes=PROCESSES, clients=CLIENTS, kills=4)

    outcome = burn(fire)

    assert (outcome.faults, outcome.exceeded) == ([], [])
    assert (outcome.differences, outcome.left) == ([], [])


def test_without_locks_it_goes_wrong():
    """The danger is real: the same clients, who do not lock what they read."""
    plant_tree()
    fire = Fire(
        seed=SEED, seconds=SECONDS / 2, processes=PROCESSES, clients=CLIENTS, has_locks=False
    )

    outcome = burn(fire)

    assert outcome.exceeded or outcome.differences
