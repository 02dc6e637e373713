"""What ``./test`` does: the checks in order, then pytest beside a stack of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from local.browser import find_browser
from local.environments import CHECKOUT, DEVELOPMENT, background
from local.errors import StartRefused
from local.node import Node
from local.patience import be_patient
from local.postgres import VERSION_VARIABLE
from local.stack import Parts
from local.stack_for_tests import clean_environment, stack_for_tests

_HOME: Final = CHECKOUT / ".local-test"
_OLDEST_HOME: Final = CHECKOUT / ".local-test-oldest-postgres"
_DATABASES_HOME: Final = CHECKOUT / ".local-test-databases"
_DATABASES_LOG: Final = _HOME / "log" / "databases.log"
_COMMANDS: Final = DEVELOPMENT.python.parent
_PEER: Final = CHECKOUT / "tests" / "identity_provider_peer"
_SETTINGS: Final = {"DJANGO_SETTINGS_MODULE": "tests.settings"}
_CHECKED: Final = ("manage.py", "run", "test", "portal", "catalog", "billing", "local")
_CHECKS: Final[Sequence[Sequence[str]]] = (
    ("ruff", "check", "--quiet"),
    ("ruff", "format", "--check", "--quiet"),
    ("mypy", "--scripts-are-modules", "--no-error-summary", *_CHECKED),
    ("lint-imports", "--no-logo"),
    ("python", "manage.py", "makemigrations", "--check", "--dry-run"),
    ("python", "manage.py", "check_translations"),
)
_OLDEST_POSTGRES: Final = "16"
_PATIENT: Final = 10  # niceness
_TIME_TO_TELL: Final = 10  # seconds
_PLUGIN: Final = ("-p", "local.pytest_stack")
_STACK_TESTS: Final = ("tests/browser", "tests/real")
_TELL_SLOWEST: Final = ("--durations=15", "--durations-min=5")  # where the minutes go
_WITH_WHOLE_STACK: Final = (*_STACK_TESTS, "benchmarks")
# Two processes of pytest, each with a database of its own. A file stays in one of them: what it
# makes once (a world, roles, a folder) is its own.
_SIDE_BY_SIDE: Final = (
    *("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"),  # in the order of our plugin
    *(f"--ignore={folder}" for folder in _STACK_TESTS),
)


class CheckFailed(Exception):
    """A check said no; it has printed why."""


def main(arguments: Sequence[str]) -> int:
    """Run the tests; without arguments of pytest all checks come first.

    Returns:
        The exit code: pytest's own, or 1 when something before it failed.
    """
    for_pytest = [argument for argument in arguments if argument != "--rabbitmq"]
    # As Ctrl-C does: or the stack of the tests would stay when a CI job is stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(for_pytest, with_rabbitmq="--rabbitmq" in arguments)
    except CheckFailed as failure:
        print(f"test: stopped at: {failure}", file=sys.stderr)
    except StartRefused as refusal:
        print(f"test: {refusal}", file=sys.stderr)
    except KeyboardInterrupt:
        print("test: interrupted", file=sys.stderr)
    return 1


def _run(for_pytest: list[str], *, with_rabbitmq: bool) -> int:
    is_whole = _needs_whole_stack(for_pytest)
    with ExitStack() as stack:
        stack.enter_context(background("openstack" if is_whole else None))
        DEVELOPMENT.ensure()
        environment = _environment()
        parts = Parts(portal=is_whole, cloud=is_whole, rabbitmq=with_rabbitmq)
        running = stack.enter_context(stack_for_tests(_HOME, parts))
        running.wait_for_databases()
        settings = environment | running.settings()
        _compile_translations(settings)  # Django reads them once, before any test can
        if not for_pytest:
            for check in _CHECKS:
                _check(check, settings)
        marks = () if with_rabbitmq else ("-m", "not rabbitmq")
        if for_pytest:
            return _pytest([*_PLUGIN, *marks, *for_pytest], settings)
        return _pytest_everything(marks, settings)


def _needs_whole_stack(for_pytest: Sequence[str]) -> bool:
    """True unless the arguments name only tests that do without portal and cloud."""
    named = [Path(text.partition("::")[0]) for text in for_pytest if not text.startswith("-")]
    paths = [path for path in named if (CHECKOUT / path).exists()]
    whole = [Path(folder) for folder in _WITH_WHOLE_STACK]
    return not paths or any(
        path in folder.parents or folder == path or folder in path.parents
        for path in paths
        for folder in whole
    )


def _environment() -> dict[str, str]:
    node = Node.find()
    path = os.pathsep.join((str(node.folder), os.environ.get("PATH", os.defpath)))
    environment = {**clean_environment(), **_SETTINGS, "PATH": path}
    node.install_packages(_PEER, environment)
    return {**environment, "CLOUDLOKET_CHROMIUM": str(find_browser(node))}


def _pytest_everything(marks: Sequence[str], settings: Mapping[str, str]) -> int:
    """First of all what needs the whole stack, which mostly waits for the cloud.

    What needs databases only takes the time in between, and then what is left.
    """
    _say("pytest with the whole stack")
    with _databases_beside_us() as databases:
        of_stack = _pytest([*_PLUGIN, *_TELL_SLOWEST, *marks, *_STACK_TESTS], settings)
        _say("pytest with databases only, beside it until now")
        of_databases = databases.wait()
    return of_stack or of_databases


@contextmanager
def _databases_beside_us() -> Iterator[subprocess.Popen[bytes]]:
    """Run ``_test_with_databases`` in a process of its own, which lets all others go first."""
    _DATABASES_LOG.parent.mkdir(parents=True, exist_ok=True)
    with _DATABASES_LOG.open("wb") as log:
        process = _in_a_process_beside_us(log)
    _say(f"what needs databases only runs beside it, and tells in {_DATABASES_LOG}")
    try:
        yield process
    finally:
        if process.poll() is None:
            _interrupt(process)
        _say(_DATABASES_LOG.read_text())


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does, so that it tells what failed until then; who does not heed that is ended."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(3 * _TIME_TO_TELL)  # its servers have to stop as well
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _in_a_process_beside_us(log: BinaryIO) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "local.testing"],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _test_with_databases() -> int:
    """All tests but those of the whole stack; then, on the oldest PostgreSQL of the wheel, all
    migrations and the tests marked ``database``.

    Each has servers of its own: those that the whole stack has would not be patient.
    """
    for number in (signal.SIGINT, signal.SIGTERM):  # the former may be ignored by who started us
        signal.signal(number, signal.default_int_handler)
    be_patient(_PATIENT)
    of_all = _pytest_on_databases(_DATABASES_HOME, (*_PLUGIN, *_TELL_SLOWEST, *_SIDE_BY_SIDE))
    os.environ[VERSION_VARIABLE] = _OLDEST_POSTGRES
    _say(f"pytest on PostgreSQL {_OLDEST_POSTGRES}")
    options = (*_PLUGIN, "-p", "no:cacheprovider", "-m", "database", *_SIDE_BY_SIDE)
    return _pytest_on_databases(_OLDEST_HOME, options) or of_all


def _pytest_on_databases(home: Path, options: Sequence[str]) -> int:
    with stack_for_tests(home, Parts(portal=False, cloud=False)) as running:
        running.wait_for_databases()
        return _pytest(options, _environment() | running.settings())


def _compile_translations(environment: Mapping[str, str]) -> None:
    command = (str(_COMMANDS / "python"), "manage.py", "compile_translations", "--verbosity=0")
    subprocess.run(command, cwd=CHECKOUT, env=environment, stdout=subprocess.DEVNULL, check=True)


def _check(command: Sequence[str], environment: Mapping[str, str]) -> None:
    started = time.monotonic()
    name, arguments = command[0], command[1:]
    what = " ".join(("manage.py", arguments[1]) if name == "python" else (name, *arguments[:1]))
    result = subprocess.run(
        (str(_COMMANDS / name), *arguments),
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode:
        print(result.stdout)
        raise CheckFailed(what)
    _say(f"{what}: ok ({time.monotonic() - started:.0f} s)")


def _pytest(options: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run it; interrupted with us it has some time to tell what failed until then."""
    command = [str(_COMMANDS / "python"), "-m", "pytest", *options]
    process = subprocess.Popen(command, cwd=CHECKOUT, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_TIME_TO_TELL)
        raise
    finally:
        process.kill()


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":  # in a process of its own, beside another ./test
    with suppress(KeyboardInterrupt):
        sys.exit(_test_with_databases())
    sys.exit(1)
