"""Run a benchmark on a stack of its own: ``.venv/bin/python -m benchmarks NAME [its options]``.

Without arguments all figures are measured, one after another; that takes an hour on two cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from local.environments import CHECKOUT, OPENSTACK
from local.stack import Parts
from local.stack_for_tests import clean_environment, comes_up, stack_for_tests

_HOME: Final = CHECKOUT / ".local-test-benchmarks"
_WITH_CLOUD: Final = "approval_to_active"
_DURABLE: Final = frozenset({"audit", "claims"})  # whose every commit waits for the disk
_EVERYTHING: Final[Sequence[Sequence[str]]] = (
    ("engine",),
    ("reconciliation",),
    ("audit",),
    ("claims",),
    ("quota_page",),
    ("charging",),
    ("cost_pages",),
    ("exports",),
    (_WITH_CLOUD, "--pairs", "5"),
    (_WITH_CLOUD, "--pairs", "5", "--blueprint"),
    (_WITH_CLOUD, "--pairs", "3", "--servers", "20"),
)


def main(arguments: Sequence[str]) -> int:
    """Measure; the exit code is 1 when something could not be measured."""
    names = sorted({one[0] for one in _EVERYTHING})
    if arguments and arguments[0] not in names:
        print(f"benchmarks: there is {', '.join(names)}; no {arguments[0]}", file=sys.stderr)
        return 2
    chosen = [arguments] if arguments else _EVERYTHING
    durable = [one for one in chosen if one[0] in _DURABLE]
    without_cloud = [one for one in chosen if one[0] not in {_WITH_CLOUD, *_DURABLE}]
    with_cloud = [one for one in chosen if one[0] == _WITH_CLOUD]
    outcomes = [
        *_measure(durable, Parts(portal=False, cloud=False, waits_for_disk=True)),
        *_measure(without_cloud, Parts(portal=False, cloud=False)),
        *_measure(with_cloud, Parts(portal=False, cloud=True)),
    ]
    return 1 if any(outcomes) else 0


def _measure(chosen: Sequence[Sequence[str]], parts: Parts) -> list[int]:
    if not chosen:
        return []
    if parts.cloud:
        OPENSTACK.ensure()
    with stack_for_tests(_HOME, parts) as stack:
        stack.wait_for_databases()
        if parts.cloud and not comes_up(_HOME):
            print(f"benchmarks: the cloud does not come up; see {_HOME}/log", file=sys.stderr)
            return [1]
        environment = {**clean_environment(), **stack.settings()}
        if parts.cloud:
            environment["OS_CLIENT_CONFIG_FILE"] = str(_HOME / "clouds.yaml")
        return [_run(one, environment) for one in chosen]


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    name, *options = command
    print(" ".join(command), flush=True)
    program = (sys.executable, "-m", f"benchmarks.{name}", *options)
    return subprocess.run(program, cwd=CHECKOUT, env=environment, check=False).returncode


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
