"""The people who can be picked on the login page."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from local.identity_provider.configuration import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Account:
    """One person.

    Attributes:
        key: what the login page sends as ``account``.
        sub: the stable, meaningless id in every token.
        organization_oin: 20-digit number of the organisation the person works for.
        organization: its name, for the login page only.
        roles: ``role@node-code``, the node being an organisation or a part of it.
        acr: level of assurance of a login with this account (an eIDAS address).
        job, duty: Dutch words for the login page.
    """

    key: str
    sub: str
    name: str
    email: str
    organization_oin: str
    organization: str
    roles: tuple[str, ...]
    acr: str
    job: str
    duty: str


def read_accounts(path: Path) -> Mapping[str, Account]:
    """Return the accounts by key, in the order of the file.

    Raises:
        ConfigurationError: the file is missing or an account misses something.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    accounts = {key: _account(key, table, path.name) for key, table in tables.items()}
    if len({account.sub for account in accounts.values()}) != len(accounts):
        raise ConfigurationError(f"{path.name}: two accounts have the same sub")
    return accounts


def _account(key: str, table: object, where: str) -> Account:
    wanted = {field.name for field in fields(Account)} - {"key"}
    if not isinstance(table, dict) or set(table) != wanted:
        raise ConfigurationError(f"{where}: [{key}] needs exactly {', '.join(sorted(wanted))}")
    roles = table.pop("roles")
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise ConfigurationError(f"{where}: [{key}] roles is not a list of texts")
    if not all(isinstance(value, str) for value in table.values()):
        raise ConfigurationError(f"{where}: [{key}] holds something that is not text")
    return Account(key=key, roles=tuple(roles), **table)
