"""Makes a PostgreSQL cluster: ``python -m local.postgres_files INITDB FOLDER PASSWORD_FILE``.

The folder appears under its name only when it is complete, so a start that was broken off does
no harm.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from local.postgres import SUPERUSER
from local.unprivileged import unprivileged


def make_cluster(initdb: str, folder: Path, password_file: Path) -> None:
    """Make the cluster, unless it is there.

    Raises:
        subprocess.CalledProcessError: initdb failed, as on a full disk; it has said why.
    """
    if folder.exists():
        return
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700, parents=True)
    way = unprivileged()
    if way.owner is not None:
        os.chown(unfinished, way.owner, way.owner)
    command = way.command(
        initdb,
        f"--pgdata={unfinished}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--no-instructions",
    )
    subprocess.run(command, check=True)
    unfinished.rename(folder)


if __name__ == "__main__":
    try:
        make_cluster(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    except subprocess.CalledProcessError as failure:
        sys.exit(f"initdb ended with code {failure.returncode}")
