"""The two virtual environments of a checkout, installed from hashed requirements.

``python -m local.environments NAME`` makes one of them; two that are asked for at the same time,
by whatever process, do not disturb each other.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.errors import StartRefused
from local.pip_wheel import fetch_pip

CHECKOUT: Final = Path(__file__).resolve().parents[1]
_MARKER: Final = "installed.json"
_INSTALL: Final = (
    *("install", "--quiet", "--disable-pip-version-check"),
    *("--require-hashes", "--no-deps"),  # the files name everything; nothing is left to work out
)
_LAST_LINES: Final = 12


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the requirement files that fill it."""

    folder: Path
    requirements: tuple[Path, ...]

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def is_ready(self) -> bool:
        """True when it was made by this Python, here, from these very files."""
        return self._installed().items() >= self._wanted().items() and self.python.exists()

    def ensure(self) -> None:
        """Make it, or bring it up to date; nothing happens when it is ready.

        Raises:
            StartRefused: something cannot be downloaded or does not have the right checksum.
        """
        if self.is_ready:
            return
        with _alone(self.folder):
            if not self.is_ready:
                print(f"installing {self.folder.name} (once; it takes a minute)", flush=True)
                self._make()

    def _make(self) -> None:
        wanted, installed = self._wanted(), self._installed()
        if not self.python.exists() or installed.get("python", sys.version) != sys.version:
            self._create()
            installed = {}
        files = [f"--requirement={path}" for path in self.requirements]
        _run([str(self.python), "-m", "pip", *_INSTALL, *files], f"install {self.folder.name}")
        unfinished = self.folder / f"{_MARKER}.new"
        unfinished.write_text(json.dumps(installed | wanted, indent=1))
        unfinished.replace(self.folder / _MARKER)

    def _create(self) -> None:
        has_ensurepip = importlib.util.find_spec("ensurepip") is not None
        if self.folder.exists():
            shutil.rmtree(self.folder)
        venv.EnvBuilder(with_pip=has_ensurepip, symlinks=True).create(self.folder)
        if not has_ensurepip:
            with tempfile.TemporaryDirectory() as folder:
                wheel = str(fetch_pip(Path(folder)))
                pip = [str(self.python), f"{wheel}/pip", "install", "--quiet", "--no-index", wheel]
                _run(pip, "install pip")

    def _wanted(self) -> dict[str, str]:
        digests = {
            str(path.relative_to(CHECKOUT)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.requirements
        }
        return {"python": sys.version, "folder": str(self.folder), **digests}

    def _installed(self) -> dict[str, str]:
        try:
            content: dict[str, str] = json.loads((self.folder / _MARKER).read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return content


PORTAL: Final = Environment(
    CHECKOUT / ".venv", (CHECKOUT / "requirements.txt", CHECKOUT / "local/requirements.txt")
)
OPENSTACK: Final = Environment(
    CHECKOUT / ".venv-openstack", (CHECKOUT / "local/openstack/requirements.txt",)
)
DEVELOPMENT: Final = Environment(
    CHECKOUT / ".venv", (*PORTAL.requirements, CHECKOUT / "requirements-dev.txt")
)
NODE: Final = Environment(CHECKOUT / ".venv-node", (CHECKOUT / "local/node-requirements.txt",))
_BY_NAME: Final = {"portal": PORTAL, "openstack": OPENSTACK, "development": DEVELOPMENT}


@contextmanager
def background(name: str | None) -> Iterator[None]:
    """Make the environment ``name``, if any, in a process beside us, as far as it gets meanwhile.

    Who needs it asks for it again: that waits for the lock, finds it ready, or says what is wrong.
    """
    if name is None or _BY_NAME[name].is_ready:
        yield
        return
    process = subprocess.Popen(
        [sys.executable, "-m", "local.environments", name],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        descriptor = os.open(folder.with_name(f"{folder.name}.lock"), os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise StartRefused(f"cannot write in {folder.parent}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _run(command: list[str], what: str) -> None:
    result = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if result.returncode:
        print("\n".join(result.stdout.splitlines()[-_LAST_LINES:]), file=sys.stderr)
        raise StartRefused(f"cannot {what}: pip ended with code {result.returncode}")


if __name__ == "__main__":
    try:
        _BY_NAME[sys.argv[1]].ensure()
    except StartRefused as refusal:
        sys.exit(f"cloudloket: {refusal}")
