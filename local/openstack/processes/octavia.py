"""Octavia in one process with native threads: API and controller worker.

Usage: ``python -m local.openstack.processes.octavia CONFIG_FILE STATE_FOLDER PORT``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from local.openstack.processes.serving import loading, serve


def _keep_memory_in(folder: Path) -> None:
    """Give the drivers that do nothing a database of their own.

    Upstream writes the name of one SQLite file in /tmp into them, so a second user of the machine
    gets nothing but "attempt to write a readonly database".
    """
    import sqlalchemy
    from octavia.compute.drivers.noop_driver import driver as compute
    from octavia.network.drivers.noop_driver import driver as network

    def own_engine(url: str, **options: Any) -> sqlalchemy.Engine:
        return sqlalchemy.create_engine(f"sqlite:///{folder / 'noop.sqlite'}", **options)

    compute.create_engine = network.create_engine = own_engine


def _close_sessions() -> None:
    """Give a request's database connection back when it was answered.

    Upstream leaves that to the garbage collector, and a few minutes of many requests, some of
    which fail, find no connection any more.
    """
    from octavia.api.common.hooks import ContextHook

    def after(hook: ContextHook, state: Any) -> None:
        context = state.request.context.get("octavia_context")
        if context is not None:
            context.session.close()

    ContextHook.after = after


def main() -> None:
    configuration, state, port = sys.argv[1:]
    sys.argv = ["octavia", "--config-file", configuration]
    with loading():
        from octavia.wsgi import api  # reads the configuration

        _keep_memory_in(Path(state))
        _close_sessions()
        from octavia.controller.queue.v2 import consumer
        from oslo_config import cfg

        consumer.ConsumerService(0, cfg.CONF).run()
    serve(api.application, int(port))


main()
