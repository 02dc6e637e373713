"""Running a program that refuses to run as root, also where we are root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from local.errors import StartRefused

_NOBODY: Final = 65534
_OWN_NAMESPACE: Final = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
_AS_NOBODY: Final = (
    "setpriv",
    f"--reuid={_NOBODY}",
    f"--regid={_NOBODY}",
    "--clear-groups",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",  # so that it may pass through folders that only root may
    "--",
)


@dataclass(frozen=True)
class Unprivileged:
    """How to drop root: what stands before a command, and who then owns its files.

    Both programs replace themselves by the command, so the process keeps its pid.
    """

    prefix: tuple[str, ...]
    owner: int | None

    def command(self, *arguments: str) -> Sequence[str]:
        return (*self.prefix, *arguments)


@cache
def unprivileged() -> Unprivileged:
    """Return the way that works here.

    A user namespace leaves the files root's own; containers often forbid it, and there the
    program becomes *nobody*.

    Raises:
        StartRefused: neither works.
    """
    if os.geteuid() != 0:
        return Unprivileged((), None)
    for prefix, owner in ((_OWN_NAMESPACE, None), (_AS_NOBODY, _NOBODY)):
        program = shutil.which(prefix[0])
        if program and _works((program, *prefix[1:])):
            return Unprivileged((program, *prefix[1:]), owner)
    raise StartRefused(
        "PostgreSQL does not run as root, and neither unshare nor setpriv works here; "
        "start as an ordinary user"
    )


def _works(prefix: Sequence[str]) -> bool:
    result = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return result.returncode == 0
