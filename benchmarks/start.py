"""How long ``./run`` takes from nothing and again, and what everything together weighs.

    python3 benchmarks/start.py [--port N]

Needs the installed environments (any ``./run`` before makes them); uses a home of its own and
removes it. Times are seconds since ``./run`` was called. Memory is PSS: what several processes
share counts once. Targets: portal 20 s, cloud 120 s, cloud again 35 s, 2500 MB.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).resolve().parents[1]
MILESTONES: Final = ("portal ready", "cloud ready", "extras ready")
TARGETS: Final = {
    ("first", "portal ready"): 20.0,
    ("first", "cloud ready"): 120.0,
    ("second", "cloud ready"): 35.0,
}
MEMORY_TARGET_MB: Final = 2500


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=8790)
    port: int = parser.parse_args().port
    with tempfile.TemporaryDirectory(prefix="cl-") as home:
        outcomes = [measure(label, Path(home), port) for label in ("first", "second")]
    return 0 if all(outcomes) else 1


def measure(label: str, home: Path, port: int) -> bool:
    """Start everything once, print its times and its memory; True when all targets are met."""
    began = time.monotonic()
    command = [sys.executable, str(CHECKOUT / "run"), "--home", str(home), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        try:
            times = read_milestones(supervisor, began)
            memory_mb = sum(pss_kib(pid) for pid in family(supervisor.pid)) / 1024
        finally:
            supervisor.send_signal(signal.SIGINT)
            supervisor.communicate(timeout=120)
    met = [report(label, name, times[name]) for name in MILESTONES]
    met.append(memory_mb <= MEMORY_TARGET_MB)
    print(f"{label:6} memory        {memory_mb:7.0f} MB  (target {MEMORY_TARGET_MB} MB)")
    return all(met)


def read_milestones(supervisor: subprocess.Popen[str], began: float) -> dict[str, float]:
    """Seconds from ``began`` to each milestone, as the supervisor prints them."""
    times: dict[str, float] = {}
    assert supervisor.stdout is not None  # noqa: S101  (asked for with PIPE)
    for line in supervisor.stdout:
        for name in MILESTONES:
            if line.startswith(name):
                times[name] = time.monotonic() - began
        if len(times) == len(MILESTONES):
            return times
    raise SystemExit(f"./run ended before it was ready; it printed {sorted(times)} only")


def report(label: str, name: str, seconds: float) -> bool:
    """Print one time with its target, if it has one; True when it is met."""
    target = TARGETS.get((label, name))
    print(
        f"{label:6} {name:13} {seconds:7.1f} s" + (f"   (target {target:.0f} s)" if target else "")
    )
    return target is None or seconds <= target


def family(pid: int) -> list[int]:
    """The process and everything below it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # ended while we looked
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def pss_kib(pid: int) -> int:
    """What the process weighs, its share of shared memory included; 0 when it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    match = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(match[1]) if match else 0


if __name__ == "__main__":
    sys.exit(main())
