"""Ports on the loopback: chosen once per home, remembered, and never taken from somebody else."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from local.errors import StartRefused
from local.layout import LOOPBACK, PORT_NAMES

DEFAULT_PORTAL_PORT: Final = 8000
_CHOICE: Final = range(20000, 32000)  # below 32768, where Linux picks ports for outgoing calls


def remembered_ports(
    file: Path, portal_port: int | None, beside: Iterable[Path] = ()
) -> dict[str, int]:
    """Return the port of every name; free ones are chosen for names that have none yet.

    They stay the same for the life of the home: OpenStack's catalogue and the addresses of
    logins hold them.

    Args:
        portal_port: the portal's; None means the one of last time, at first 8000.
        beside: such files of other homes, which may be about to use what they remember.

    Raises:
        StartRefused: the file is damaged.
        OSError: the file cannot be written.
    """
    before = _read(file)
    ports = dict(before)
    ports["portal"] = portal_port or ports.get("portal", DEFAULT_PORTAL_PORT)
    of_others = [port for other in beside for port in _read_if_whole(other).values()]
    for name in PORT_NAMES:
        if name not in ports:
            ports[name] = choose_port(taken=(*ports.values(), *of_others))
    if ports != before:
        unfinished = file.with_suffix(".new")
        unfinished.write_text(json.dumps(ports, indent=2) + "\n")
        unfinished.replace(file)
    return ports


def refuse_occupied_ports(ports: Mapping[str, int], home: Path) -> None:
    """Check that nobody listens on any of them.

    Raises:
        StartRefused: another program has one.
    """
    for name, port in ports.items():
        if _is_free(port):
            continue
        advice = (
            "choose another with --port N"
            if name == "portal"
            else f"stop that program, or start afresh in another home than {home}"
        )
        raise StartRefused(f"port {port} ({name}) is in use by another program; {advice}")


def _read(file: Path) -> dict[str, int]:
    if not file.exists():
        return {}
    try:
        return {str(name): int(port) for name, port in json.loads(file.read_text()).items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise StartRefused(f"{file} is damaged ({error}); mend or remove it") from error


def _read_if_whole(file: Path) -> dict[str, int]:
    try:
        return _read(file)
    except (StartRefused, OSError):  # that is for who starts that home to say
        return {}


def choose_port(taken: Iterable[int]) -> int:
    """Return a free port that is not in ``taken``.

    Raises:
        StartRefused: there is none.
    """
    used = set(taken)
    for port in random.sample(_CHOICE, len(_CHOICE)):
        if port not in used and _is_free(port):
            return port
    raise StartRefused(f"no free port between {_CHOICE.start} and {_CHOICE.stop}")


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except PermissionError as error:
            raise StartRefused(f"port {port} needs root; choose one above 1023") from error
        except OSError:
            return False
    return True
