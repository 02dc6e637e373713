"""Nova in one process with native threads: API, conductor, scheduler and one compute host.

Usage: ``python -m local.openstack.processes.nova PORT``. The port answers once servers can be
created: the compute host is known to Placement and mapped to its cell.
"""

from __future__ import annotations

import shlex
import sys

from local.openstack.processes.serving import loading, serve, wait_until


def _placement_answers() -> bool:
    """True once Placement lists providers for Nova: Keystone, catalogue and Placement are there.

    A compute host that starts before reports itself only a minute later.
    """
    from keystoneauth1 import exceptions
    from nova import utils

    try:
        answer = utils.get_ksa_adapter("placement").get("/resource_providers", raise_exc=False)
    except exceptions.ClientException:
        return False
    return bool(answer.status_code == 200)


def _start_workers() -> None:
    import os_brick
    import os_vif
    from nova import conf, context, objects, service, utils
    from nova.compute import rpcapi as compute
    from nova.conductor import rpcapi as conductor
    from nova.objects import host_mapping
    from nova.scheduler import rpcapi as scheduler
    from oslo_privsep import priv_context

    priv_context.init(root_helper=shlex.split(utils.get_root_helper()))
    os_brick.setup(conf.CONF)
    os_vif.initialize()
    objects.Service.enable_min_version_cache()
    # The conductor logs in to Placement while it is made, and ends the process when it may not.
    wait_until(_placement_answers, "answer from Placement", within_seconds=240)
    for binary, topic in (
        ("nova-conductor", conductor.RPC_TOPIC),
        ("nova-scheduler", scheduler.RPC_TOPIC),
    ):
        service.Service.create(binary=binary, topic=topic).start()
    service.Service.create(
        binary="nova-compute", topic=compute.RPC_TOPIC, topic_alt=compute.RPC_TOPIC_ALT
    ).start()
    host_mapping.discover_hosts(context.get_admin_context())


def main() -> None:
    port = int(sys.argv[1])
    sys.argv = ["nova"]
    with loading():
        from nova import monkey_patch

        monkey_patch.patch(backend="threading")  # before anything else of Nova is imported

        from local.openstack.drivers import compute

        # Nova loads hypervisor drivers from below its own package only.
        sys.modules["nova.virt.cloudloket"] = compute
        from nova.wsgi import osapi_compute

        _start_workers()
    serve(osapi_compute.application, port, threads=16)


main()
