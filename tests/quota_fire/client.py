"""One process of clients: each a thread that does something at random until time is over.

Prints how often what came out, as JSON. Whatever is no refusal that the portal knows ends it with
an error: a deadlock, a broken constraint, a bug.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from typing import Final
from unittest.mock import patch

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()

from django.db import (  # noqa: E402  (Django must be set up first)
    OperationalError,
    connection,
    transaction,
)
from django.utils.timezone import now  # noqa: E402
from psycopg.errors import LockNotAvailable  # noqa: E402

from catalog.models import ClaimState, Metric, Quota, QuotaClaim  # noqa: E402
from catalog.services import limits, quotas  # noqa: E402
from catalog.services.tree import move_node  # noqa: E402
from portal.core.errors import DomainError  # noqa: E402
from portal.core.locks import lock_tree_shared  # noqa: E402
from portal.identity.models import Node, NodeKind, Person, Project  # noqa: E402
from tests.quota_fire import METRICS, MOVER  # noqa: E402

LOOKED_AT: Final = 50  # so many claims does a client choose from


class Client:
    """Somebody who does one thing after the other."""

    def __init__(self, seed: str) -> None:
        self.dice = random.Random(seed)  # noqa: S311  (no secret)
        self.counts: Counter[str] = Counter()
        in_one = transaction.atomic()
        self.acts: dict[str, tuple[int, Callable[[], object]]] = {
            "reserve": (50, in_one(self._reserve)),
            "commit": (20, in_one(self._commit)),
            "release": (30, in_one(self._release)),
            "find": (3, in_one(self._find)),
            "recount": (5, in_one(self._recount)),
            "limit": (6, in_one(self._limit)),
            "move": (3, self._move),
            "turn": (3, limits.turn_limits),
        }

    def run(self, until: float) -> None:
        weights = [weight for weight, _act in self.acts.values()]
        while time.monotonic() < until:
            (name,) = self.dice.choices(list(self.acts), weights)
            try:
                self.acts[name][1]()
                self.counts[f"{name} done"] += 1
            except DomainError as refusal:
                self.counts[f"{name} {refusal.code}"] += 1
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable):
                    raise  # a deadlock among others
                self.counts[f"{name} busy"] += 1

    def _reserve(self) -> None:
        quotas.claim_quota(self._project(), self._demand(), expires_at=now() + timedelta(days=14))

    def _commit(self) -> None:
        claim = self._claim(ClaimState.RESERVED)
        if claim:
            quotas.commit_claim(claim)

    def _release(self) -> None:
        claim = self._claim(self.dice.choice([ClaimState.RESERVED, ClaimState.COMMITTED]))
        if claim:
            quotas.release_claim(claim)

    def _find(self) -> None:
        quotas.hold_found(self._project(), {Metric.SERVERS: Decimal(1)})

    def _recount(self) -> None:
        claim = self._claim(ClaimState.COMMITTED)
        if claim:
            quotas.recount_claim(claim, self._demand())

    def _limit(self) -> None:
        node = self.dice.choice(list(Node.objects.order_by("pk")))
        amount = self.dice.choice([None, *map(Decimal, (0, 5, 20, 60, 200))])
        until = self.dice.choice([None, now() + timedelta(seconds=self.dice.uniform(0.1, 3))])
        limits.set_limit(
            node, self._metric(), amount, valid_from=now(), valid_until=until, actor=None
        )

    def _move(self) -> None:
        parents = Node.objects.filter(kind=NodeKind.ORGANIZATION).exclude(parent=None)
        move_node(
            self._project().public_id,
            new_parent=self.dice.choice(list(parents.order_by("pk"))).public_id,
            actor=Person.objects.get(name=MOVER),
        )

    def _project(self) -> Project:
        return self.dice.choice(list(Project.objects.order_by("pk")))

    def _demand(self) -> dict[Metric, Decimal]:
        metrics = self.dice.sample(METRICS, self.dice.randint(1, len(METRICS)))
        return {Metric(metric): Decimal(self.dice.randint(1, 3)) for metric in metrics}

    def _metric(self) -> Metric:
        return Metric(self.dice.choice(METRICS))

    def _claim(self, state: ClaimState) -> QuotaClaim | None:
        """Any of the newest, locked as an order locks its own: nobody else decides on it now."""
        lock_tree_shared()  # before any row, as everywhere
        newest = QuotaClaim.objects.filter(state=state).order_by("-pk")[:LOOKED_AT]
        keys = list(newest.values_list("pk", flat=True))
        if not keys:
            return None
        free = QuotaClaim.objects.select_for_update(skip_locked=True)
        return free.filter(pk=self.dice.choice(keys), state=state).first()


def without_locks() -> ExitStack:
    """The danger, as it is when counters are read without being locked."""

    def look(node_ids: list[int], metrics: object) -> dict[tuple[int, str], Quota]:
        rows = Quota.objects.filter(node__in=node_ids, metric__in=metrics)
        return {(row.node_id, row.metric): row for row in rows}

    stack = ExitStack()
    stack.enter_context(patch.object(quotas, "_lock_rows", look))
    return stack


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--without-locks", action="store_true")
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    clients = [Client(f"{options.seed} {number}") for number in range(options.clients)]
    faults: list[str] = []

    def run(client: Client) -> None:
        try:
            client.run(until)
        except Exception:
            faults.append(traceback.format_exc())
        finally:
            connection.close()

    with without_locks() if options.without_locks else ExitStack():
        threads = [threading.Thread(target=run, args=[client]) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    sys.stdout.write(json.dumps(sum((client.counts for client in clients), Counter())))
    sys.exit("\n".join(faults) or 0)


if __name__ == "__main__":
    main()
