"""Node and npm for the tests: the system's, or from a wheel."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.environments import NODE
from local.errors import StartRefused

_OLDEST: Final = 20  # major version that the packages of the tests accept
_SECONDS: Final = 300


@dataclass(frozen=True)
class Node:
    """Where ``node`` and ``npm`` are.

    Args:
        folder: to be put in front of PATH.
    """

    folder: Path

    @classmethod
    def find(cls) -> Node:
        """Return the system's when it is new enough, else install one.

        Raises:
            StartRefused: it cannot be installed.
        """
        node, npm = shutil.which("node"), shutil.which("npm")
        if node and npm and _major_version(node) >= _OLDEST:
            return cls(Path(node).parent)
        NODE.ensure()
        return cls(NODE.python.parent)

    def install_packages(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Run ``npm ci`` in ``folder``, unless that was done for the same lock file.

        Raises:
            StartRefused: npm cannot get them.
        """
        digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
        marker = folder / "node_modules" / ".installed-lock-sha256"
        if marker.exists() and marker.read_text() == digest:
            return
        print(f"installing the Node packages of {folder.name}", flush=True)
        result = subprocess.run(
            [self.folder / "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if result.returncode:
            last = (result.stderr.strip().splitlines() or ["no message"])[-1]
            raise StartRefused(f"npm ci failed in {folder.name}: {last}")
        marker.write_text(digest)


def _major_version(node: str) -> int:
    result = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    return int(result.stdout.removeprefix("v").split(".")[0])
