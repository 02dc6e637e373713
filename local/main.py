"""What ``./run`` does."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from local.environments import CHECKOUT, OPENSTACK, PORTAL, background
from local.errors import StartRefused
from local.home import only_one, prepare_home, refuse_full_disk
from local.layout import Layout
from local.ports import refuse_occupied_ports, remembered_ports
from local.progress import Progress
from local.stack import Parts, Stack
from local.supervisor import Supervisor, stop_leftovers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stack until Ctrl-C; return the exit code."""
    options = _parse(arguments)
    try:
        run_stack(options.home.resolve(), options.port, Parts(cloud=options.with_cloud))
    except StartRefused as refusal:
        print(f"cloudloket: {refusal}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}:
            raise
        print(f"cloudloket: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # while installing; afterwards the supervisor handles it
        return 130
    return 0


def run_stack(home: Path, port: int | None, parts: Parts) -> None:
    """Prepare the home, install what is missing, and run everything until asked to stop.

    Raises:
        StartRefused: something is in the way; nothing that was there is disturbed.
    """
    os.umask(0o077)
    prepare_home(home)
    with only_one(home) as announce:
        layout = _layout(home, port)
        stack = Stack(layout, parts)
        announce(stack.public_url)
        progress = _progress(stack)
        stop_leftovers(home, progress)
        refuse_occupied_ports(stack.ports(), home)
        refuse_full_disk(home)
        with background("openstack" if stack.has_local_cloud else None):
            PORTAL.ensure()
            Supervisor(home, CHECKOUT, stack.units(), progress).run()


def _layout(home: Path, port: int | None) -> Layout:
    return Layout(
        checkout=CHECKOUT,
        home=home,
        ports=remembered_ports(home / "ports.json", port, CHECKOUT.glob(".local*/ports.json")),
        python=PORTAL.python,
        openstack_python=OPENSTACK.python,
    )


def _progress(stack: Stack) -> Progress:
    announcements = {
        "portal": f"portal ready: {stack.public_url}",
        "cloud": "cloud ready",
        "extras": "extras ready",
    }
    return Progress(stack.layout.run / "status.json", announcements)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./run", description="Run Cloudloket with everything it needs, on this machine."
    )
    parser.add_argument(
        "--home",
        type=Path,
        default=CHECKOUT / ".local",
        help="folder of all state (default: .local)",
    )
    parser.add_argument("--port", type=_port, help="of the portal (default: 8000)")
    parser.add_argument(
        "--without-cloud", dest="with_cloud", action="store_false", help="leave out OpenStack"
    )
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return int(text)
