"""The providers' settings: read at start-up, and one clear line for what is wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.core.exceptions import ImproperlyConfigured

from portal.identity.models import Role
from portal.identity.oidc.assurance import Assurance
from portal.identity.oidc.profiles import PROFILES
from portal.identity.oidc.provider_file import read_providers
from portal.identity.oidc.providers import Provider
from portal.identity.oidc.role_texts import ROLES
from tests.portal.identity.oidc.certificates import make_certificate
from tests.portal.identity.oidc.fake_provider import private_key

GOOD = """
[providers.rijk]
profile = "generic"
name_nl = "Rijksaccount"
name_en = "Government account"
issuer = "https://login.example.nl/realms/rijk"
client_id = "cloudloket"
client_key_file = "key.pem"
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
LOCAL = re.sub(
    r'client_key_file = "key.pem"',
    'client_authentication = "client_secret_basic"\nclient_secret_file = "secret"',
    GOOD.replace("https://login.example.nl", "http://127.0.0.1:8002"),
)
# What a ready-made profile leaves to be said.
SHORT = """
[providers.{key}]
profile = "{profile}"
issuer = "https://{key}.example.nl"
client_id = "cloudloket"
client_key_file = "key.pem"
organizations = ["00000001003214345000"]
{more}
"""
DIGID = 'enabled = true\npseudonym_key_file = "pseudonym-key"'


def pem(name: str, *, password: bytes = b"") -> str:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return str(private_key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how).decode())


def read(folder: Path, text: str, *, allow_loopback: bool = False) -> dict[str, Provider]:
    (folder / "secret").write_text("secret-of-the-client\n")
    (folder / "key.pem").write_text(pem("rs-1"))
    (folder / "encrypted.pem").write_text(pem("rs-1", password=b"geheim"))
    (folder / "pseudonym-key").write_text("5a" * 32)
    make_certificate(folder / "certificate.pem", folder / "certificate-key.pem", "cloudloket")
    (folder / "oidc.toml").write_text(text)
    return read_providers(
        str(folder / "oidc.toml"), variable="OIDC_FILE", allow_loopback=allow_loopback
    )


def test_provider_is_read(tmp_path: Path) -> None:
    provider = read(tmp_path, GOOD)["rijk"]

    assert provider.client_authentication == "private_key_jwt"
    assert provider.client_secret == pem("rs-1").strip()
    assert provider.claims.organization == ("organization", "oin")
    assert provider.claims.subject == ("sub",)
    assert provider.minimum_assurance is Assurance.SUBSTANTIAL
    assert provider.acr_values(Assurance.SUBSTANTIAL) == ["urn:substantial", "urn:high"]


