"""A Chromium for the tests: the system's, or one from a Node package, in a folder of our own."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from local.environments import CHECKOUT
from local.errors import StartRefused
from local.node import Node

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PACKAGE: Final = CHECKOUT / "local" / "chromium"
_UNPACKED: Final = CHECKOUT / ".browser"
# The package unpacks into TMPDIR, and its libraries only where it believes to be on AWS Lambda.
_UNPACK: Final = "import('@sparticuz/chromium').then((m) => m.default.executablePath())"
_LAMBDA: Final = {"AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x"}
_WITH_LIBRARIES: Final = """\
#!/bin/sh
LD_LIBRARY_PATH="{folder}/al2023/lib" exec "{folder}/chromium" "$@"
"""


def find_browser(node: Node) -> Path:
    """Return the path of a Chromium that starts.

    Raises:
        StartRefused: there is none and the package cannot be had.
    """
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    program = _unpacked_browser(node)
    return program if ctypes.util.find_library("nss3") else _with_libraries()


def _unpacked_browser(node: Node) -> Path:
    program = _UNPACKED / "chromium"
    if program.exists():
        return program
    path = f"{node.folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    environment = {**os.environ, "PATH": path}
    node.install_packages(_PACKAGE, environment)
    _UNPACKED.mkdir(exist_ok=True)
    result = subprocess.run(
        [node.folder / "node", "--eval", _UNPACK],
        cwd=_PACKAGE,
        env={**environment, **_LAMBDA, "TMPDIR": str(_UNPACKED)},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode or not program.exists():
        raise StartRefused(f"cannot unpack Chromium; install one: {result.stderr[-300:]}")
    return program


def _with_libraries() -> Path:
    wrapper = _UNPACKED / "chromium-with-libraries"
    wrapper.write_text(_WITH_LIBRARIES.format(folder=_UNPACKED))
    wrapper.chmod(0o755)
    return wrapper
