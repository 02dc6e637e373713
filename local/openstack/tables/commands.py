"""Running OpenStack's ``…-manage`` commands without importing the service for each of them."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Collection


def run(main: Callable[[], object], *arguments: str, accepted: Collection[int] = (0,)) -> None:
    """Call ``main`` with ``arguments`` in a fork: the code is loaded, its state is untouched.

    Raises:
        SystemExit: the command ended with a code that is not in ``accepted``.
    """
    process = multiprocessing.get_context("fork").Process(target=_call, args=(main, arguments))
    process.start()
    process.join()
    if process.exitcode not in accepted:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.exitcode}")


def _call(main: Callable[[], object], arguments: tuple[str, ...]) -> None:
    sys.argv = list(arguments)
    sys.exit(main())  # type: ignore[arg-type]  # None or a number, as for any console script
