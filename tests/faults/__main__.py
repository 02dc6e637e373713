"""The long run: ``python -m tests.faults --operations 200 --seed 1``, in the environment of
``./test``. Starts a cloud, and a second stack with the portal's database and broker, which are
killed like everything else of the portal.
"""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from typing import Final

from local.environments import CHECKOUT, OPENSTACK
from local.stack import Parts
from local.stack_for_tests import clean_environment, stack_for_tests
from tests.faults.scale import PREFIX, Scale, orders_for

_CLOUD_HOME: Final = CHECKOUT / ".local-test-faults-cloud"
_PORTAL_HOME: Final = CHECKOUT / ".local-test-faults"
_TEST: Final = "tests/real/test_faults.py"


def main(arguments: list[str]) -> int:
    """Run it; the exit code is that of pytest."""
    asked = _parse(arguments)
    OPENSTACK.ensure()
    with ExitStack() as stack:
        parts = Parts(portal=False, cloud=False, rabbitmq=asked.rabbitmq)
        portal = stack.enter_context(stack_for_tests(_PORTAL_HOME, parts))
        cloud = stack.enter_context(stack_for_tests(_CLOUD_HOME, Parts(portal=False, cloud=True)))
        portal.wait_for_databases()
        cloud.wait_for_databases()
        settings = portal.settings()
        if asked.rabbitmq:
            settings["CLOUDLOKET_BROKER_URL"] = settings["CLOUDLOKET_TEST_RABBITMQ_URL"]
        environment = {
            **clean_environment(),
            **settings,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "CLOUDLOKET_TEST_HOME": str(_CLOUD_HOME),  # where clouds.yaml will be
            f"{PREFIX}HOME": str(_PORTAL_HOME),
            f"{PREFIX}BROKER": "rabbitmq" if asked.rabbitmq else "valkey",
            f"{PREFIX}WITH_ALL": str(True),
            f"{PREFIX}ORDERS": str(orders_for(asked.operations)),
            f"{PREFIX}PROJECTS": str(asked.projects),
            f"{PREFIX}SEED": str(asked.seed),
            f"{PREFIX}SHARE": str(asked.share),
            f"{PREFIX}PATIENCE_SECONDS": str(asked.patience),
        }
        options = ["-p", "local.pytest_stack", "-x", _TEST]
        command = [sys.executable, "-m", "pytest", *options]
        return subprocess.run(command, cwd=CHECKOUT, env=environment, check=False).returncode


def _parse(arguments: list[str]) -> Namespace:
    parser = ArgumentParser(prog="python -m tests.faults", description="Many faults, no person.")
    parser.add_argument("--operations", type=int, default=200, help="at least so many")
    parser.add_argument("--projects", type=int, default=4, help="over so many projects")
    parser.add_argument("--seed", type=int, default=Scale.seed)
    parser.add_argument("--share", type=float, default=Scale.share, help="of requests: 0 to 1")
    parser.add_argument("--patience", type=int, default=3600, help="seconds for each stage")
    parser.add_argument("--rabbitmq", action="store_true", help="quorum queues in place of Valkey")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