KEY_FILE = 'client_key_file = "key.pem"'
WRONG = {
    "not TOML": (r"\[providers.rijk\]", "[providers", "cannot read"),
    "no providers": (r"(?s)\A.+", "[others]", "must hold"),
    "provider is no table": (r"(?s)\A.+", "[providers]\nrijk = 5", "is not a table"),
    "unknown setting": ('client_id = "', 'clint = "x"\nclient_id = "', "clint"),
    "unknown profile": ('"generic"', '"saml"', "profile"),
    "name is missing": (r"name_nl.*\n", "", "name_nl"),
    "client id is empty": ('client_id = "cloudloket"', 'client_id = ""', "client_id"),
    "client id is a number": ('client_id = "cloudloket"', "client_id = 5", "client_id"),
    "algorithm is symmetric": ("PS256", "HS256", "signing_algorithm"),
    "algorithm is missing": (r"signing_algorithm.*\n", "", "signing_algorithm"),
    "level is unknown": ('= "substantial"\n\n', '= "medium"\n\n', "minimum_assurance"),
    "acr stands for nothing": ('"urn:low" = "low"', '"urn:low" = "basic"', "urn:low"),
    "no acr at all": (r'"urn:.*" = ".*"\n', "", "every login would be refused"),
    "no acr reaches the minimum": (r'"urn:(high|substantial)".*\n', "", "minimum_assurance"),
    "scope misses openid": ("profile =", 'scope = "email"\nprofile =', "openid"),
    "claim is missing": (r"roles = .*\n", "", "roles"),
    "claims are no table": (r"(?s)\[providers.rijk.claims\].*", "", "name"),
    "claim path is empty": (r'\["organization", "oin"\]', "[]", "organization"),
    "unknown claim": ("email = ", 'phone = "phone"\nemail = ', "phone"),
    "BSN as a name": ('name = "name"', 'name = "BSN"', "name may not be a BSN"),
    "BSN as a subject": ("email = ", 'subject = ["digid", "bsn"]\nemail = ', "subject may not be"),
    "issuer over http": ("https://login", "http://login", "https"),
    "issuer is no address": ("https://login.example.nl/realms/rijk", "rijk", "issuer"),
    "issuer is half an address": ("https://login.example.nl/realms/rijk", "https://[", "issuer"),
    "issuer has a query": ("realms/rijk", "realms/rijk?a=1", "issuer"),
    "issuer on this machine": ("https://login.example.nl", "http://127.0.0.1:1", "demonstration"),
    "private key is missing": ("key.pem", "nowhere", "client_key_file"),
    "private key is none": ("key.pem", "secret", "client_key_file"),
    "private key is encrypted": ("key.pem", "encrypted.pem", "client_key_file: the key is encry"),
    "shared secret": (
        KEY_FILE,
        'client_authentication = "client_secret_post"\nclient_secret_file = "secret"',
        "on this machine only",
    ),
    "certificate without a key": (
        KEY_FILE,
        'client_authentication = "tls_client_auth"\nclient_certificate_file = "certificate.pem"',
        "client_key_file",
    ),
    "certificate of another key": (
        KEY_FILE,
        'client_authentication = "self_signed_tls_client_auth"\n'
        f'client_certificate_file = "certificate.pem"\n{KEY_FILE}',
        "client_certificate_file",
    ),
    "authority is none": (
        KEY_FILE,
        f'certificate_authority_file = "secret"\n{KEY_FILE}',
        "certificate_authority_file",
    ),
    "key is strange": (r"providers\.rijk", 'providers."Rijk!"', "lower case"),
    "nobody is enabled": ("profile =", "enabled = false\nprofile =", "no provider is enabled"),
    "enabled is text": ("profile =", 'enabled = "yes"\nprofile =', "enabled"),
    "organisation is no number": (
        "profile =",
        'organizations = ["mwb"]\nprofile =',
        "'mwb' is no OIN",
    ),
    "organisations are one text": ("profile =", 'organizations = "x"\nprofile =', "organizations"),
    "identifier is unknown": (
        "profile =",
        'organization_identifier = "btw"\nprofile =',
        "organization_identifier",
    ),
    "type of number without its meaning": (
        "email = ",
        'organization_type = "kind"\nemail = ',
        "organization_types",
    ),
    "branch is no number": (
        r"\Z",
        '[providers.rijk.branches]\n"12" = "burgerzaken"\n',
        "'12' is no vestigingsnummer",
    ),
    "role is a number": (r"\Z", '[providers.rijk.roles]\n"urn:role" = 5\n', "urn:role"),
    "approver without an amount": (
        r"\Z",
        '[providers.rijk.roles]\n"urn:role" = "approver@mwb"\n',
        "approver:unlimited",
    ),
    "amount of another role": (
        r"\Z",
        '[providers.rijk.roles]\n"urn:role" = "finance:5"\n',
        "only an approver has an amount",
    ),
    "role is not ours": (r"\Z", '[providers.rijk.roles]\n"urn:role" = "boss"\n', "'boss'"),
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
    assert "\n" not in line
    assert "secret-of-the-client" not in line


def test_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="OIDC_FILE: cannot read"):
        read_providers(str(tmp_path / "none"), variable="OIDC_FILE", allow_loopback=False)


def test_provider_on_this_machine_is_for_demonstrations(tmp_path: Path) -> None:
    text = GOOD.replace("https://login.example.nl", "http://127.0.0.1:8002")

    assert read(tmp_path, text, allow_loopback=True)["rijk"].issuer.startswith("http://127")


@pytest.mark.parametrize("profile", ["generic", "nl-gov"])
def test_provider_on_this_machine_may_share_a_secret_whatever_its_profile(
    tmp_path: Path, profile: str
) -> None:
    text = LOCAL.replace('"generic"', f'"{profile}"')

    provider = read(tmp_path, text, allow_loopback=True)["rijk"]

    assert provider.client_secret == "secret-of-the-client"


def test_neither_secret_nor_key_stands_in_the_text_of_a_provider(tmp_path: Path) -> None:
    provider = read(tmp_path, LOCAL, allow_loopback=True)["rijk"]

    text = repr(replace(provider, pseudonym_key=b"pseudonym-key"))

    assert "secret-of-the-client" not in text
    assert "pseudonym-key" not in text


