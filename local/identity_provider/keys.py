"""Signing keys, kept on disk so that a restart does not make earlier tokens unverifiable."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from local.identity_provider.configuration import ConfigurationError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

RSA_BITS: Final = 2048


class KeyRing:
    """One private key for each signing algorithm."""

    def __init__(self, keys: Mapping[str, PrivateKey]) -> None:
        self._keys = keys
        self._ids = {algorithm: _key_id(key) for algorithm, key in keys.items()}

    @classmethod
    def open(cls, folder: Path) -> KeyRing:
        """Read the keys in ``folder``, making those that are missing.

        Raises:
            OSError: the folder cannot be read or written.
            ConfigurationError: a file in it is not a key.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(
            {
                "RS256": _open_key(folder / "rs256.pem"),
                "PS256": _open_key(folder / "ps256.pem"),
                "ES256": _open_key(folder / "es256.pem"),
            }
        )

    def sign(self, claims: Mapping[str, Any], *, algorithm: str, typ: str = "JWT") -> str:
        """Return ``claims`` as a signed JWT, with ``iat`` set to now."""
        headers = {"kid": self._ids[algorithm], "typ": typ}
        payload = {"iat": int(time.time()), **claims}
        return jwt.encode(payload, self._keys[algorithm], algorithm=algorithm, headers=headers)

    def verify(self, token: str, *, issuer: str) -> Mapping[str, Any]:
        """Return the claims of a token of ours, also when it has expired.

        An expired ID token is still a good ``id_token_hint`` (RP-Initiated Logout 1.0, 4).

        Raises:
            jwt.InvalidTokenError: it is not a token that we signed.
        """
        algorithm = str(jwt.get_unverified_header(token).get("alg"))
        if algorithm not in self._keys:
            raise jwt.InvalidAlgorithmError("not one of our algorithms")
        options: Any = {"verify_exp": False, "verify_aud": False}
        public = self._keys[algorithm].public_key()
        claims: Mapping[str, Any] = jwt.decode(
            token, public, algorithms=[algorithm], issuer=issuer, options=options
        )
        return claims

    def public_keys(self) -> list[dict[str, Any]]:
        """The JSON Web Keys (RFC 7517) that clients verify with."""
        return [
            {**_public_jwk(key), "kid": self._ids[algorithm], "alg": algorithm, "use": "sig"}
            for algorithm, key in self._keys.items()
        ]


def _open_key(path: Path) -> PrivateKey:
    if not path.exists():
        _write_key(path, _new_key(path.stem))
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise ConfigurationError(f"{path} holds no key; remove it to have one made") from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ConfigurationError(f"{path} holds another kind of key; remove it")
    return key


def _new_key(algorithm: str) -> PrivateKey:
    if algorithm == "es256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)


def _write_key(path: Path, key: PrivateKey) -> None:
    """Write beside the final name first: a crash half-way never leaves half a key."""
    data = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    draft.rename(path)


def _public_jwk(key: PrivateKey) -> dict[str, Any]:
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return RSAAlgorithm.to_jwk(public, as_dict=True)
    return ECAlgorithm.to_jwk(public, as_dict=True)


def _key_id(key: PrivateKey) -> str:
    """A name that changes with the key, so that a client notices a new one."""
    text = json.dumps(_public_jwk(key), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
