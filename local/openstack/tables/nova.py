"""Nova's two databases, and the cells that tell one from the other."""

from __future__ import annotations

from typing import Final

from local.openstack.arguments import site_from_arguments
from local.openstack.tables.commands import run

# Filled in from [database] connection at each start: another port or password breaks nothing.
CELL_URL: Final = "{{scheme}}://{{username}}:{{password}}@/{database}?{{query}}"
ALREADY_THERE: Final = 2


def main() -> None:
    site = site_from_arguments()
    from nova.cmd import manage

    command = ("nova-manage", "--config-file", str(site.configuration("nova") / "nova.conf"))
    run(manage.main, *command, "api_db", "sync")
    run(
        manage.main,
        *(*command, "cell_v2", "map_cell0"),
        *("--database_connection", CELL_URL.format(database="nova_cell0")),
    )
    run(
        manage.main,
        *(*command, "cell_v2", "create_cell", "--name", "cell1"),
        *("--database_connection", CELL_URL.format(database="nova")),
        *("--transport-url", "fake://"),
        accepted=(0, ALREADY_THERE),
    )
    run(manage.main, *command, "db", "sync")


main()
