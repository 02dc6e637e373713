"""Encryption of what the portal must keep secret for a while."""

from __future__ import annotations

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
