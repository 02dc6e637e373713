"""Proving to a provider that we are its client, over real TLS, to an independent provider."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.http import HttpResponse
from jwt.algorithms import ECAlgorithm
from pytest_django import Settings

from portal.identity.models import Organization
from portal.identity.oidc import discovery
from portal.identity.oidc.client_authentication import MUTUAL_TLS
from portal.identity.oidc.discovery import directory_of
from portal.identity.oidc.providers import Provider
from tests.portal.identity.oidc.certificates import HOST, make_certificate
from tests.portal.identity.oidc.fake_provider import private_key, public_jwk
from tests.portal.identity.oidc.journey import (
    CALLBACK,
    PEER,
    PORTAL,
    Walk,
    free_port,
    peer_accounts,
    running,
)

pytestmark = pytest.mark.django_db

OURS, SELF_SIGNED, STRANGER = "ours", "self-signed", "stranger"
WAYS = ("private_key_jwt", *MUTUAL_TLS)


@dataclass(frozen=True)
class Peer:
    """A provider that runs, and the folder with everybody's certificates."""

    issuer: str
    folder: Path

    def pair(self, name: str) -> tuple[str, str]:
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}-key.pem")


def registered(way: str, **more: Any) -> dict[str, Any]:
    """What the provider knows of a client, in the words of OpenID Connect Registration."""
    return {
        "client_id": way,
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": [f"{PORTAL}/login"],
        "token_endpoint_auth_method": way,
        "id_token_signed_response_alg": "PS256",
        **more,
    }


def jwk_of(file: Path) -> dict[str, Any]:
    """The public key with its certificate inside, as a self-signed one is registered."""
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    body = "".join(file.read_text().split("-----")[2].split())
    public: Any = certificate.public_key()
    return {**ECAlgorithm.to_jwk(public, as_dict=True), "use": "sig", "x5c": [body]}


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    folder = tmp_path_factory.mktemp("peer")
    for name in ("server", OURS, SELF_SIGNED, STRANGER):
        common_name = HOST if name == "server" else name
        make_certificate(folder / f"{name}.pem", folder / f"{name}-key.pem", common_name)
    port, alias_port = free_port(), free_port()
    bound = {"tls_client_certificate_bound_access_tokens": True}
    config = {
        "port": port,
        "issuer": f"https://{HOST}:{port}",
        "accounts": peer_accounts(),
        "clients": [
            registered(
                "private_key_jwt",
                token_endpoint_auth_signing_alg="PS256",
                jwks={"keys": [public_jwk("client-key")]},
            ),
            registered("tls_client_auth", tls_client_auth_subject_dn=f"CN={OURS}", **bound),
            registered(
                "self_signed_tls_client_auth",
                jwks={"keys": [jwk_of(folder / f"{SELF_SIGNED}.pem")]},
                **bound,
            ),
        ],
        "tls": {
            "certificate": str(folder / "server.pem"),
            "key": str(folder / "server-key.pem"),
            "clientAuthorities": str(folder / f"{OURS}.pem"),
            "aliasPort": alias_port,
        },
    }
    (folder / "peer.json").write_text(json.dumps(config))
    node = shutil.which("node")
    assert node, "Node is needed for the independent provider; ./test brings one"
    with running([node, str(PEER / "server.mjs"), str(folder / "peer.json")], ready="ready"):
        yield Peer(f"https://{HOST}:{port}", folder)


@pytest.fixture
def log_in(
    peer: Peer, ministry: Organization, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., HttpResponse]:
    """Log in with one of the ways; ``changes`` are to what we say of the provider."""

    def walk(way: str, **changes: Any) -> HttpResponse:
        monkeypatch.setattr(discovery, "_directories", {})
        pem = private_key("client-key").private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        own = {"tls_client_auth": OURS, "self_signed_tls_client_auth": SELF_SIGNED}
        provider: Provider = replace(
            settings.OIDC_PROVIDERS["local"],
            issuer=peer.issuer,
            client_id=way,
            client_authentication=way,
            client_secret=pem.decode() if way == "private_key_jwt" else "",
            client_certificate=peer.pair(own[way]) if way in own else None,
            certificate_authority=peer.pair("server")[0],
            signing_algorithm="PS256",
        )
        settings.OIDC_PROVIDERS = {"local": replace(provider, **changes)}
        return Walk(authority=peer.pair("server")[0]).log_in("account", "requester")

    return walk


@pytest.mark.parametrize("way", WAYS)
def test_login_without_a_shared_secret(log_in: Callable[..., HttpResponse], way: str) -> None:
    assert log_in(way)["Location"] == "/"


def test_mutual_tls_is_done_at_addresses_of_its_own(
    log_in: Callable[..., HttpResponse], peer: Peer, settings: Settings
) -> None:
    log_in("tls_client_auth")
    with_certificate = directory_of(settings.OIDC_PROVIDERS["local"]).metadata()
    log_in("private_key_jwt")
    without = directory_of(settings.OIDC_PROVIDERS["local"]).metadata()

    assert with_certificate.token_endpoint != without.token_endpoint
    assert with_certificate.userinfo_endpoint != without.userinfo_endpoint
    assert with_certificate.authorization_endpoint == without.authorization_endpoint
    assert without.token_endpoint.startswith(peer.issuer)


@pytest.mark.parametrize("way", MUTUAL_TLS)
@pytest.mark.parametrize("certificate", [STRANGER, None])
def test_another_certificate_or_none_is_refused(
    log_in: Callable[..., HttpResponse], peer: Peer, way: str, certificate: str | None
) -> None:
    response = log_in(way, client_certificate=peer.pair(certificate) if certificate else None)

    assert (response.status_code, b"provider_unavailable" in response.content) == (503, True)


def test_certificate_that_is_gone_is_no_error_of_ours(
    log_in: Callable[..., HttpResponse], tmp_path: Path
) -> None:
    gone = str(tmp_path / "gone.pem")

    assert log_in("tls_client_auth", client_certificate=(gone, gone)).status_code == 503


WRONG_ASSERTIONS: dict[str, dict[str, Any]] = {
    "signed with another key": {
        "client_secret": private_key("rs-1")
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode()
    },
    "of another client": {"client_id": "tls_client_auth"},
}


@pytest.mark.parametrize("wrong", WRONG_ASSERTIONS.values(), ids=WRONG_ASSERTIONS.keys())
def test_assertion_that_is_wrong_is_refused(
    log_in: Callable[..., HttpResponse], wrong: dict[str, Any]
) -> None:
    response = log_in("private_key_jwt", **wrong)

    assert (response.status_code, b"provider_unavailable" in response.content) == (503, True)


def test_provider_whose_own_certificate_is_not_trusted_is_not_talked_to(
    log_in: Callable[..., HttpResponse], peer: Peer, settings: Settings
) -> None:
    with pytest.raises(KeyError, match="location"):  # there is no way to go: a page says so
        log_in("private_key_jwt", certificate_authority=peer.pair(STRANGER)[0])

    response = Walk().client.get("/login/local")

    assert (response.status_code, b"provider_unavailable" in response.content) == (503, True)
