"""A tree, clients that claim in it, and a recorder of what no commit may ever show."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Final, LiteralString
from urllib.parse import quote

from django.db import connection, transaction
from django.utils.timezone import now

from catalog.models import ClaimState, Metric, Quota, QuotaClaim
from catalog.services.handed_out import Excess, describe_excess, find_excess
from catalog.services.limits import allow_overcommit, set_limit
from catalog.services.quota_checks import find_differences
from catalog.services.quotas import release_claim
from portal.identity.models import Node, Role
from tests.factories import PersonFactory, grant, make_organization, make_project
from tests.quota_fire import METRICS, MOVER

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 120  # seconds, for a process to end after its time
WIDE: Final = 2  # so many nodes below each
# What the claims of a level come to is added up anew at each commit, whatever the counter says.
_RECORDER: Final[LiteralString] = """
CREATE TABLE quota_fire_exceeded (quota_id bigint, held numeric, allowed numeric);
CREATE FUNCTION quota_fire_look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO quota_fire_exceeded
    SELECT quota.id, sum(line.amount), quota.limit_now
    FROM catalog_quota AS quota
    JOIN catalog_quotaclaimline AS line ON line.quota_id = quota.id
    JOIN catalog_quotaclaim AS claim ON claim.id = line.claim_id AND claim.state <> 'released'
    WHERE quota.id = NEW.quota_id AND quota.over_since IS NULL
    GROUP BY quota.id
    HAVING sum(line.amount) > quota.limit_now;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER quota_fire_look AFTER INSERT OR UPDATE ON catalog_quotaclaimline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION quota_fire_look();
"""
_NO_RECORDER: Final[LiteralString] = """
DROP TRIGGER quota_fire_look ON catalog_quotaclaimline;
DROP FUNCTION quota_fire_look();
DROP TABLE quota_fire_exceeded;
"""


@dataclass(frozen=True, kw_only=True)
class Fire:
    """How much of it.

    Args:
        kills: so many times a process is killed with -9 and begun again.
    """

    seed: int
    seconds: float
    processes: int
    clients: int
    kills: int = 0
    has_locks: bool = True


@dataclass
class Outcome:
    """What came of it; ``faults`` is what ended a process."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    exceeded: list[tuple[int, Decimal, Decimal]] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def plant_tree() -> None:
    """Ministries of five levels, with room that is soon full, and who may move what is in them.

    Half of the lowest organizations hand out no more than they have; the others may overcommit.
    """
    root = make_organization(name="Rijk")
    level: list[Node] = [root]
    for _depth in range(3):
        level = [make_organization(parent) for parent in level for _number in range(WIDE)]
    for parent in level:
        make_project(parent)
    strict = {parent.pk for parent in level[::2]}
    with transaction.atomic():
        for node in Node.objects.order_by("pk"):
            for metric in METRICS:
                if node.pk not in strict:
                    allow_overcommit(node, Metric(metric), is_allowed=True, actor=None)
                set_limit(node, Metric(metric), Decimal(60), valid_from=now(), actor=None)
    grant(PersonFactory(name=MOVER), Role.QUOTA_ADMINISTRATOR, root)


def burn(fire: Fire) -> Outcome:
    """Let the clients do what they do until their time is over, and look at what is there then."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORDER)
    outcome = Outcome()
    try:
        _let_run(fire, outcome)
        with connection.cursor() as cursor:
            cursor.execute("SELECT quota_id, held, allowed FROM quota_fire_exceeded")
            outcome.exceeded = cursor.fetchall()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(_NO_RECORDER)
    outcome.differences = find_differences() + _find_overcommitted()
    if not outcome.differences:
        outcome.left = _give_everything_back()
    return outcome


def _let_run(fire: Fire, outcome: Outcome) -> None:
    dice = random.Random(fire.seed)  # noqa: S311  (no secret)
    until = time.monotonic() + fire.seconds
    running = [_begin(fire, number, fire.seconds) for number in range(fire.processes)]
    pauses = [fire.seconds / (fire.kills + 1)] * fire.kills
    for kill, pause in enumerate(pauses):
        victim = dice.randrange(fire.processes)
        _wait_while_it_lives(running[victim], pause, outcome)
        running[victim].send_signal(signal.SIGKILL)
        running[victim].communicate()
        left = until - time.monotonic()
        running[victim] = _begin(fire, fire.processes + kill, max(1.0, left))
    for process in running:
        said, fault = process.communicate(timeout=fire.seconds + PATIENCE)
        outcome.counts += Counter(json.loads(said or "{}"))
        if process.returncode:
            outcome.faults.append(fault)


def _wait_while_it_lives(process: subprocess.Popen[str], seconds: float, outcome: Outcome) -> None:
    """Return when it is time to kill it; one that ended by itself is a fault."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
    outcome.faults.append(f"a process ended before it was killed: {process.returncode}")


def _begin(fire: Fire, number: int, seconds: float) -> subprocess.Popen[str]:
    arguments = [f"--seed={fire.seed} {number}", f"--seconds={seconds}"]
    arguments += [f"--clients={fire.clients}"]
    arguments += [] if fire.has_locks else ["--without-locks"]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.quota_fire.client", *arguments],
        cwd=ROOT,
        env={**os.environ, "CLOUDLOKET_DATABASE_URL": _database_url()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _database_url() -> str:
    """Of the database that the test has, which is not the one of the settings."""
    facts = connection.settings_dict
    who = f"{quote(facts['USER'])}:{quote(facts['PASSWORD'])}"
    return f"postgresql://{who}@{facts['HOST']}:{facts['PORT']}/{facts['NAME']}"


def _find_overcommitted() -> list[str]:
    levels = [(row.node_id, Metric(row.metric)) for row in Quota.objects.order_by("pk")]
    none = Excess({})
    return [
        describe_excess(level, excess)
        for level, excess in find_excess(levels).items()
        if excess.is_worse_than(none)
    ]


def _give_everything_back() -> list[str]:
    """What is still counted once every claim was released: nothing, if none was lost."""

    for claim in QuotaClaim.objects.exclude(state=ClaimState.RELEASED):
        with transaction.atomic():
            release_claim(claim)
    counted = Quota.objects.exclude(claimed=0).select_related("node")
    return [f"{row.node} {row.metric}: {row.claimed}" for row in counted]
