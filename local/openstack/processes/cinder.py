"""Cinder in one process with green threads: volume service, backup, scheduler and API.

Usage: ``python -m local.openstack.processes.cinder --config-file FILE``. The port answers once
the volume service is up.
"""

# ruff: noqa: E402 - eventlet must replace the standard library's threads before anything loads
from __future__ import annotations

import eventlet

eventlet.monkey_patch()

# What eventlet itself prescribes: the unpatched module must see the patched one's threads.
import threading

import __original_module_threading as original_threading

original_threading.current_thread.__globals__["_active"] = threading._active

from local.openstack.processes.serving import loading

with loading():
    import shlex
    import sys

    import os_brick
    from cinder import i18n

    i18n.enable_lazy()

    import cinder.cmd.backup
    import cinder.cmd.volume  # noqa: F401 - both register options
    from cinder import coordination, objects, rpc, service, utils, version
    from cinder.common import config, constants
    from oslo_config import cfg
    from oslo_log import log
    from oslo_privsep import priv_context

CONF = cfg.CONF


class Service(service.Service):
    """A service that keeps its own number.

    Cinder stores the number of "the" service on the class. With several in one process only the
    last would send heartbeats, and the scheduler would call the volume service down.
    """

    def report_state(self) -> None:
        service.Service.service_id = self.origin_service_id
        super().report_state()


def _prepare() -> None:
    objects.register_all()
    CONF(sys.argv[1:], project="cinder", version=version.version_string())
    config.set_middleware_defaults()
    log.setup(CONF, "cinder")
    priv_context.init(root_helper=shlex.split(utils.get_root_helper()))
    os_brick.setup(CONF)
    coordination.COORDINATOR.start()
    rpc.init(CONF)


def _start() -> None:
    # The scheduler sleeps up to a minute until a volume service has said what it can do.
    for backend in CONF.enabled_backends:
        Service.create(
            host=f"{CONF.host}@{backend}",
            service_name=backend,
            binary=constants.VOLUME_BINARY,
            coordination=True,
        ).start()
    Service.create(binary=constants.SCHEDULER_BINARY).start()
    Service.create(
        binary=constants.BACKUP_BINARY,
        coordination=True,
        service_name="backup",
        process_number=1,
        semaphore=utils.semaphore_factory(0, 1),
    ).start()
    service.WSGIService("osapi_volume").start()


_prepare()
_start()
# The service's own wait() comes back at once while no request is being answered.
eventlet.event.Event().wait()
