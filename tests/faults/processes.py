"""Killing what runs, without a chance to tidy up, and starting it again."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType

Kill = Callable[[], None]


class Killer:
    """Kills one of the ``victims`` now and then while the block runs; each starts again itself.

    Args:
        victims: by name; a function that kills it and sees to it that it starts again.
        pause: seconds between two, at least and at most.
    """

    def __init__(self, victims: Mapping[str, Kill], *, seed: int, pause: tuple[float, float]):
        self.killed: Counter[str] = Counter()
        self._victims = dict(victims)
        self._chance = random.Random(seed)  # noqa: S311  (no secret)
        self._pause = pause
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def _work(self) -> None:
        names = sorted(self._victims)
        while not self._is_over.wait(self._chance.uniform(*self._pause)):
            name = self._chance.choice(names)
            self._victims[name]()
            self.killed[name] += 1
