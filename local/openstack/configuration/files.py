"""Writing configuration files so that no reader ever sees half of one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

Sections = Mapping[str, Mapping[str, object]]


def write_text(path: Path, text: str) -> None:
    """Put ``text`` in ``path``, readable by the owner only; replaces what was there at once.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.touch(mode=0o600)
    unfinished.write_text(text)
    unfinished.replace(path)


def write_ini(path: Path, sections: Sections) -> None:
    """Write an oslo.config file: ``True`` becomes ``true``, ``$`` loses its special meaning."""
    lines: list[str] = []
    for name, options in sections.items():
        lines.append(f"[{name}]")
        lines.extend(f"{option} = {_text(value)}" for option, value in options.items())
        lines.append("")
    write_text(path, "\n".join(lines))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value).replace("$", "$$")
