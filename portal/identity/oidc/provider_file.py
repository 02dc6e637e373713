"""The identity providers that people may log in with, read from one TOML file at start-up."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from portal.core.configuration import is_loopback
from portal.identity.oidc import client_authentication
from portal.identity.oidc.client_authentication import MUTUAL_TLS, PRIVATE_KEY, SHARED_SECRET
from portal.identity.oidc.profiles import PROFILES, Profile
from portal.identity.oidc.providers import ClaimPaths, Provider
from portal.identity.oidc.role_texts import read_role
from portal.identity.oidc.settings_table import SettingsTable

SIGNING_ALGORITHMS: Final = ("RS256", "PS256", "ES256")
KEY: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
RESERVED: Final = frozenset({"break-glass"})  # its address would hide behind that of another login
# An organisation's number is told by its length: OIN, RSIN, KvK.
ORGANIZATION: Final = re.compile(r"\d{20}|\d{9}|\d{8}")
BRANCH: Final = re.compile(r"\d{12}")
IDENTIFIERS: Final = {"oin": "oin", "kvk": "kvk_number", "rsin": "rsin"}  # field of Organization
PSEUDONYM_KEY: Final = re.compile(r"[0-9a-fA-F]{64}")
# May never be shown, searched or stored; only ``digid`` takes one, as subject, and replaces it.
CITIZEN_NUMBERS: Final = frozenset({"bsn", "nin", "burgerservicenummer"})


def read_providers(file: str, *, variable: str, allow_loopback: bool) -> dict[str, Provider]:
    """Return the providers that are enabled, by key, in the order of the file.

    Args:
        file: path of the TOML file; names of files in it are relative to its folder.
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
    providers = {}
    for key, table in tables.items():
        where = f"{variable}: [providers.{key}]"
        provider = _provider(key, table, where, path.parent, allow_loopback=allow_loopback)
        if provider:
            providers[key] = provider
    _check_together(providers, variable)
    return providers


def _check_together(providers: Mapping[str, Provider], variable: str) -> None:
    if not providers:
        raise ImproperlyConfigured(f"{variable}: no provider is enabled")
    if len({provider.issuer for provider in providers.values()}) != len(providers):
        raise ImproperlyConfigured(f"{variable}: two providers have the same issuer")
    for key, provider in providers.items():
        if len(providers) > 1 and not provider.organizations:
            raise ImproperlyConfigured(
                f"{variable}: [providers.{key}]: organizations is missing: beside another provider "
                "it must list the organisations that it may vouch for"
            )


def _provider(
    key: str, values: object, where: str, folder: Path, *, allow_loopback: bool
) -> Provider | None:
    """None for a provider that is not enabled; nothing else of it is looked at."""
    if key in RESERVED:
        raise ImproperlyConfigured(f"{where}: this key is taken by emergency access")
    if not KEY.fullmatch(key):
        raise ImproperlyConfigured(f"{where}: use lower case letters, digits and dashes")
    own = SettingsTable(values, where, folder)
    name = own.choice("profile", PROFILES) if own.has("profile") else "generic"
    profile = PROFILES[name]
    table = SettingsTable(_completed(profile, values), where, folder)
    if not table.flag("enabled"):
        return None
    provider = _read(key, table, profile, allow_loopback=allow_loopback)
    table.refuse_what_was_not_read()
    _check(provider, table)
    return provider


def _read(key: str, table: SettingsTable, profile: Profile, *, allow_loopback: bool) -> Provider:
    return Provider(
        key=key,
        names={"nl": table.text("name_nl"), "en": table.text("name_en")},
        descriptions={
            "nl": table.text("description_nl", may_be_empty=True),
            "en": table.text("description_en", may_be_empty=True),
        },
        issuer=_issuer(table, allow_loopback),
        client_id=table.text("client_id"),
        signing_algorithm=table.choice("signing_algorithm", SIGNING_ALGORITHMS),
        scope=table.text("scope"),
        minimum_assurance=table.level("minimum_assurance"),
        assurance=_assurance(table.table("assurance")),
        claims=_claim_paths(table.table("claims"), profile),
        may_lack=profile.may_lack,
        organizations=table.texts("organizations"),
        branches=_texts_of(table.table("branches")),
        roles=_texts_of(table.table("roles")),
        only_own_organization=table.flag("only_own_organization"),
        refused_claims=table.texts("refused_claims"),
        pseudonym_key=_pseudonym_key(table) if profile.subject_is_bsn else None,
        certificate_authority=_authority(table),
        **_identifiers(table),
        **_client_credentials(table),
    )


def _completed(profile: Profile, values: object) -> dict[str, Any]:
    """The file's settings with the profile's below them; ``claims`` claim by claim."""
    own = dict(values) if isinstance(values, dict) else {}
    own.pop("profile", None)
    claims = own.get("claims", {})
    if isinstance(claims, dict):
        own["claims"] = {**profile.defaults["claims"], **claims}
    return {**profile.defaults, **own}


