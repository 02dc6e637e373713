"""Handing a ``Layout`` to a program on its command line."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from local.layout import Layout
from local.openstack.site import Site


def to_arguments(layout: Layout) -> list[str]:
    """Return the arguments from which ``site_from_arguments`` makes the same layout again."""
    return [
        *("--checkout", str(layout.checkout)),
        *("--home", str(layout.home)),
        *("--ports", json.dumps(dict(layout.ports))),
        *("--python", str(layout.python)),
        *("--openstack-python", str(layout.openstack_python)),
    ]


def site_from_arguments(arguments: Sequence[str] | None = None) -> Site:
    """Return the site described by ``arguments`` (default: those of this process)."""
    parser = argparse.ArgumentParser()
    for name in ("checkout", "home", "python", "openstack-python"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--ports", type=json.loads, required=True)
    return Site(Layout(**vars(parser.parse_args(arguments))))
