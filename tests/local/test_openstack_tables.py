"""What the programs that make OpenStack's tables are told, and how."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from local.environments import CHECKOUT
from local.layout import PORT_NAMES, Layout
from local.openstack.arguments import to_arguments
from local.openstack.site import OPERATOR, Site

# Stands where Keystone does, and writes down each call.
_MANAGE: Final = """
import json, os, sys

def main():
    with open(os.environ["CALLS"], "a") as file:
        print(json.dumps([sys.argv, os.environ.get("OS_BOOTSTRAP_PASSWORD")]), file=file)
"""


def test_a_password_is_no_argument_of_keystone(tmp_path: Path) -> None:
    """Else one that begins with a hyphen is none, and everybody on the machine reads it."""
    package = tmp_path / "keystone" / "cmd"
    package.mkdir(parents=True)
    (package / "manage.py").write_text(_MANAGE)
    layout = Layout(
        checkout=CHECKOUT,
        home=tmp_path / "home",
        ports={name: 20000 + number for number, name in enumerate(PORT_NAMES)},
        python=Path(sys.executable),
        openstack_python=Path(sys.executable),
    )
    password = Site(layout).password(OPERATOR)
    calls = tmp_path / "calls"

    subprocess.run(
        [sys.executable, "-m", "local.openstack.tables.keystone", *to_arguments(layout)],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "CALLS": str(calls)},
        check=True,
    )

    (_, _), (arguments, told) = (json.loads(line) for line in calls.read_text().splitlines())
    assert "bootstrap" in arguments
    assert password not in arguments
    assert told == password
