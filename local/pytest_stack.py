"""Pytest plugin of ``./test``: tests that need the whole stack come last, and wait for it.

Two workers of pytest may share that stack: all of tests/browser is for one of them, since its
people stand in the portal's own database; a file of tests/real is for either.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest
from xdist.scheduler import LoadFileScheduling

from local.stack_for_tests import comes_up

_BROWSER: Final = "browser"
_FOLDERS: Final = ("real", _BROWSER)
_HEAVY: Final = {"hypothesis": 150, "browser": 100}  # a history of many turns; twenty pages
_MARKS: Final = ("real", "rabbitmq")  # not browser: most of those have a server of their own


def needs_whole_stack(item: pytest.Item) -> bool:
    """True for a test that talks to the running portal or cloud."""
    folders = item.path.relative_to(item.config.rootpath).parts
    return any(folder in folders for folder in _FOLDERS) or any(
        item.get_closest_marker(name) for name in _MARKS
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the others first: meanwhile the cloud starts.

    Of two workers neither should still have a long file when the other is done: those come first.
    """
    if hasattr(config, "workerinput"):
        times: Counter[Path] = Counter()
        for item in items:
            times[item.path] += _weight(item)
        items.sort(key=lambda item: -times[item.path])
    items.sort(key=needs_whole_stack)


def _weight(item: pytest.Item) -> int:
    """About how long it takes, in tests that look at a page: a fifth of a second."""
    return next((weight for name, weight in _HEAVY.items() if item.get_closest_marker(name)), 1)


class FilesAndBrowser(LoadFileScheduling):  # type: ignore[misc]  # xdist tells no types of it
    """A worker runs whole files, and the folder of the browser as if it were one."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return _BROWSER if _BROWSER in Path(file).parts else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesAndBrowser | None:
    """Instead of xdist's own for ``--dist loadfile``.

    Not ``loadgroup``: xdist 3.8 puts the group in a test's name, which pytest 9.2 does not take.
    """
    return FilesAndBrowser(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Wait once, before the first test that needs it."""
    if needs_whole_stack(item) and not item.config.stash.get(_IS_UP, False):
        home = Path(os.environ["CLOUDLOKET_TEST_HOME"])
        if not comes_up(home):
            # Not pytest.exit: of that, in a worker, xdist makes a crash.
            item.session.shouldstop = f"the stack for the tests does not come up; see {home}/log"
            pytest.fail(item.session.shouldstop, pytrace=False)
        if (home / "clouds.yaml").exists():  # written while the cloud starts, so not known before
            os.environ["OS_CLIENT_CONFIG_FILE"] = str(home / "clouds.yaml")
        item.config.stash[_IS_UP] = True


_IS_UP: Final = pytest.StashKey[bool]()
