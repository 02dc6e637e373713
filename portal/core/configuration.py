"""Reading the environment: a wrong or missing variable is one clear line, and nothing starts."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def require(name: str) -> str:
    """Return the variable's value.

    Raises:
        ImproperlyConfigured: it is not set, or empty.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        raise ImproperlyConfigured(f"{name} is not set; see docs/configuration.md")
    return value


def read_secret(name: str, *, at_least: int) -> str:
    """Return the stripped content of the file that the variable names.

    Args:
        at_least: the smallest acceptable length, in characters.

    Raises:
        ImproperlyConfigured: the variable is not set, the file cannot be read, or is too short.
    """
    path = require(name)
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}: cannot read {path}: {error}") from error
    if len(secret) < at_least:
        raise ImproperlyConfigured(f"{name}: {path} holds fewer than {at_least} characters")
    return secret


def read_hex_key(name: str, *, length: int) -> bytes:
    """Return the key of ``length`` bytes, written in hexadecimal, from the file that is named."""
    try:
        key = bytes.fromhex(read_secret(name, at_least=2 * length))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: the file must hold a hexadecimal key") from error
    if len(key) != length:
        raise ImproperlyConfigured(f"{name}: the key must be {length} bytes long")
    return key


def read_versioned_keys(name: str) -> dict[int, bytes]:
    """Return the encryption keys by version from lines of the form ``1:<base64 of 32 bytes>``."""
    keys: dict[int, bytes] = {}
    for line in read_secret(name, at_least=10).splitlines():
        version, _, encoded = line.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise ImproperlyConfigured(f"{name}: a line is not VERSION:BASE64") from error
        if not version.isdigit() or len(key) != 32 or int(version) in keys:
            raise ImproperlyConfigured(f"{name}: each line is a new version and 32 bytes in base64")
        keys[int(version)] = key
    return keys


def database(name: str) -> dict[str, Any]:
    """Return Django's settings for the PostgreSQL database in the variable ``name``.

    Raises:
        ImproperlyConfigured: it is not a URL of the form postgresql://user:password@host:port/name.
    """
    url = urlsplit(require(name))
    try:
        port = url.port
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: the port is not a number") from error
    if url.scheme not in {"postgresql", "postgres"} or not url.hostname or len(url.path) < 2:
        raise ImproperlyConfigured(f"{name} must read postgresql://user:password@host:port/name")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path[1:]),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": unquote(url.hostname),
        "PORT": str(port or 5432),
    }


def broker_url(name: str) -> str:
    """Return the broker's URL; Valkey and Redis (redis, rediss) and RabbitMQ (amqp, amqps) only."""
    url = require(name)
    if urlsplit(url).scheme not in {"redis", "rediss", "amqp", "amqps"}:
        raise ImproperlyConfigured(
            f"{name} must start with redis://, rediss://, amqp:// or amqps://"
        )
    return url


@dataclass(frozen=True)
class PublicUrl:
    """The address at which people reach the portal.

    Attributes:
        origin: scheme, host and port, without a slash at the end.
        host: the host name alone, for ALLOWED_HOSTS.
        is_secure: https; then cookies are Secure and HSTS is on.
    """

    origin: str
    host: str
    is_secure: bool


def public_url(name: str) -> PublicUrl:
    """Return the public address. Plain http is for loopback only.

    Raises:
        ImproperlyConfigured: it has a path, no host, or is plain http on another host.
    """
    text = require(name)
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path not in {"", "/"}:
        raise ImproperlyConfigured(f"{name} must read https://host or http://127.0.0.1:port")
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ImproperlyConfigured(f"{name}: plain http is accepted on loopback only; use https")
    return PublicUrl(f"{url.scheme}://{url.netloc}", url.hostname, url.scheme == "https")


def is_loopback(host: str) -> bool:
    """True for localhost and the loopback addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
