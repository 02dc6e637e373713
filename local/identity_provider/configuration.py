"""What the operator of the provider may choose, read from one TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

SIGNING_ALGORITHMS: Final = ("RS256", "PS256", "ES256")
KINDS: Final = ("generic", "sso-rijk", "eherkenning", "digid")  # described in kinds.py
SHORTEST_SECRET: Final = 32  # characters; OpenID Connect Core 16.19 wants real entropy


class ConfigurationError(Exception):
    """The configuration cannot be used; the text is one line that names the wrong setting."""


@dataclass(frozen=True, kw_only=True)
class Client:
    """A relying party, such as the portal.

    Attributes:
        signing_algorithm: signs its ID tokens, logout tokens and, if asked, userinfo.
        userinfo_signed: userinfo is answered as a signed JWT instead of JSON.
        backchannel_logout_uri: told when a session ends; empty when the client has none.
    """

    id: str
    secret: str
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    backchannel_logout_uri: str
    signing_algorithm: str
    userinfo_signed: bool


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Everything the provider needs to start.

    Attributes:
        issuer: address in every token; without a trailing slash. Its path, if it has one, comes
            before that of every page: one process serves several issuers on one port.
        kind: which kind of login it plays.
        home: folder that keeps the signing keys between starts.
        accounts_file: other people than the kind's own; None for those.
    """

    port: int
    issuer: str
    kind: str
    home: Path
    accounts_file: Path | None
    clients: Mapping[str, Client]

    @property
    def path(self) -> str:
        """Path of the issuer, without a slash at the end; empty for one at the root."""
        return urlsplit(self.issuer).path


def read_configuration(path: Path) -> Configuration:
    """Read and check the file.

    Raises:
        ConfigurationError: a setting is missing, unknown or wrong.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    table = _Table(document, where=path.name)
    accounts = table.text("accounts_file", default="")
    configuration = Configuration(
        port=table.port("port"),
        issuer=table.address("issuer").rstrip("/"),
        kind=table.choice("kind", KINDS, default="generic"),
        home=path.parent / table.text("home", default="."),
        accounts_file=path.parent / accounts if accounts else None,
        clients={client.id: client for client in map(_client, table.tables("clients"))},
    )
    table.refuse_what_was_not_read()
    if not configuration.clients:
        raise ConfigurationError(f"{path.name}: at least one [[clients]] table is needed")
    return configuration


def _client(table: _Table) -> Client:
    client = Client(
        id=table.text("id"),
        secret=_secret(table),
        redirect_uris=table.addresses("redirect_uris"),
        post_logout_redirect_uris=table.addresses("post_logout_redirect_uris"),
        backchannel_logout_uri=table.address("backchannel_logout_uri", default=""),
        signing_algorithm=table.choice("signing_algorithm", SIGNING_ALGORITHMS, default="RS256"),
        userinfo_signed=table.flag("userinfo_signed"),
    )
    table.refuse_what_was_not_read()
    return client


def _secret(table: _Table) -> str:
    """The client's secret, written in the file itself or in one of its own (``secret_file``)."""
    file = table.text("secret_file", default="")
    if file:
        try:
            secret = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{table.where}: secret_file: {error}") from error
    else:
        secret = table.text("secret")
    if len(secret) < SHORTEST_SECRET:
        raise ConfigurationError(f"{table.where}: secret is shorter than {SHORTEST_SECRET}")
    return secret


class _Table:
    """One TOML table whose values are checked as they are taken out."""

    def __init__(self, values: Mapping[str, Any], *, where: str) -> None:
        self._left = dict(values)
        self.where = where

    def _take(self, name: str, kind: type, default: Any) -> Any:
        value = self._left.pop(name, default)
        if value is None:
            raise ConfigurationError(f"{self.where}: {name} is missing")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ConfigurationError(f"{self.where}: {name} is not of type {kind.__name__}")
        return value

    def text(self, name: str, *, default: str | None = None) -> str:
        return str(self._take(name, str, default))

    def flag(self, name: str) -> bool:
        return bool(self._take(name, bool, False))

    def port(self, name: str) -> int:
        number = int(self._take(name, int, None))
        if not 0 < number < 65536:
            raise ConfigurationError(f"{self.where}: {name} is not a port number")
        return number

    def choice(self, name: str, options: tuple[str, ...], *, default: str) -> str:
        value = self.text(name, default=default)
        if value not in options:
            raise ConfigurationError(f"{self.where}: {name} is not one of {', '.join(options)}")
        return value

    def address(self, name: str, *, default: str | None = None) -> str:
        value = self.text(name, default=default)
        return _checked_address(value, f"{self.where}: {name}") if value else value

    def addresses(self, name: str) -> tuple[str, ...]:
        values = self._take(name, list, [])
        return tuple(_checked_address(value, f"{self.where}: {name}") for value in values)

    def tables(self, name: str) -> list[_Table]:
        values = self._take(name, list, [])
        if not all(isinstance(value, dict) for value in values):
            raise ConfigurationError(f"{self.where}: {name} is not a list of tables")
        return [
            _Table(value, where=f"{self.where}: {name}[{position}]")
            for position, value in enumerate(values)
        ]

    def refuse_what_was_not_read(self) -> None:
        if self._left:
            raise ConfigurationError(f"{self.where}: unknown setting {', '.join(self._left)}")


def _checked_address(value: object, where: str) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{where} is not an http(s) address")
    if parts.fragment:
        raise ConfigurationError(f"{where} has a fragment")
    return str(value)
