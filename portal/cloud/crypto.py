"""Encryption of what the portal must keep secret for a while."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES: Final = 12  # NIST SP 800-38D, 8.2.2: a random nonce of 96 bits


class Undecipherable(Exception):
    """The key is not there (any more), or the text was changed or moved to another row."""


def encrypt(text: str, *, bound_to: bytes) -> tuple[int, bytes]:
    """Encrypt with the newest key (AES-256-GCM).

    Args:
        bound_to: what the text belongs to; only together with the same can it be decrypted.

    Returns:
        The version of the key, and nonce and ciphertext in one.
    """
    version = max(settings.ENCRYPTION_KEYS)
    nonce = secrets.token_bytes(NONCE_BYTES)
    key = AESGCM(settings.ENCRYPTION_KEYS[version])
    return version, nonce + key.encrypt(nonce, text.encode(), bound_to)


def decrypt(version: int, ciphertext: bytes, *, bound_to: bytes) -> str:
    """Return what ``encrypt`` was given.

    Raises:
        Undecipherable: the key with this version is not configured, or the rest does not fit it.
    """
    if version not in settings.ENCRYPTION_KEYS:
        raise Undecipherable(f"no encryption key with version {version}")
    nonce, encrypted = ciphertext[:NONCE_BYTES], ciphertext[NONCE_BYTES:]
    try:
        return (
            AESGCM(settings.ENCRYPTION_KEYS[version]).decrypt(nonce, encrypted, bound_to).decode()
        )
    except (InvalidTag, ValueError) as error:
        raise Undecipherable("the text does not belong to this key and place") from error


def derive_password(purpose: str) -> str:
    """A password that is kept nowhere: the same for the same purpose and newest key.

    43 characters of A-Z, a-z, 0-9, hyphen and underscore, behind one of each kind.
    """
    key = settings.ENCRYPTION_KEYS[max(settings.ENCRYPTION_KEYS)]
    digest = hmac.digest(key, f"cloudloket password {purpose}".encode(), hashlib.sha256)
    return "Aa1-" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