@pytest.mark.parametrize("way", ["tls_client_auth", "self_signed_tls_client_auth"])
def test_certificate_with_its_key(tmp_path: Path, way: str) -> None:
    text = GOOD.replace(
        KEY_FILE,
        f'client_authentication = "{way}"\nclient_certificate_file = "certificate.pem"\n'
        'client_key_file = "certificate-key.pem"\n'
        'certificate_authority_file = "certificate.pem"',
    )

    provider = read(tmp_path, text)["rijk"]

    files = tmp_path / "certificate.pem", tmp_path / "certificate-key.pem"
    assert provider.client_certificate == tuple(map(str, files))
    assert provider.certificate_authority == str(files[0])


def test_two_providers_never_share_an_issuer(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="same issuer"):
        read(tmp_path, GOOD + GOOD.replace("providers.rijk", "providers.other"))


def test_beside_another_each_provider_lists_its_organisations(tmp_path: Path) -> None:
    other = SHORT.format(key="other", profile="sso-rijk", more="")

    with pytest.raises(ImproperlyConfigured, match=r"\[providers.rijk\]: organizations is missing"):
        read(tmp_path, GOOD + other)


def test_provider_that_is_switched_off_does_not_count(tmp_path: Path) -> None:
    other = SHORT.format(key="other", profile="sso-rijk", more="enabled = false")

    assert list(read(tmp_path, GOOD + other)) == ["rijk"]


@pytest.mark.parametrize("profile", ["sso-rijk", "eherkenning", "digid"])
def test_profile_says_all_that_is_the_same_everywhere(tmp_path: Path, profile: str) -> None:
    more = DIGID if profile == "digid" else ""

    provider = read(tmp_path, SHORT.format(key="one", profile=profile, more=more))["one"]

    assert provider.signing_algorithm == "PS256"
    assert provider.client_authentication == "private_key_jwt"
    assert provider.minimum_assurance is Assurance.SUBSTANTIAL
    assert set(provider.assurance.values()) == set(Assurance)
    assert "profile" not in provider.scope
    assert "represents" in provider.refused_claims


def test_file_wins_from_the_profile(tmp_path: Path) -> None:
    more = """
        name_nl = "eHerkenning (proef)"
        minimum_assurance = "low"
        [providers.one.claims]
        organization_type = "name_qualifier"
        branch = ""
        roles = "roles"
        [providers.one.assurance]
        "urn:loa3" = "substantial"
    """

    provider = read(tmp_path, SHORT.format(key="one", profile="eherkenning", more=more))["one"]

    assert provider.names == {"nl": "eHerkenning (proef)", "en": "eHerkenning"}
    assert provider.assurance == {"urn:loa3": Assurance.SUBSTANTIAL}
    assert provider.claims.organization_type == ("name_qualifier",)
    assert provider.claims.branch is None
    assert provider.claims.subject == ("urn:etoegang:core:ActingSubjectID",)
    assert provider.claims.roles == ("roles",)


def test_roles_in_the_file_are_the_roles_there_are() -> None:
    assert frozenset(Role.values) == ROLES


DIGID_WRONG = {
    "not switched on": ("enabled = true", "", "no provider is enabled"),
    "no key": (r"pseudonym_key_file.*", "", "pseudonym_key_file is missing"),
    "key is too short": ('"pseudonym-key"', '"secret"', "64 hexadecimal digits"),
    "two organisations": (r'\["0000', '["12345678", "0000', "organizations lists one"),
    "BSN as a name": (r"\Z", '[providers.one.claims]\nname = "bsn"', "name may not be a BSN"),
}


@pytest.mark.parametrize(("old", "new", "names"), DIGID_WRONG.values(), ids=DIGID_WRONG.keys())
def test_digid_asks_for_a_decision_and_a_key(
    tmp_path: Path, old: str, new: str, names: str
) -> None:
    good = SHORT.format(key="one", profile="digid", more=DIGID)
    assert read(tmp_path, good)["one"].pseudonym_key == b"\x5a" * 32

    with pytest.raises(ImproperlyConfigured, match=re.escape(names)):
        read(tmp_path, re.sub(old, new, good))


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_has_an_example_in_the_docs_that_can_be_read(
    tmp_path: Path, name: str
) -> None:
    text = (Path(__file__).parents[4] / "docs" / "identity-providers.md").read_text("utf-8")
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (example,) = [one for one in examples if f'profile = "{name}"' in one]
    example = re.sub(r'"/etc/cloudloket/digid-pseudonym-key"', '"pseudonym-key"', example)
    example = re.sub(r'"/etc/cloudloket/[a-z]+-key.pem"', '"certificate-key.pem"', example)
    example = re.sub(r'"/etc/cloudloket/[a-z]+(-ca)?.pem"', '"certificate.pem"', example)

    assert len(read(tmp_path, example)) == 1
