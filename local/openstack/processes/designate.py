"""Designate in one process with native threads: central, worker, producer and API.

Usage: ``python -m local.openstack.processes.designate POOLS_FILE PORT``. The port answers once the
pool is known: a zone made before that would wait for the producer's next recovery run.
"""

from __future__ import annotations

import sys
from typing import Any

from local.openstack.processes.serving import loading, serve


def _ask_no_name_server() -> None:
    """Take for served what was handed to the back end: there is no name server to ask.

    The option ``notify = false`` of the worker does not keep it from sending NOTIFY.
    """
    from designate.worker.tasks import zone

    def polled_serial(task: Any) -> int:
        return 0 if task.zone.action == "DELETE" else int(task.zone.serial)

    def sent(task: Any) -> bool:
        return True

    zone.PollForZone.__call__ = polled_serial
    zone.SendNotify.__call__ = sent


def _begin_again_when_overtaken() -> None:
    """Have Designate repeat a transaction that read, and wants to write after another wrote.

    SQLite refuses that at once, however long it may wait for a lock. Of other databases Designate
    knows the error by itself.
    """
    from oslo_db import exception
    from oslo_db.sqlalchemy.exc_filters import filters
    from sqlalchemy.exc import OperationalError

    @filters("sqlite", OperationalError, ".*database is locked")
    def overtaken(error: Exception, *_facts: object) -> None:
        raise exception.DBDeadlock(error)


def _start_workers(pools_file: str) -> list[Any]:
    from designate.central import service as central
    from designate.producer import service as producer
    from designate.worker import service as worker

    services = [central.Service(), worker.Service(), producer.Service()]
    for service in services:
        service.init_host()
        service.start()
    _ensure_pool(pools_file)
    return services


def _ensure_pool(pools_file: str) -> None:
    """Tell central where zones go, unless it knows: a repeated update changes every zone again.

    ``designate-manage pool update`` would call central, whom only this process can reach.
    """
    from designate import context
    from designate.central import rpcapi
    from designate.manage import pool
    from oslo_config import cfg

    pool_id = cfg.CONF["service:central"].default_pool_id
    everything = context.DesignateContext.get_admin_context(all_tenants=True)
    if not rpcapi.CentralAPI.get_instance().get_pool(everything, pool_id).targets:
        pool.PoolCommands().update(pools_file, delete=False, skip_verify_drivers=True)


def main() -> None:
    pools_file, port = sys.argv[1:]
    sys.argv = ["designate"]
    with loading():
        from oslo_service import backend

        backend.init_backend(backend.BackendType.THREADING)
        from designate.wsgi import api

        _ask_no_name_server()
        _begin_again_when_overtaken()
        services = _start_workers(pools_file)
    serve(api.application, int(port))
    for service in services:
        service.stop()


main()
