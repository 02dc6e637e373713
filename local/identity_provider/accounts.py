"""The people who can be picked on the login page."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local.identity_provider.configuration import ConfigurationError

_TEXTS: Final = ("sub", "name", "organization", "acr", "job", "duty")
_MAY_LACK: Final = ("email", "organization_oin")


@dataclass(frozen=True, kw_only=True)
class Account:
    """One person.

    Attributes:
        key: what the login page sends as ``account``.
        sub: the stable, meaningless id in every token.
        name: for the login page, and for clients of a kind that tells it.
        organization: whom the person works for, for the login page only.
        acr: level of assurance of a login with this account, unless another is picked.
        job, duty: Dutch words for the login page.
        organization_oin: 20-digit number of the organisation.
        roles: ``role@node-code``, the node being an organisation or a part of it; of an approver
            with what they may approve, as ``approver:5000@node-code``.
        claims: what a client is told, by kinds that have claims of their own.
    """

    key: str
    sub: str
    name: str
    organization: str
    acr: str
    job: str
    duty: str
    email: str = ""
    organization_oin: str = ""
    roles: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)


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
    values = dict(table) if isinstance(table, dict) else {}
    if not set(_TEXTS) <= set(values) <= {*_TEXTS, *_MAY_LACK, "roles", "claims"}:
        raise ConfigurationError(f"{where}: [{key}] needs exactly {', '.join(_TEXTS)}")
    roles, claims = values.pop("roles", []), values.pop("claims", {})
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise ConfigurationError(f"{where}: [{key}] roles is not a list of texts")
    if not isinstance(claims, dict):
        raise ConfigurationError(f"{where}: [{key}] claims is not a table")
    if not all(isinstance(value, str) for value in values.values()):
        raise ConfigurationError(f"{where}: [{key}] holds something that is not text")
    return Account(key=key, roles=tuple(roles), claims=claims, **values)
