"""The supervisor's promises, kept with real processes."""

import json
import os
import signal
import subprocess

import pytest

from local.processes import PidFile, Process
from tests.local.toys import SECONDS, ToyRun, job, service


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def start(home):
    """Starts supervisors on one home; they are stopped afterwards."""
    runs = []

    def start_toys(*units):
        runs.append(ToyRun(home, units))
        return runs[-1]

    yield start_toys
    for run in runs:
        run.stop()


def test_units_start_when_what_they_need_is_ready_and_stop_in_reverse(start, home):
    run = start(
        service("web", after=["tables"]),
        job("tables", "echo made >tables", after=["database"]),
        service("database"),
    )

    run.wait_for("portal ready")
    run.stop()

    started = [line.split()[1] for line in run.lines if line.startswith(("ready", "done"))]
    assert started == ["database", "tables", "web"]
    assert (home / "stopped").read_text().split() == ["web", "database"]
    assert list((home / "run").glob("*.pid")) == []


def test_a_job_that_was_done_is_not_done_again(start, home):
    counts = job("count", "echo x >>count", done_marker="count")
    for _ in range(2):
        run = start(counts)
        run.wait_for("portal ready")
        run.stop()

    assert (home / "count").read_text() == "x\n"


def test_a_service_that_dies_is_started_again_ever_later(start):
    run = start(service("web"))
    for wait in ("0.5 s", "1 s"):
        run.wait_for("ready   web")
        os.kill(run.pid("web"), signal.SIGKILL)
        run.wait_for("web: killed by SIGKILL")
        run.wait_for(f"web is started again in {wait}")

    run.wait_for("ready   web")


def test_what_a_dead_service_leaves_in_its_group_is_killed(start, home):
    run = start(service("web", first="sleep 1000 & echo $! >child"))
    run.wait_for("portal ready")
    child = Process.find(int((home / "child").read_text()))

    os.kill(run.pid("web"), signal.SIGKILL)
    run.wait_for("web: killed by SIGKILL")

    assert child.has_ended_within(SECONDS)


def test_other_groups_wait_until_the_portal_is_ready(start):
    run = start(service("web"), service("nova", group="cloud"))

    run.wait_for("ready   nova")

    assert run.lines.index("portal ready") < len(run.lines) - 1


def test_a_job_of_the_portal_that_fails_stops_everything_and_shows_why(start, home):
    run = start(service("database"), job("tables", "echo no room; exit 7", after=["database"]))

    assert run.wait() == 1
    assert "| no room" in run.lines
    assert any(line.startswith("refused: tables ended with code 7") for line in run.lines)
    assert (home / "stopped").read_text() == "database\n"


def test_a_job_of_the_cloud_that_fails_leaves_the_portal_running(start, home):
    run = start(service("web"), job("nova-tables", "exit 7", group="cloud"))
    run.wait_for("nova-tables: ended with code 7")

    run.stop()

    assert "portal ready" in run.lines


def test_status_says_how_far_each_group_is(start, home):
    run = start(service("web"), job("never", "sleep 1000", group="cloud", title="Nova database"))
    run.wait_for("portal ready")
    while (status := json.loads((home / "run/status.json").read_text()))["cloud"]["now"] == "":
        assert run.process.poll() is None

    assert status["cloud"] == {
        "ready": False,
        "failed": False,
        "done": 0,
        "total": 1,
        "now": "Nova database",
    }
    assert status["services"] == {"web": "ready"}


def test_after_a_killed_supervisor_the_next_start_cleans_up(start):
    first = start(service("database"), service("web", after=["database"]))
    first.wait_for("portal ready")
    left = [Process.find(first.pid(name)) for name in ("web", "database")]
    first.process.kill()

    second = start(service("database"), service("web", after=["database"]))

    second.wait_for("stopped what an earlier start left running: web, database")
    assert not any(process.is_alive for process in left)
    second.wait_for("portal ready")
    first.process.wait(SECONDS)


def test_a_pid_that_somebody_else_got_is_left_alone(start, home):
    with subprocess.Popen(["/bin/sleep", "1000"]) as innocent:
        (home / "run").mkdir(parents=True)
        found = Process.find(innocent.pid)
        earlier = Process(found.pid, found.started - 1)
        PidFile.write(home / "run" / "web.pid", earlier, stop_signal="SIGKILL", within=1)

        run = start(service("web"))
        run.wait_for("portal ready")

        assert innocent.poll() is None
        assert "left running" not in run.lines[0]
        innocent.kill()


def test_a_second_supervisor_leaves_the_first_alone(start):
    first = start(service("web"))
    first.wait_for("portal ready")
    web = first.pid("web")

    second = start(service("web"))

    assert second.wait() == 1
    assert second.lines[0].startswith("refused: already running in")
    assert f"kill {first.process.pid}" in second.lines[0]
    assert Process.find(web) is not None


def test_a_full_disk_at_the_start_stops_everything_with_one_clear_line(start, home):
    (home / "run").mkdir(parents=True)
    (home / "run" / "tables.new").symlink_to("/dev/full")  # every write there gets ENOSPC

    run = start(service("database"), job("tables", "sleep 1000", after=["database"]))

    assert run.wait() == 1
    assert "tables: cannot start: [Errno 28] No space left on device" in run.lines
    assert (home / "stopped").read_text() == "database\n"


def test_a_disk_that_is_full_later_is_reported_once_and_stops_nothing(start, home):
    (home / "run").mkdir(parents=True)
    (home / "run" / "status.new").symlink_to("/dev/full")

    run = start(service("web"))
    run.wait_for("is full; make room on it")
    run.wait_for("ready   web")

    assert run.process.poll() is None
