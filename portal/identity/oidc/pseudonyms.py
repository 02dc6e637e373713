"""A BSN comes in and a pseudonym goes on: nothing behind this module ever sees the number.

The pseudonym is HMAC-SHA-256 of sector and number, with a key that stands outside the database:
who has the database but not the key cannot try all numbers. Sources: Wabb, article 10; UAVG,
article 46.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from portal.identity.oidc.errors import ClaimMissing

SECTOR: Final = "s00000000"  # BSN; s00000001 is the old SOFI number (DigiD, sector codes)
_SECTOR_CODE: Final = re.compile(r"s\d{8}:")
_BSN: Final = re.compile(r"\d{9}", re.ASCII)
_WEIGHTS: Final = (9, 8, 7, 6, 5, 4, 3, 2, -1)


def pseudonym_of(value: object, key: bytes) -> str:
    """Return 64 hexadecimal digits that stand for the person with this BSN.

    Args:
        value: the claim: nine digits, with or without ``s00000000:`` before them.

    Raises:
        ClaimMissing: it is no BSN.
    """
    number = read_bsn(value)
    return hmac.digest(key, f"{SECTOR}:{number}".encode(), hashlib.sha256).hex()


def read_bsn(value: object) -> str:
    """Return the nine digits of a BSN.

    Raises:
        ClaimMissing: it is something else, of another sector, or fails the test of eleven.
    """
    if not isinstance(value, str):
        raise ClaimMissing("subject is not text")
    sector, colon, number = value.rpartition(":")
    if colon and sector != SECTOR:
        raise ClaimMissing("subject is of another sector")
    if not _BSN.fullmatch(number) or not _passes_test_of_eleven(number):
        raise ClaimMissing("subject is no BSN")
    return number


def is_of_a_sector(subject: str) -> bool:
    """Does it look like a citizen's number that nobody may keep?"""
    return bool(_SECTOR_CODE.match(subject))


def _passes_test_of_eleven(number: str) -> bool:
    """Elfproef: the weighted sum of the digits is a multiple of eleven, and not zero."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=True))
    return total != 0 and total % 11 == 0
