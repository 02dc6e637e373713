"""The identity providers that people may log in with, read from one TOML file at start-up."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from portal.core.configuration import is_loopback
from portal.identity.oidc import client_authentication
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.client_authentication import POST, PRIVATE_KEY

SIGNING_ALGORITHMS: Final = ("RS256", "PS256", "ES256")
NL_GOV: Final = "nl-gov"  # NL GOV Assurance profile for OpenID Connect 1.0.1: no shared secrets
PROFILES: Final = ("generic", NL_GOV)
DEFAULT_SCOPE: Final = "openid profile email"
KEY: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")

ClaimPath = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ClaimPaths:
    """Where in the claims our facts stand: a name, or names from the outside in.

    ``organization`` holds the organisation's OIN; ``roles`` a list of ``role@node-code``.
    """

    name: ClaimPath
    email: ClaimPath
    organization: ClaimPath
    roles: ClaimPath


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One identity provider.

    Attributes:
        key: part of our addresses: ``/login/<key>/callback``.
        names: what people know it by, per language.
        descriptions: for whom it is, per language; may be empty.
        client_secret: a shared secret, or for ``private_key_jwt`` our private key in PEM.
        assurance: the level that each ``acr`` value stands for; others are not accepted.
    """

    key: str
    names: Mapping[str, str]
    descriptions: Mapping[str, str]
    issuer: str
    client_id: str
    client_secret: str
    client_authentication: str
    signing_algorithm: str
    scope: str
    minimum_assurance: Assurance
    assurance: Mapping[str, Assurance]
    claims: ClaimPaths

    def acr_values(self, level: Assurance) -> list[str]:
        """The ``acr`` values that reach ``level``, weakest first, as one would ask for them."""
        reaching = [acr for acr, reached in self.assurance.items() if reached >= level]
        return sorted(reaching, key=lambda acr: self.assurance[acr])


def read_providers(file: str, *, variable: str, allow_loopback: bool) -> dict[str, Provider]:
    """Return the providers by key, in the order of the file.

    Args:
        file: path of the TOML file; ``client_secret_file`` is relative to its folder.
        variable: the environment variable that named it, for error lines.
        allow_loopback: accept providers on this machine, which let anybody in as anyone.

    Raises:
        ImproperlyConfigured: one line that names the variable, the provider and the setting.
    """
    path = Path(file)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ImproperlyConfigured(f"{variable}: cannot read {path}: {error}") from error
    tables = document.get("providers")
    if not isinstance(tables, dict) or not tables or set(document) != {"providers"}:
        raise ImproperlyConfigured(f"{variable}: {path} must hold [providers.<key>] tables only")
    providers = {
        key: _provider(key, _Table(table, f"{variable}: [providers.{key}]"), path.parent)
        for key, table in tables.items()
    }
    for provider in providers.values():
        _check_issuer(provider, f"{variable}: [providers.{provider.key}]", allow_loopback)
    if len({provider.issuer for provider in providers.values()}) != len(providers):
        raise ImproperlyConfigured(f"{variable}: two providers have the same issuer")
    return providers


def _provider(key: str, table: _Table, folder: Path) -> Provider:
    if not KEY.fullmatch(key):
        raise ImproperlyConfigured(f"{table.where}: use lower case letters, digits and dashes")
    profile = table.choice("profile", PROFILES, default="generic")
    way = table.choice("client_authentication", client_authentication.WAYS, default=POST)
    provider = Provider(
        key=key,
        names={"nl": table.text("name_nl"), "en": table.text("name_en")},
        descriptions={
            "nl": table.text("description_nl", default=""),
            "en": table.text("description_en", default=""),
        },
        issuer=table.text("issuer"),
        client_id=table.text("client_id"),
        client_secret=_credential(table, way, folder),
        client_authentication=way,
        signing_algorithm=table.choice("signing_algorithm", SIGNING_ALGORITHMS),
        scope=table.text("scope", default=DEFAULT_SCOPE),
        minimum_assurance=table.level("minimum_assurance"),
        assurance=_assurance(table.table("assurance")),
        claims=_claim_paths(table.table("claims")),
    )
    table.refuse_what_was_not_read()
    if profile == NL_GOV and way != PRIVATE_KEY:
        raise ImproperlyConfigured(
            f"{table.where}: profile {NL_GOV} needs client_authentication = {PRIVATE_KEY!r}"
        )
    if "openid" not in provider.scope.split():
        raise ImproperlyConfigured(f"{table.where}: scope must contain openid")
    if not provider.acr_values(provider.minimum_assurance):
        raise ImproperlyConfigured(f"{table.where}: no acr value reaches minimum_assurance")
    return provider


