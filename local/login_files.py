"""The files that introduce the portal and the local identity provider to each other.

One process plays three providers side by side: the login of the Rijk, eHerkenning and DigiD.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local.layout import Layout
from local.secret_files import read_or_create

_CLIENT: Final = "cloudloket"
_SECRET: Final = "oidc-client-secret"  # noqa: S105 (the name of the file)
_PSEUDONYM_KEY: Final = "digid-pseudonym-key"
_MINISTRY: Final = "00000001003214345000"
_MUNICIPALITY: Final = "00000001002306608000"

_FOR_A_PROVIDER: Final = """\
port = {port}
issuer = {issuer}
kind = {kind}
home = {home}

[[clients]]
id = {client}
secret_file = {secret_file}
redirect_uris = [{callback}]
post_logout_redirect_uris = [{after_logout}]
backchannel_logout_uri = {backchannel_logout}
signing_algorithm = "PS256"
"""

_FOR_THE_PORTAL: Final = """\
[providers.{key}]
profile = {kind}
issuer = {issuer}
client_id = {client}
client_authentication = "client_secret_post"
client_secret_file = {secret_file}
minimum_assurance = "low"
"""


@dataclass(frozen=True, kw_only=True)
class _Login:
    """One provider: ``key`` in the portal's addresses, ``path`` in its own, and what is special."""

    key: str
    kind: str
    path: str
    settings: str


# The first is the one that people see first. The settings come after those of _FOR_THE_PORTAL.
_LOGINS: Final = (
    _Login(
        key="rijk",
        kind="sso-rijk",
        path="",
        settings=f"""\
organizations = ["{_MINISTRY}", "{_MUNICIPALITY}"]

[providers.rijk.roles]
"urn:cloudloket:requester:waterregistratie" = "requester@waterregistratie"
"urn:cloudloket:approver:unlimited:mwb" = "approver:unlimited@mwb"
"urn:cloudloket:finance:mwb" = "finance@mwb"
"urn:cloudloket:quota_administrator:mwb" = "quota_administrator@mwb"
"urn:cloudloket:operator:mwb" = "operator@mwb"
"urn:cloudloket:auditor:mwb" = "auditor@mwb"
"urn:cloudloket:requester:voorbeeldstad" = "requester@voorbeeldstad"
""",
    ),
    _Login(
        key="eherkenning",
        kind="eherkenning",
        path="/eherkenning",
        settings=f"""\
organizations = ["{_MUNICIPALITY}"]

[providers.eherkenning.claims]
roles = "cloudloket_roles"

[providers.eherkenning.branches]
"000012345678" = "burgerzaken"
""",
    ),
    _Login(
        key="digid",
        kind="digid",
        path="/digid",
        settings=f"""\
enabled = true
organizations = ["{_MINISTRY}"]
pseudonym_key_file = {{pseudonym_key}}
""",
    ),
)


def write_login_files(layout: Layout, public_url: str) -> tuple[list[Path], Path]:
    """Write them; return the configuration of each provider, and the portal's list of providers.

    Raises:
        OSError: they cannot be written.
    """
    folder = layout.home / "identity_provider"
    folder.mkdir(mode=0o700, exist_ok=True)
    read_or_create(layout.secrets / _SECRET)
    read_or_create(layout.secrets / _PSEUDONYM_KEY, lambda: secrets.token_hex(32))
    for_the_providers = []
    for login in _LOGINS:
        file = folder / f"{login.key}.toml"
        file.write_text(_FOR_A_PROVIDER.format_map(_values(login, layout, public_url)))
        for_the_providers.append(file)
    for_the_portal = layout.home / "oidc.toml"
    for_the_portal.write_text(
        "\n".join(
            (_FOR_THE_PORTAL + login.settings).format_map(_values(login, layout, public_url))
            for login in _LOGINS
        )
    )
    return for_the_providers, for_the_portal


def _values(login: _Login, layout: Layout, public_url: str) -> Mapping[str, object]:
    """Words for the templates, each as TOML writes it (JSON does it the same way)."""
    address = f"{public_url}/login/{login.key}"
    texts = {
        "issuer": f"{layout.url('identity_provider')}{login.path}",
        "kind": login.kind,
        "home": str(layout.home / "identity_provider"),
        "client": _CLIENT,
        "secret_file": str(layout.secrets / _SECRET),
        "pseudonym_key": str(layout.secrets / _PSEUDONYM_KEY),
        "callback": f"{address}/callback",
        "backchannel_logout": f"{address}/backchannel-logout",
        "after_logout": f"{public_url}/login",
    }
    quoted = {name: json.dumps(text) for name, text in texts.items()}
    return {**quoted, "key": login.key, "port": layout.ports["identity_provider"]}
