"""Designate's tables, in an SQLite file in which readers do not wait for a writer."""

from __future__ import annotations

import sqlite3
import sys

from local.openstack.arguments import site_from_arguments


def main() -> None:
    site = site_from_arguments()
    connection = sqlite3.connect(site.state("designate") / "designate.sqlite")
    connection.execute("pragma journal_mode = wal")
    connection.close()
    from designate.cmd import manage

    file = site.configuration("designate") / "designate.conf"
    sys.argv = ["designate-manage", "--config-file", str(file), "database", "sync"]
    sys.exit(manage.main())


main()
