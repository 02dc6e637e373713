"""The two files that introduce the portal and the local identity provider to each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from local.layout import Layout
from local.secret_files import read_or_create

PROVIDER: Final = "local"
_CLIENT: Final = "cloudloket"
_SECRET: Final = "oidc-client-secret"  # noqa: S105 (the name of the file)

_FOR_THE_PROVIDER: Final = """\
port = {port}
issuer = {issuer}
home = {home}

[[clients]]
id = {client}
secret_file = {secret_file}
redirect_uris = [{callback}]
post_logout_redirect_uris = [{home_page}]
backchannel_logout_uri = {backchannel_logout}
"""

_FOR_THE_PORTAL: Final = """\
[providers.{provider}]
profile = "generic"
name_nl = "Lokale inlogdienst"
name_en = "Local identity provider"
issuer = {issuer}
client_id = {client}
client_secret_file = {secret_file}
signing_algorithm = "RS256"
minimum_assurance = "low"

[providers.{provider}.assurance]
"http://eidas.europa.eu/LoA/low" = "low"
"http://eidas.europa.eu/LoA/substantial" = "substantial"
"http://eidas.europa.eu/LoA/high" = "high"

[providers.{provider}.claims]
name = "name"
email = "email"
organization = "organization_oin"
roles = "cloudloket_roles"
"""


def write_login_files(layout: Layout, public_url: str) -> tuple[Path, Path]:
    """Write both; return the provider's own configuration and the portal's list of providers.

    Raises:
        OSError: they cannot be written.
    """
    folder = layout.home / "identity_provider"
    folder.mkdir(mode=0o700, exist_ok=True)
    read_or_create(layout.secrets / _SECRET)
    login = f"{public_url}/login/{PROVIDER}"
    values = {
        "issuer": layout.url("identity_provider"),
        "home": str(folder),
        "client": _CLIENT,
        "secret_file": str(layout.secrets / _SECRET),
        "callback": f"{login}/callback",
        "backchannel_logout": f"{login}/backchannel-logout",
        "home_page": f"{public_url}/",
    }
    quoted = {name: json.dumps(text) for name, text in values.items()}  # valid TOML as well
    for_the_provider = folder / "configuration.toml"
    for_the_provider.write_text(
        _FOR_THE_PROVIDER.format(port=layout.ports["identity_provider"], **quoted)
    )
    for_the_portal = layout.home / "oidc.toml"
    for_the_portal.write_text(_FOR_THE_PORTAL.format(provider=PROVIDER, **quoted))
    return for_the_provider, for_the_portal