def _check(provider: Provider, table: SettingsTable) -> None:
    """What concerns more than one setting."""
    if "openid" not in provider.scope.split():
        raise table.mistake("scope must contain openid")
    if not provider.acr_values(provider.minimum_assurance):
        raise table.mistake("no acr value reaches minimum_assurance")
    is_local = is_loopback(urlsplit(provider.issuer).hostname or "")
    if provider.client_authentication in SHARED_SECRET and not is_local:
        raise table.mistake(
            "a shared secret is for a provider on this machine only; "
            f"client_authentication must be {PRIVATE_KEY} or {' or '.join(MUTUAL_TLS)}"
        )
    wrong = [number for number in provider.organizations if not ORGANIZATION.fullmatch(number)]
    if wrong:
        raise table.mistake(f"organizations: {wrong[0]!r} is no OIN, RSIN or KvK number")
    if bool(provider.claims.organization_type) != bool(provider.organization_types):
        raise table.mistake("organization_types belongs with the claim organization_type")
    if provider.claims.organization is None and len(provider.organizations) != 1:
        raise table.mistake("without a claim for the organization, organizations lists one")
    wrong = [number for number in provider.branches if not BRANCH.fullmatch(number)]
    if wrong:
        raise table.mistake(f"branches: {wrong[0]!r} is no vestigingsnummer")
    for role in provider.roles.values():
        try:
            read_role(role)
        except ValueError as error:
            raise table.mistake(f"roles: {error}") from error


def _issuer(table: SettingsTable, allow_loopback: bool) -> str:
    address = table.text("issuer")
    try:
        issuer = urlsplit(address)
    except ValueError as error:
        raise table.mistake("issuer must read https://host/path") from error
    host = issuer.hostname or ""
    if issuer.scheme not in {"https", "http"} or not host or issuer.query or issuer.fragment:
        raise table.mistake("issuer must read https://host/path")
    if issuer.scheme == "http" and not is_loopback(host):
        raise table.mistake("issuer must use https")
    if is_loopback(host) and not allow_loopback:
        raise table.mistake("a provider on this machine is for demonstration only")
    return address


def _client_credentials(table: SettingsTable) -> dict[str, Any]:
    way = table.choice("client_authentication", client_authentication.WAYS)
    if way in SHARED_SECRET:
        return {"client_authentication": way, "client_secret": table.secret("client_secret_file")}
    if way in MUTUAL_TLS:
        certificate, key = table.file("client_certificate_file"), table.file("client_key_file")
        try:
            client_authentication.check_certificate(certificate, key)
        except ValueError as error:
            raise table.mistake(f"client_certificate_file: {error}") from error
        return {
            "client_authentication": way,
            "client_secret": "",
            "client_certificate": (str(certificate), str(key)),
        }
    pem = table.secret("client_key_file")
    try:
        client_authentication.read_key_algorithm(pem)
    except ValueError as error:
        raise table.mistake(f"client_key_file: {error}") from error
    return {"client_authentication": way, "client_secret": pem}


def _authority(table: SettingsTable) -> str:
    if not table.has("certificate_authority_file"):
        return ""
    file = table.file("certificate_authority_file")
    try:
        client_authentication.check_authority(file)
    except ValueError as error:
        raise table.mistake(f"certificate_authority_file: {error}") from error
    return str(file)


def _pseudonym_key(table: SettingsTable) -> bytes:
    key = table.secret("pseudonym_key_file")
    if not PSEUDONYM_KEY.fullmatch(key):
        raise table.mistake("pseudonym_key_file must hold 64 hexadecimal digits")
    return bytes.fromhex(key)


def _identifiers(table: SettingsTable) -> dict[str, Any]:
    types = table.table("organization_types")
    return {
        "organization_identifier": IDENTIFIERS[
            table.choice("organization_identifier", IDENTIFIERS)
        ],
        "organization_types": {
            name: IDENTIFIERS[types.choice(name, IDENTIFIERS)] for name in types.names()
        },
    }


def _assurance(table: SettingsTable) -> dict[str, Any]:
    levels = {acr: table.level(acr) for acr in table.names()}
    if not levels:
        raise table.mistake("is empty: every login would be refused")
    return levels


def _texts_of(table: SettingsTable) -> dict[str, str]:
    return {name: table.text(name) for name in table.names()}


def _claim_paths(table: SettingsTable, profile: Profile) -> ClaimPaths:
    names = ("subject", "assurance", "name", "email", "organization", "roles")
    optional = ("method", "organization_type", "branch")
    paths = {name: table.claim_path(name) for name in (*names, *optional)}
    table.refuse_what_was_not_read()
    for name in names:
        if paths[name] is None and name not in profile.may_lack:
            raise table.mistake(f"{name} is missing")
    for name, path in paths.items():
        may_hold_bsn = profile.subject_is_bsn and name == "subject"
        if path and not may_hold_bsn and CITIZEN_NUMBERS & {part.lower() for part in path}:
            raise table.mistake(f"{name} may not be a BSN")
    return ClaimPaths(**paths)  # type: ignore[arg-type]  # the two that may not be None are there
