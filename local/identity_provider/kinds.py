"""The kinds of login there are in the Netherlands: their people, their levels, their claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from local.identity_provider.accounts import Account

_HERE: Final = Path(__file__).parent
_EIDAS: Final = "http://eidas.europa.eu/LoA/"
_EHERKENNING: Final = "urn:etoegang:core:assurance-class:"
_DIGID: Final = "urn:oasis:names:tc:SAML:2.0:ac:classes:"

Claims = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What one kind of login is like.

    Attributes:
        title: Dutch, above the page.
        accounts_file: who can be picked.
        levels: each ``acr`` value with its Dutch name, weakest first.
        claims: what the person's account gives beside ``sub``, given the scopes that were asked.
    """

    title: str
    accounts_file: Path
    levels: Mapping[str, str]
    claims: Callable[[Account, frozenset[str]], Claims]


def _generic(account: Account, scope: frozenset[str]) -> Claims:
    claims: Claims = {
        "organization_oin": account.organization_oin,
        "cloudloket_roles": list(account.roles),
    }
    if "profile" in scope:
        claims["name"] = account.name
    if "email" in scope:
        claims["email"] = account.email
    return claims


def _sso_rijk(account: Account, _scope: frozenset[str]) -> Claims:
    return {
        "name": account.name,
        "urn:rijksoverheid.nl:emailAddress": account.email,
        "urn:rijksoverheid.nl:organizationNumber": account.organization_oin,
        "urn:rijksoverheid.nl:entitlement": [_entitlement(role) for role in account.roles],
    }


def _entitlement(role: str) -> str:
    """``requester@meetnet`` in the form in which entitlements are handed out."""
    return f"urn:cloudloket:{role.replace('@', ':')}"


def _as_they_are(account: Account, _scope: frozenset[str]) -> Claims:
    return dict(account.claims)


_CIVIL_SERVANTS: Final = _HERE / "accounts.toml"
_EIDAS_LEVELS: Final = {
    f"{_EIDAS}low": "laag",
    f"{_EIDAS}substantial": "substantieel",
    f"{_EIDAS}high": "hoog",
}

KINDS: Final[Mapping[str, Kind]] = {
    "generic": Kind(
        title="Lokale inlogdienst",
        accounts_file=_CIVIL_SERVANTS,
        levels=_EIDAS_LEVELS,
        claims=_generic,
    ),
    "sso-rijk": Kind(
        title="Lokale inlogdienst: Rijksaccount",
        accounts_file=_CIVIL_SERVANTS,
        levels=_EIDAS_LEVELS,
        claims=_sso_rijk,
    ),
    "eherkenning": Kind(
        title="Lokale inlogdienst: eHerkenning",
        accounts_file=_HERE / "accounts_eherkenning.toml",
        levels={
            f"{_EHERKENNING}loa1": "EH1",
            f"{_EHERKENNING}loa2": "EH2",
            f"{_EHERKENNING}loa2plus": "EH2+",
            f"{_EHERKENNING}loa3": "EH3 (substantieel)",
            f"{_EHERKENNING}loa4": "EH4 (hoog)",
        },
        claims=_as_they_are,
    ),
    "digid": Kind(
        title="Lokale inlogdienst: DigiD",
        accounts_file=_HERE / "accounts_digid.toml",
        levels={
            f"{_DIGID}PasswordProtectedTransport": "Basis",
            f"{_DIGID}MobileTwoFactorContract": "Midden",
            f"{_DIGID}Smartcard": "Substantieel",
            f"{_DIGID}SmartcardPKI": "Hoog",
        },
        claims=_as_they_are,
    ),
}
