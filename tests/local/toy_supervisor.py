"""A supervisor of toys: ``python -m tests.local.toy_supervisor HOME UNITS`` (JSON)."""

import json
import sys
from pathlib import Path

from local.errors import StartRefused
from local.home import only_one, prepare_home
from local.progress import Progress
from local.service import Job, Service
from local.supervisor import Supervisor, stop_leftovers


def make_unit(home, *, kind, name, **options):
    """Return the unit; a service is ready when the file ``ready/NAME`` is there."""
    if kind == "job":
        return Job(name=name, **options)
    return Service(name=name, is_ready=(home / "ready" / name).exists, **options)


def main(home, units):
    prepare_home(home)
    (home / "ready").mkdir(exist_ok=True)
    with only_one(home):
        progress = Progress(home / "run" / "status.json", {"portal": "portal ready"})
        stop_leftovers(home, progress)
        Supervisor(home, home, [make_unit(home, **unit) for unit in units], progress).run()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), json.loads(sys.argv[2]))
    except StartRefused as refusal:
        sys.exit(f"refused: {refusal}")
