"""What a provider publishes about itself: addresses and signing keys, kept for a while."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, urlsplit

import jwt

from portal.core.configuration import is_loopback
from portal.identity.oidc import transport
from portal.identity.oidc.client_authentication import MUTUAL_TLS
from portal.identity.oidc.errors import AnswerNotTrusted, ProviderUnavailable
from portal.identity.oidc.providers import Provider

SHORTEST_KEEP_SECONDS: Final = 60
LONGEST_KEEP_SECONDS: Final = 24 * 3600
DEFAULT_KEEP_SECONDS: Final = 3600
# An unknown key id makes us look again, but a flood of forged tokens must not flood the provider.
LOOK_AGAIN_SECONDS: Final = 30
# A provider that does not answer is left alone for a while: everybody who waits for the same
# answer would otherwise wait in turn, each for the full time-out, with a thread of the portal.
LEAVE_ALONE_SECONDS: Final = 5
MOST_KEYS: Final = 50
_ADDRESS: Final = re.compile("[!-~]{1,2000}")

Kept = TypeVar("Kept")


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """The part of OpenID Connect Discovery 1.0, 3 that we use; empty when not offered."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str
    says_issuer_in_response: bool


class Directory:
    """One provider's metadata and keys. Safe between threads.

    Args:
        fetch: as ``transport.fetch``.
        clock: seconds that only go forward.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        fetch: Callable[[str, str], transport.Answer],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider = provider
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: tuple[float, Metadata] | None = None
        self._keys: tuple[float, list[Mapping[str, Any]]] | None = None
        self._keys_fetched_at = float("-inf")
        self._left_alone_until = float("-inf")

    def metadata(self) -> Metadata:
        """Return the provider's addresses.

        Raises:
            ProviderUnavailable: it does not answer, or what it says cannot be used.
        """
        with self._lock:
            if self._metadata is None or self._metadata[0] <= self._clock():
                address = f"{self._provider.issuer.rstrip('/')}/.well-known/openid-configuration"
                self._metadata = self._keep(address, self._read_metadata)
            return self._metadata[1]

    def known_addresses(self) -> list[str]:
        """Where a browser may be sent, as far as known without asking; the issuer always is."""
        kept = self._metadata[1] if self._metadata else None
        found = (kept.authorization_endpoint, kept.end_session_endpoint) if kept else ()
        return [self._provider.issuer, *filter(None, found)]

    def signing_key(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        """Return the key that a token's header names.

        A key id that we do not know makes us fetch the keys again, at most every 30 seconds.

        Raises:
            ProviderUnavailable: the keys cannot be fetched.
            AnswerNotTrusted: the provider publishes no such key.
        """
        address = self.metadata().jwks_uri
        with self._lock:
            if self._keys is None or self._keys[0] <= self._clock():
                self._fetch_keys(address)
            found = self._matching(header)
            if found is None and self._clock() - self._keys_fetched_at >= LOOK_AGAIN_SECONDS:
                self._fetch_keys(address)
                found = self._matching(header)
        if found is None:
            raise AnswerNotTrusted("the key that signed is not published")
        try:
            return jwt.PyJWK(dict(found), algorithm=self._provider.signing_algorithm)
        except jwt.PyJWTError as error:
            raise AnswerNotTrusted("the key that signed cannot be used") from error

    def _fetch_keys(self, address: str) -> None:
        self._keys = self._keep(address, _read_keys)
        self._keys_fetched_at = self._clock()

    def _matching(self, header: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The one key that fits; without a key id in the header only a single one will do."""
        assert self._keys is not None  # noqa: S101 the caller fetched them
        fitting = [
            key
            for key in self._keys[1]
            if key.get("use", "sig") == "sig"
            and key.get("alg", header.get("alg")) == header.get("alg")
            and ("kid" not in header or key.get("kid") == header["kid"])
        ]
        return fitting[0] if len(fitting) == 1 else None

    def _keep(self, address: str, read: Callable[[dict[str, Any]], Kept]) -> tuple[float, Kept]:
        if self._clock() < self._left_alone_until:
            raise ProviderUnavailable("it did not answer a moment ago")
        try:
            answer = self._fetch("GET", address)
            if answer.status != 200:
                raise ProviderUnavailable(f"status {answer.status}")
            kept = read(answer.json_object())
        except ProviderUnavailable:
            self._left_alone_until = self._clock() + LEAVE_ALONE_SECONDS
            raise
        return self._clock() + keep_seconds(answer.headers.get("Cache-Control", "")), kept

    def _read_metadata(self, document: dict[str, Any]) -> Metadata:
        # Exactly equal, or another provider could pose as this one (Discovery 1.0, 4.3).
        if document.get("issuer") != self._provider.issuer:
            raise ProviderUnavailable("metadata is that of another issuer")
        says_issuer = document.get("authorization_response_iss_parameter_supported")
        for_us = self._with_own_certificate(document)
        return Metadata(
            authorization_endpoint=self._address(document, "authorization_endpoint"),
            token_endpoint=self._address(for_us, "token_endpoint"),
            jwks_uri=self._address(document, "jwks_uri"),
            userinfo_endpoint=self._address(for_us, "userinfo_endpoint", optional=True),
            end_session_endpoint=self._address(document, "end_session_endpoint", optional=True),
            says_issuer_in_response=says_issuer is True,
        )

    def _with_own_certificate(self, document: dict[str, Any]) -> dict[str, Any]:
        """Who shows a certificate may have to do so at other addresses (RFC 8705, 5)."""
        aliases = document.get("mtls_endpoint_aliases", {})
        if self._provider.client_authentication not in MUTUAL_TLS:
            return document
        if not isinstance(aliases, dict):
            raise ProviderUnavailable("metadata: mtls_endpoint_aliases is not an object")
        return {**document, **aliases}

    def _address(self, document: dict[str, Any], name: str, *, optional: bool = False) -> str:
        """An address to send secrets or people to: https, or loopback when the issuer is."""
        value = document.get(name, "" if optional else None)
        if value == "" and optional:
            return ""
        parts = _split(value)
        is_local = is_loopback(urlsplit(self._provider.issuer).hostname or "")
        if parts is None or not (
            parts.scheme == "https" or (is_local and is_loopback(parts.hostname or ""))
        ):
            raise ProviderUnavailable(f"metadata: {name} is not a https address")
        return str(value)


def _split(address: object) -> SplitResult | None:
    """The parts of an address that can be sent as it is; None for anything else."""
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        return None
    try:
        return urlsplit(address)
    except ValueError:
        return None


def keep_seconds(cache_control: str) -> int:
    """How long an answer may be kept: what it says itself, within bounds."""
    if re.search(r"\bno-(store|cache)\b", cache_control, re.IGNORECASE):
        return SHORTEST_KEEP_SECONDS
    found = re.search(r"\bmax-age=(\d{1,9})\b", cache_control, re.IGNORECASE)
    wanted = int(found[1]) if found else DEFAULT_KEEP_SECONDS
    return min(max(wanted, SHORTEST_KEEP_SECONDS), LONGEST_KEEP_SECONDS)


def _read_keys(document: dict[str, Any]) -> list[Mapping[str, Any]]:
    keys = document.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ProviderUnavailable("key list cannot be read")
    return keys[:MOST_KEYS]


_directories: dict[tuple[str, str], Directory] = {}


def directory_of(provider: Provider) -> Directory:
    """This process's directory of the provider."""
    known = (provider.key, provider.issuer)
    if known not in _directories:
        fetch = partial(transport.fetch, authority=provider.certificate_authority)
        _directories[known] = Directory(provider, fetch=fetch)
    return _directories[known]
