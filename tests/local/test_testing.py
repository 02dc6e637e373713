"""What ``./test`` runs, on what, and what it leaves behind when somebody stops it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from local import testing
from local.environments import CHECKOUT
from local.home import prepare_home
from local.layout import Layout
from local.ports import remembered_ports
from local.postgres import DEFAULT_VERSION, VERSION_VARIABLE
from local.stack import Parts, Stack

# A run that waits for a signal, where the real one would have a stack beside it.
_WAITING_RUN: Final = """
import contextlib, signal, sys
from local import testing

def run(arguments, *, with_rabbitmq):
    with contextlib.ExitStack() as stack:
        stack.callback(print, "stack stopped")
        print("running", flush=True)
        signal.pause()

testing._run = run
sys.exit(testing.main([]))
"""

# Tells by how much it is nicer than we are, and how nice its session is if there is such a thing.
_PATIENT_CHILD: Final = """
import os
from pathlib import Path
from local.patience import be_patient

before = os.nice(0)
be_patient(7)
session = Path("/proc/self/autogroup")
nice = int(session.read_text().split()[-1]) if session.exists() else os.nice(0)
print(os.nice(0) - before, nice - before)
"""


# Tells what failed when it is interrupted, as pytest does.
_TELLING_CHILD: Final = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
try:
    print("running", flush=True)
    signal.pause()
except KeyboardInterrupt:
    print("failed: why")
"""


def test_a_terminated_run_stops_its_stack() -> None:
    command = [sys.executable, "-c", _WAITING_RUN]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "running\n"

        process.send_signal(signal.SIGTERM)

        assert process.stdout.read() == "stack stopped\n"
    assert process.returncode == 1


@pytest.mark.parametrize("with_rabbitmq", [False, True])
def test_each_test_runs_once_and_on_rabbitmq_where_that_was_asked(log, with_rabbitmq, monkeypatch):
    runs = []
    monkeypatch.setattr(testing, "_pytest", lambda options, _environment: runs.append(options) or 0)
    monkeypatch.setattr(testing, "_in_a_process_beside_us", beside_us("exit(0)"))
    monkeypatch.setattr(
        testing, "_pytest_on_databases", lambda _home, options: runs.append(options)
    )
    monkeypatch.setattr(testing, "be_patient", lambda _niceness: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setenv(VERSION_VARIABLE, DEFAULT_VERSION)

    assert not testing._pytest_everything(() if with_rabbitmq else ("-m", "not rabbitmq"), {})
    assert not testing._test_with_databases()

    with_stack, of_databases, of_oldest = runs
    folders = {"tests/real", "tests/browser"}
    assert folders <= set(with_stack)
    assert ("not rabbitmq" in with_stack) is not with_rabbitmq
    for options in (of_databases, of_oldest):
        assert {f"--ignore={folder}" for folder in folders} <= set(options)
        assert not folders & set(options)
    assert ("-m" in of_databases, "-m" in of_oldest) == (False, True)


@pytest.fixture
def log(monkeypatch, tmp_path):
    """Not that of the run which this test may be in."""
    monkeypatch.setattr(testing, "_DATABASES_LOG", tmp_path / "databases.log")
    return testing._DATABASES_LOG


def test_what_fails_on_databases_fails_the_whole(log, monkeypatch, capfd):
    monkeypatch.setattr(testing, "_pytest", lambda options, _environment: 0)
    monkeypatch.setattr(testing, "_in_a_process_beside_us", beside_us("print('why'); exit(3)"))

    assert testing._pytest_everything((), {}) == 3
    assert "why" in capfd.readouterr().out


def test_interrupted_it_tells_what_failed_until_then(log, monkeypatch, capfd):
    monkeypatch.setattr(testing, "_in_a_process_beside_us", beside_us(_TELLING_CHILD))

    def interrupted(_options, _environment):
        while "running" not in log.read_text():
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr(testing, "_pytest", interrupted)
    with pytest.raises(KeyboardInterrupt):
        testing._pytest_everything((), {})

    assert "failed: why" in capfd.readouterr().out


@pytest.mark.parametrize("codes", [(3, 0), (0, 3)])
def test_what_fails_on_one_postgresql_fails_on_databases(codes, monkeypatch):
    told = iter(codes)
    monkeypatch.setattr(testing, "_pytest_on_databases", lambda _home, _options: next(told))
    monkeypatch.setattr(testing, "be_patient", lambda _niceness: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setenv(VERSION_VARIABLE, DEFAULT_VERSION)

    assert testing._test_with_databases() == 3
    assert next(told, None) is None


def test_who_is_patient_is_so_with_its_session():
    command = [sys.executable, "-c", _PATIENT_CHILD]
    result = subprocess.run(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=True, start_new_session=True
    )

    assert result.stdout == "7 7\n"


def beside_us(code):
    """A process that does this, where the real one would start a PostgreSQL."""
    return lambda log: subprocess.Popen(
        [sys.executable, "-c", code], stdout=log, start_new_session=True
    )


@pytest.mark.parametrize(
    ("chosen", "hurries"),
    [
        ({}, False),
        ({"is_for_tests": True}, True),
        ({"is_for_tests": True, "waits_for_disk": True}, False),
    ],
)
def test_only_a_stack_for_tests_lets_postgres_not_wait_for_the_disk(chosen, hurries, tmp_path):
    home = tmp_path / "home"
    prepare_home(home)
    layout = Layout(
        checkout=CHECKOUT,
        home=home,
        ports=remembered_ports(home / "ports.json", None),
        python=Path(sys.executable),
        openstack_python=Path(),
    )
    parts = Parts(portal=False, cloud=False, **chosen)

    units = {unit.name: unit for unit in Stack(layout, parts, given={}).units()}

    assert ("fsync=off" in units["postgres"].command) is hurries
    assert "synchronous_commit=off" not in units["postgres"].command  # a kill would lose commits
