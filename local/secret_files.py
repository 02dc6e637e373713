"""Secrets of the local stack: made once, one file each, readable by their owner only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def _random_text() -> str:
    return secrets.token_urlsafe(32)


def read_or_create(path: Path, make: Callable[[], str] = _random_text) -> str:
    """Return the secret in ``path``; the first caller makes it.

    Args:
        path: the secret's file; its folder is made as well, closed to others.
        make: returns the secret of a file that is not there yet.

    Raises:
        OSError: the file cannot be read or written.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.write_text(make() + "\n")
        unfinished.chmod(0o600)
        try:
            os.link(unfinished, path)  # whoever comes first wins, and nobody reads half a secret
        except FileExistsError:
            pass
        finally:
            unfinished.unlink()
    return path.read_text().strip()
