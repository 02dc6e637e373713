"""Keystone's tables and its first administrator."""

from __future__ import annotations

import os

from local.openstack.arguments import site_from_arguments
from local.openstack.configuration.keystone import FILE
from local.openstack.site import OPERATOR, REGION
from local.openstack.tables.commands import run


def main() -> None:
    site = site_from_arguments()
    from keystone.cmd import manage

    command = ("keystone-manage", "--config-file", str(site.configuration("keystone") / FILE))
    url = site.keystone_url
    run(manage.main, *command, "db_sync")
    # No argument: a password may begin with a hyphen, and whoever is on the machine reads those.
    os.environ["OS_BOOTSTRAP_PASSWORD"] = site.password(OPERATOR)
    run(
        manage.main,
        *command,
        "bootstrap",
        *("--bootstrap-username", OPERATOR),
        *("--bootstrap-region-id", REGION),
        *("--bootstrap-public-url", url),
    )


main()
