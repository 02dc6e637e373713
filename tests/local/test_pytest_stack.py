"""How workers of pytest share the stack that ./test starts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from local.environments import CHECKOUT
from local.pytest_stack import pytest_collection_modifyitems
from local.stack_for_tests import clean_environment

Run = Callable[..., subprocess.CompletedProcess[str]]
# Tells by which worker it is run.
_TEST = """
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(4))
def test_it(number):
    with (pathlib.Path(__file__).parents[2] / "told").open("a") as told:
        told.write(f"{pathlib.Path(__file__).stem} {os.environ['PYTEST_XDIST_WORKER']}\\n")
"""


def outside_pytest() -> dict[str, str]:
    """The environment as it was before a worker of pytest, which we may be in, changed it."""
    return {
        name: value for name, value in clean_environment().items() if not name.startswith("PYTEST_")
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs pytest with two workers over two files of the browser and two of real workers."""
    for folder, name in (("browser", "walk"), ("browser", "work"), ("real", "a"), ("real", "b")):
        file = tmp_path / "tests" / folder / f"test_{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_TEST)
    (tmp_path / "pytest.ini").touch()

    def run(**groups: dict[str, bool]) -> subprocess.CompletedProcess[str]:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "status.json").write_text(json.dumps(groups))
        share = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
        others = ("-p", "no:django", "-p", "no:cacheprovider")
        plugin = ("-p", "local.pytest_stack")
        folders = ("tests/browser", "tests/real")
        return subprocess.run(
            [sys.executable, "-m", "pytest", *plugin, *others, *share, *folders],
            cwd=tmp_path,
            env=outside_pytest()
            | {"PYTHONPATH": str(CHECKOUT), "CLOUDLOKET_TEST_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_browser_is_for_one_worker_and_a_file_of_real_tests_too(run: Run, tmp_path: Path):
    result = run(portal={"ready": True, "failed": False})

    assert result.returncode == 0, result.stdout
    told = [line.split() for line in (tmp_path / "told").read_text().splitlines()]
    assert len(told) == 16
    workers = {name: {worker for test, worker in told if test == name} for name, _ in told}
    assert workers["test_walk"] == workers["test_work"]
    assert {name: len(found) for name, found in workers.items()} == dict.fromkeys(workers, 1)
    assert set.union(*workers.values()) == {"gw0", "gw1"}


def test_a_stack_that_does_not_come_up_ends_the_run_and_is_named(run: Run, tmp_path: Path):
    result = run(cloud={"ready": False, "failed": True})

    assert result.returncode != 0
    assert f"the stack for the tests does not come up; see {tmp_path}/log" in result.stdout
    assert "INTERNALERROR" not in result.stdout
    assert not (tmp_path / "told").exists()


@pytest.mark.parametrize(("worker", "database"), [(None, 1), ("gw0", 1), ("gw1", 2)])
def test_workers_have_a_database_of_the_broker_each(worker: str | None, database: int):
    environment = outside_pytest() | {"CLOUDLOKET_BROKER_URL": "redis://:secret@127.0.0.1:6379/1"}
    if worker:
        environment["PYTEST_XDIST_WORKER"] = worker
    look = "import os, tests.settings; print(os.environ['CLOUDLOKET_BROKER_URL'])"

    said = subprocess.run(
        [sys.executable, "-c", look],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    assert said.stdout == f"redis://:secret@127.0.0.1:6379/{database}\n"


def a_test(path: str, *marks: str) -> Any:
    """As much of a collected test as the order of tests asks for."""
    return SimpleNamespace(
        path=Path("/checkout/tests") / path,
        config=SimpleNamespace(rootpath=Path("/checkout")),
        get_closest_marker=lambda name: name in marks,
    )


def test_workers_begin_with_what_takes_long_and_end_with_what_waits_for_the_stack():
    real, page = a_test("real/test_a.py", "browser"), a_test("portal/test_page.py", "browser")
    many = [a_test("portal/test_many.py") for _ in range(101)]
    history, few = a_test("billing/test_history.py", "hypothesis"), a_test("billing/test_few.py")
    tests = [real, few, page, *many, history]

    pytest_collection_modifyitems(cast(Any, SimpleNamespace(workerinput={})), tests)

    assert tests == [history, *many, page, few, real]


def test_without_workers_tests_come_in_the_order_of_their_files():
    real, few = a_test("real/test_a.py"), a_test("billing/test_few.py")
    history = a_test("billing/test_history.py", "hypothesis")
    tests = [real, few, history]

    pytest_collection_modifyitems(cast(Any, SimpleNamespace()), tests)

    assert tests == [few, history, real]
