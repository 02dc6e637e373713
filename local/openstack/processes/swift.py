"""Swift in one process with green threads: proxy, account, container and object server,
and what tells accounts the size of their containers.

Usage: ``python -m local.openstack.processes.swift FOLDER`` with its configuration files.
"""

# ruff: noqa: E402 - eventlet must replace the standard library's threads before anything loads
from __future__ import annotations

import eventlet

eventlet.monkey_patch()

import sys
from configparser import RawConfigParser
from pathlib import Path

import eventlet.wsgi
from swift.common import utils

from local.openstack.configuration.swift import DEVICE, STORES
from local.openstack.processes.serving import LOOPBACK, loading

SECONDS_BETWEEN_REPORTS = 5


def _port(folder: Path, server: str) -> int:
    parser = RawConfigParser()
    parser.read(folder / f"{server}.conf")
    return parser.getint("DEFAULT", "bind_port")


def _write_ring(folder: Path, store: str) -> None:
    """Write the map from hash to place anew: one place, on the port of this start."""
    from swift.common.ring import RingBuilder

    port = _port(folder, store)
    builder = RingBuilder(part_power=4, replicas=1, min_part_hours=1)
    builder.add_dev(
        {
            "id": 0,
            "region": 1,
            "zone": 1,
            "weight": 1,
            "device": DEVICE,
            "ip": LOOPBACK,
            "port": port,
            "replication_ip": LOOPBACK,
            "replication_port": port,
        }
    )
    builder.rebalance()
    builder.get_ring().save(str(folder / f"{store}.ring.gz"))


class _NoAccessLog:
    """eventlet writes a line a request; Swift's own log already has one."""

    def write(self, text: str) -> None:
        """Forget ``text``."""


def _serve(folder: Path, server: str) -> eventlet.greenthread.GreenThread:
    from swift.common.http_protocol import SwiftHttpProtocol
    from swift.common.wsgi import loadapp

    application = loadapp(str(folder / f"{server}.conf"), {"log_name": server})
    listener = eventlet.listen((LOOPBACK, _port(folder, server)))
    return eventlet.spawn(
        eventlet.wsgi.server, listener, application, _NoAccessLog(), protocol=SwiftHttpProtocol
    )


def _report_sizes(folder: Path) -> None:
    """As swift-container-updater: accounts list how much their containers hold by what it tells."""
    from swift.container.updater import ContainerUpdater

    parser = RawConfigParser()
    parser.read(folder / "container.conf")
    updater = ContainerUpdater(dict(parser.defaults()))
    while True:
        for path in updater.get_paths():
            updater.container_sweep(path)
        eventlet.sleep(SECONDS_BETWEEN_REPORTS)


def main() -> None:
    folder = Path(sys.argv[1])
    # Swift would read /etc/swift/swift.conf while its modules load.
    utils.set_swift_dir(str(folder))
    with loading():
        from swift.common import storage_policy

        storage_policy.reload_storage_policies()
        for store in STORES:
            _write_ring(folder, store)
            _serve(folder, store)
        proxy = _serve(folder, "proxy")
    eventlet.spawn(_report_sizes, folder)
    proxy.wait()


main()
