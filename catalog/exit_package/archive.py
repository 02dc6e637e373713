"""The zip file of an exit package: the same files at the same time are the same bytes.

``SHA256SUMS`` is its last file, as ``sha256sum --check`` reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from tempfile import TemporaryFile
from typing import IO, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

SUMS: Final = "SHA256SUMS"
_UNIX: Final = 3
_FILE: Final = 0o100644 << 16
_SCRIPT: Final = 0o100755 << 16
_PIECE: Final = 1 << 16


@dataclass(frozen=True)
class Member:
    """One file: its path in the package, and its text in pieces."""

    path: str
    pieces: Iterable[str]


@dataclass(frozen=True)
class Written:
    """A package on disk.

    Attributes:
        file: opened at its beginning; whoever gets it closes it, and then it is gone.
        sha256: of the whole, 64 hexadecimal digits.
        size: in bytes.
        paths: what is in it, in order.
    """

    file: IO[bytes]
    sha256: str
    size: int
    paths: tuple[str, ...]


def write_archive(members: Iterable[Member], *, made_at: datetime) -> Written:
    """Write the files in the order given, each as it is made, so that none is held in memory.

    Raises:
        ValueError: two of them have one path, or a path leads outside the package.
    """
    with ExitStack() as closed_on_error:
        file = closed_on_error.enter_context(TemporaryFile())
        paths = _write(file, members, made_at.astimezone(UTC))
        digest, size = _read_through(file)
        closed_on_error.pop_all()
    return Written(file=file, sha256=digest, size=size, paths=paths)


def _write(file: IO[bytes], members: Iterable[Member], made_at: datetime) -> tuple[str, ...]:
    sums: dict[str, str] = {}
    with ZipFile(file, "w", compression=ZIP_DEFLATED) as archive:
        for member in members:
            _check_path(member.path, sums)
            sums[member.path] = _add(archive, member, made_at)
        lines = [f"{digest}  {path}\n" for path, digest in sorted(sums.items())]
        _add(archive, Member(SUMS, lines), made_at)
    return (*sums, SUMS)


def _check_path(path: str, sums: dict[str, str]) -> None:
    parts = path.split("/")
    if path in sums or path == SUMS:
        raise ValueError(f"two files are called {path!r}")
    if "\\" in path or not all(parts) or {".", ".."} & set(parts):
        raise ValueError(f"{path!r} does not stand in the package")


def _add(archive: ZipFile, member: Member, at: datetime) -> str:
    """Write one file; returns its SHA-256."""
    moment = (at.year, at.month, at.day, at.hour, at.minute, at.second)
    info = ZipInfo(member.path, date_time=moment)
    info.compress_type, info.create_system = ZIP_DEFLATED, _UNIX
    info.external_attr = _SCRIPT if member.path.endswith(".sh") else _FILE
    digest = sha256()
    with archive.open(info, "w") as target:
        for piece in member.pieces:
            data = piece.encode()
            digest.update(data)
            target.write(data)
    return digest.hexdigest()


def _read_through(file: IO[bytes]) -> tuple[str, int]:
    file.seek(0)
    digest, size = sha256(), 0
    while data := file.read(_PIECE):
        digest.update(data)
        size += len(data)
    file.seek(0)
    return digest.hexdigest(), size
