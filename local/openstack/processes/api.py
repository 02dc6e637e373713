"""Serve the ``application`` of one module: all that Keystone, Placement, Glance, Neutron need.

Usage: ``python -m local.openstack.processes.api MODULE PORT THREADS``.
"""

from __future__ import annotations

import importlib
import sys

from local.openstack.processes.serving import loading, serve


def main() -> None:
    module, port, threads = sys.argv[1:]
    sys.argv = [module.partition(".")[0]]  # each of them reads its own options from here
    with loading():
        application = importlib.import_module(module).application
    serve(application, int(port), threads=int(threads))


main()
