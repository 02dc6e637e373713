"""Talking to identity providers: short patience, small answers, no redirects."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests
import urllib3

from portal.identity.oidc.errors import ProviderUnavailable

TIMEOUT_SECONDS: Final = (3, 5)  # to connect, and between two pieces of the answer
LONGEST_SECONDS: Final = 10  # for the whole answer, however small its pieces
PIECE: Final = 16 * 1024  # bytes
LARGEST_ANSWER: Final = 256 * 1024  # bytes; a long key list is a few kB


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the provider said; ``headers`` are found whatever their case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises:
            ProviderUnavailable: it is something else.
        """
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ProviderUnavailable("answer is not JSON") from error
        if not isinstance(value, dict):
            raise ProviderUnavailable("answer is not a JSON object")
        return value


def fetch(
    method: str,
    address: str,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    basic: tuple[str, str] | None = None,
    certificate: tuple[str, str] | None = None,
    authority: str = "",
) -> Answer:
    """Send one request and return the answer, whatever its status below 500.

    Args:
        basic: name and password.
        certificate: files with the certificate and key that prove who we are (mTLS).
        authority: file with who signs the provider's certificate; empty for who is trusted here.

    Raises:
        ProviderUnavailable: no answer, a redirect, a status of 500 or more, too large or too slow.
    """
    deadline = time.monotonic() + LONGEST_SECONDS
    try:
        with requests.request(
            method,
            address,
            data=form,
            headers=headers,
            auth=basic,
            cert=certificate,
            verify=authority or True,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,
        ) as response:
            body = _read(response.raw, deadline)
            answer = Answer(status=response.status_code, headers=response.headers, body=body)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        # The exception's text may hold the address with its query; its type says enough.
        raise ProviderUnavailable(f"{method}: {type(error).__name__}") from error
    if 300 <= answer.status < 400 or answer.status >= 500:
        raise ProviderUnavailable(f"{method}: status {answer.status}")
    if len(answer.body) > LARGEST_ANSWER:
        raise ProviderUnavailable(f"{method}: answer is too large")
    return answer


def _read(raw: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """The body, or so much of it that it is clearly too large.

    Args:
        deadline: on the clock of ``time.monotonic``.
    """
    body = bytearray()
    while len(body) <= LARGEST_ANSWER and (piece := raw.read1(PIECE, decode_content=True)):
        body += piece
        if time.monotonic() > deadline:
            raise TimeoutError
    return bytes(body)
