"""The providers' settings: read at start-up, and one clear line for what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.providers import Provider, read_providers

GOOD = """
[providers.rijk]
profile = "generic"
name_nl = "Rijksaccount"
name_en = "Government account"
issuer = "https://login.example.nl/realms/rijk"
client_id = "cloudloket"
client_secret_file = "secret"
signing_algorithm = "PS256"
minimum_assurance = "substantial"

[providers.rijk.assurance]
"urn:high" = "high"
"urn:low" = "low"
"urn:substantial" = "substantial"

[providers.rijk.claims]
name = "name"
email = "email"
organization = ["organization", "oin"]
roles = "urn:example:roles"
"""


def read(folder: Path, text: str, *, allow_loopback: bool = False) -> dict[str, Provider]:
    (folder / "secret").write_text("secret-of-the-client\n")
    (folder / "oidc.toml").write_text(text)
    return read_providers(
        str(folder / "oidc.toml"), variable="OIDC_FILE", allow_loopback=allow_loopback
    )


def test_provider_is_read(tmp_path: Path) -> None:
    provider = read(tmp_path, GOOD)["rijk"]

    assert provider.client_secret == "secret-of-the-client"
    assert provider.claims.organization == ("organization", "oin")
    assert provider.minimum_assurance is Assurance.SUBSTANTIAL
    assert provider.acr_values(Assurance.SUBSTANTIAL) == ["urn:substantial", "urn:high"]


WRONG = {
    "not TOML": ("[providers.rijk]", "[providers", "cannot read"),
    "no providers": (r"(?s)\A.+", "[others]", "must hold"),
    "unknown setting": ('client_id = "', 'clint = "x"\nclient_id = "', "clint"),
    "unknown profile": ('"generic"', '"saml"', "profile"),
    "name is missing": (r"name_nl.*\n", "", "name_nl"),
    "client id is empty": ('client_id = "cloudloket"', 'client_id = ""', "client_id"),
    "client id is a number": ('client_id = "cloudloket"', "client_id = 5", "client_id"),
    "secret is missing": ('_file = "secret"', '_file = "nowhere"', "client_secret_file"),
    "algorithm is symmetric": ("PS256", "HS256", "signing_algorithm"),
    "level is unknown": ('= "substantial"\n\n', '= "medium"\n\n', "minimum_assurance"),
    "acr stands for nothing": ('"urn:low" = "low"', '"urn:low" = "basic"', "urn:low"),
    "no acr reaches the minimum": (r'"urn:(high|substantial)".*\n', "", "minimum_assurance"),
    "scope misses openid": ("profile =", 'scope = "email"\nprofile =', "openid"),
    "claim is missing": (r"roles = .*\n", "", "roles"),
    "claim path is empty": (r'\["organization", "oin"\]', "[]", "organization"),
    "unknown claim": ("email = ", 'bsn = "bsn"\nemail = ', "bsn"),
    "issuer over http": ("https://login", "http://login", "https"),
    "issuer is no address": ("https://login.example.nl/realms/rijk", "rijk", "issuer"),
    "issuer on this machine": ("https://login.example.nl", "http://127.0.0.1:1", "demonstration"),
    "shared secret under nl-gov": ('"generic"', '"nl-gov"', "private_key_jwt"),
    "private key is missing": (
        "profile =",
        'client_authentication = "private_key_jwt"\nprofile =',
        "client_key_file",
    ),
    "private key is none": (
        "client_secret_file =",
        'client_authentication = "private_key_jwt"\nclient_key_file =',
        "client_key_file",
    ),
    "key is strange": (r"providers\.rijk", 'providers."Rijk!"', "lower case"),
}


@pytest.mark.parametrize(("old", "new", "names"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, old: str, new: str, names: str) -> None:
    text = re.sub(old, new, GOOD)
    assert text != GOOD

    with pytest.raises(ImproperlyConfigured) as caught:
        read(tmp_path, text)

    line = str(caught.value)
    assert line.startswith("OIDC_FILE: ")
    assert names in line
    assert "secret-of-the-client" not in line


def test_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="OIDC_FILE: cannot read"):
        read_providers(str(tmp_path / "none"), variable="OIDC_FILE", allow_loopback=False)


def test_provider_on_this_machine_is_for_demonstrations(tmp_path: Path) -> None:
    text = GOOD.replace("https://login.example.nl", "http://127.0.0.1:8002")

    assert read(tmp_path, text, allow_loopback=True)["rijk"].issuer.startswith("http://127")


def test_two_providers_never_share_an_issuer(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="same issuer"):
        read(tmp_path, GOOD + GOOD.replace("providers.rijk", "providers.other"))
