"""How we prove to a provider that we are its client (OpenID Connect Core 1.0, 9; RFC 8705, 2)."""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote_plus

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

POST: Final = "client_secret_post"
BASIC: Final = "client_secret_basic"
PRIVATE_KEY: Final = "private_key_jwt"
SHARED_SECRET: Final = (POST, BASIC)
MUTUAL_TLS: Final = ("tls_client_auth", "self_signed_tls_client_auth")
WAYS: Final = (PRIVATE_KEY, *MUTUAL_TLS, *SHARED_SECRET)

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS: Final = 60

Credentials = tuple[dict[str, str], tuple[str, str] | None]


def read_key_algorithm(pem: str) -> str:
    """The algorithm that a client's private key signs with: PS256 for RSA, ES256 for P-256.

    Raises:
        ValueError: it is no unencrypted PEM of such a key.
    """
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError as error:
        raise ValueError("the key is encrypted") from error
    if isinstance(key, rsa.RSAPrivateKey):
        return "PS256"
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return "ES256"
    raise ValueError("the key is neither RSA nor P-256")


def check_certificate(certificate: Path, key: Path) -> None:
    """Would TLS take this certificate with this key?

    Raises:
        ValueError: a file cannot be read, the key is encrypted, or they do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except OSError as error:  # among which ssl.SSLError
        raise ValueError(f"cannot use {certificate} with {key}") from error


def check_authority(file: Path) -> None:
    """Would TLS trust what these certificates signed?

    Raises:
        ValueError: the file cannot be read, or holds none.
    """
    try:
        ssl.create_default_context(cafile=str(file))
    except OSError as error:
        raise ValueError(f"cannot use {file}") from error


def with_credentials(
    form: Mapping[str, str], *, way: str, client_id: str, secret: str, audience: str
) -> Credentials:
    """Return the form to send, and name and password if they go in a header instead.

    With mTLS the form names us and the certificate of the connection proves it.

    Args:
        way: one of ``WAYS``.
        secret: the shared secret, or the private key in PEM for ``private_key_jwt``.
        audience: who may accept an assertion: the provider's issuer.
    """
    bare = {name: value for name, value in form.items() if name != "client_secret"}
    if way == POST:
        return {**bare, "client_secret": secret}, None
    if way == BASIC:
        del bare["client_id"]
        return bare, (quote_plus(client_id), quote_plus(secret))  # RFC 6749, 2.3.1
    if way in MUTUAL_TLS:
        return bare, None
    assertion = _assertion(client_id, secret, audience)
    return {**bare, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}, None


def _assertion(client_id: str, key: str, audience: str) -> str:
    """A new one for each call: it works once (RFC 7523, 3)."""
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
        "jti": secrets.token_urlsafe(24),
    }
    return jwt.encode(claims, key, algorithm=read_key_algorithm(key))


def _no_password() -> str:
    """Without this OpenSSL would ask for one on the terminal."""
    return ""