def _credential(table: _Table, way: str, folder: Path) -> str:
    if way != PRIVATE_KEY:
        return table.secret("client_secret_file", folder)
    key = table.secret("client_key_file", folder)
    try:
        client_authentication.read_key_algorithm(key)
    except ValueError as error:
        raise ImproperlyConfigured(f"{table.where}: client_key_file: {error}") from error
    return key


def _assurance(table: _Table) -> dict[str, Assurance]:
    levels = {acr: table.level(acr) for acr in table.names()}
    if not levels:
        raise ImproperlyConfigured(f"{table.where} is empty: every login would be refused")
    return levels


def _claim_paths(table: _Table) -> ClaimPaths:
    paths = ClaimPaths(
        name=table.claim_path("name"),
        email=table.claim_path("email"),
        organization=table.claim_path("organization"),
        roles=table.claim_path("roles"),
    )
    table.refuse_what_was_not_read()
    return paths


def _check_issuer(provider: Provider, where: str, allow_loopback: bool) -> None:
    issuer = urlsplit(provider.issuer)
    host = issuer.hostname or ""
    if issuer.scheme not in {"https", "http"} or not host or issuer.query or issuer.fragment:
        raise ImproperlyConfigured(f"{where}: issuer must read https://host/path")
    if issuer.scheme == "http" and not is_loopback(host):
        raise ImproperlyConfigured(f"{where}: issuer must use https")
    if is_loopback(host) and not allow_loopback:
        raise ImproperlyConfigured(f"{where}: a provider on this machine is for demonstration only")


class _Table:
    """One TOML table whose values are checked as they are taken out."""

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, dict):
            raise ImproperlyConfigured(f"{where} is not a table")
        self._left: dict[str, Any] = dict(values)
        self.where = where

    def names(self) -> list[str]:
        return list(self._left)

    def text(self, name: str, *, default: str | None = None) -> str:
        value = self._left.pop(name, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise ImproperlyConfigured(f"{self.where}: {name} is missing or not text")
        return value

    def choice(self, name: str, options: tuple[str, ...], *, default: str | None = None) -> str:
        value = self.text(name, default=default)
        if value not in options:
            raise ImproperlyConfigured(f"{self.where}: {name} is not one of {', '.join(options)}")
        return value

    def level(self, name: str) -> Assurance:
        try:
            return Assurance.named(self.text(name))
        except ValueError as error:
            raise ImproperlyConfigured(f"{self.where}: {name}: {error}") from error

    def secret(self, name: str, folder: Path) -> str:
        path = folder / self.text(name)
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImproperlyConfigured(f"{self.where}: {name}: cannot read {path}") from error
        if not secret:
            raise ImproperlyConfigured(f"{self.where}: {name}: {path} is empty")
        return secret

    def table(self, name: str) -> _Table:
        return _Table(self._left.pop(name, None), f"{self.where[:-1]}.{name}]")

    def claim_path(self, name: str) -> ClaimPath:
        value = self._left.pop(name, None)
        path = [value] if isinstance(value, str) else value
        if not isinstance(path, list) or not path or not all(isinstance(p, str) for p in path):
            raise ImproperlyConfigured(f"{self.where}: {name} is not a claim or a list of claims")
        return tuple(path)

    def refuse_what_was_not_read(self) -> None:
        if self._left:
            raise ImproperlyConfigured(f"{self.where}: unknown setting {', '.join(self._left)}")
