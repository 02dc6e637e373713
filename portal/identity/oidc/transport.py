"""Talking to identity providers: short patience, small answers, no redirects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests
import urllib3

from portal.identity.oidc.errors import ProviderUnavailable

TIMEOUT_SECONDS: Final = (3, 5)  # to connect, and between two pieces of the answer
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
) -> Answer:
    """Send one request and return the answer, whatever its status below 500.

    Raises:
        ProviderUnavailable: no answer, a redirect, a status of 500 or more, or too large.
    """
    try:
        with requests.request(
            method,
            address,
            data=form,
            headers=headers,
            auth=basic,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
            stream=True,
        ) as response:
            body = response.raw.read(LARGEST_ANSWER + 1, decode_content=True)
            answer = Answer(status=response.status_code, headers=response.headers, body=body)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        # The exception's text may hold the address with its query; its type says enough.
        raise ProviderUnavailable(f"{method}: {type(error).__name__}") from error
    if 300 <= answer.status < 400 or answer.status >= 500:
        raise ProviderUnavailable(f"{method}: status {answer.status}")
    if len(answer.body) > LARGEST_ANSWER:
        raise ProviderUnavailable(f"{method}: answer is too large")
    return answer
