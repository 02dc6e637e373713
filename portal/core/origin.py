"""Where something comes from: which door, which machine, which request.

Set once at each door and read where it is written down (audit entries, sessions, log lines), so
that no service has to be handed a request.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from portal.core.problem import API_PREFIX

LONGEST_AGENT: Final = 200  # characters


class Channel(StrEnum):
    """The doors of the portal."""

    PAGE = "page"
    API = "api"
    WORKER = "worker"
    COMMAND = "command"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the work at hand comes from.

    Attributes:
        channel: the door it came in by.
        address: IP address of whoever asked, as text; empty when nobody did.
        agent: how the browser or program calls itself, shortened; empty when nobody asked.
        request_id: ties together what one request or message caused.
    """

    channel: Channel
    address: str = ""
    agent: str = ""
    request_id: str = ""


_ON_THE_SERVER: Final = Origin(channel=Channel.COMMAND)
_current: ContextVar[Origin] = ContextVar("origin", default=_ON_THE_SERVER)


def current_origin() -> Origin:
    """Where the work at hand comes from; a command on the server when no door said otherwise."""
    return _current.get()


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """Everything inside comes from ``origin``."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)


class OriginMiddleware:
    """Notes the origin of each request, and names the request in its answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        origin = origin_of(request)
        with coming_from(origin):
            response = self.get_response(request)
        response.headers["X-Request-ID"] = origin.request_id
        return response


def origin_of(request: HttpRequest) -> Origin:
    """The origin of a request. Whatever it says of itself is believed of a trusted proxy only."""
    agent = request.headers.get("User-Agent", "")
    return Origin(
        channel=Channel.API if request.path_info.startswith(API_PREFIX) else Channel.PAGE,
        address=client_address(
            request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For", "")
        ),
        agent="".join(filter(str.isprintable, agent))[:LONGEST_AGENT],
        request_id=uuid4().hex,
    )


def client_address(peer: str, forwarded_for: str) -> str:
    """The address of the client: of our peer, or of whom a trusted proxy speaks for.

    Args:
        peer: address of the other end of the connection; empty for a socket file.
        forwarded_for: the header ``X-Forwarded-For``. Each proxy adds its own peer on the right,
            so only what stands right of the last trusted one can be believed.
    """
    chain = [part.strip() for part in forwarded_for.split(",")] if forwarded_for else []
    address = peer
    while chain and (not address or _is_trusted(address)):
        following = chain.pop()
        if not _is_address(following):
            break
        address = following
    return address if _is_address(address) else ""


def network_name(address: str) -> str:
    """What people call the network of an address; empty when it is none that we know."""
    if not _is_address(address):
        return ""
    place = ipaddress.ip_address(address)
    return next((name for network, name in settings.NETWORK_NAMES.items() if place in network), "")


def _is_address(text: str) -> bool:
    """An address without a zone: that names a card of one machine, and is as long as one likes."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _is_trusted(text: str) -> bool:
    if not _is_address(text):
        return False
    address = ipaddress.ip_address(text)
    return any(address in network for network in settings.TRUSTED_PROXIES)
