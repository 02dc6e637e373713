"""Reading the environment: a wrong or missing variable is one clear line, and nothing starts."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import math
import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import yaml
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


def choice(name: str, allowed: Collection[str], *, default: str) -> str:
    """Return the variable's value, which must be one of ``allowed``."""
    value = os.environ.get(name, "").strip() or default
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}")
    return value


def duration(name: str, *, default: timedelta) -> timedelta:
    """Return the variable's value, a positive number of seconds."""
    text = os.environ.get(name, "").strip()
    try:
        seconds = float(text) if text else default.total_seconds()
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a number of seconds") from error
    if not (math.isfinite(seconds) and seconds > 0):
        raise ImproperlyConfigured(f"{name} must be a positive number of seconds")
    return timedelta(seconds=seconds)


def whole_number(name: str, *, default: int, at_least: int) -> int:
    """Return the variable's value, a whole number.

    Raises:
        ImproperlyConfigured: it is something else, or smaller than ``at_least``.
    """
    text = os.environ.get(name, "").strip() or str(default)
    if not text.isdecimal() or int(text) < at_least:
        raise ImproperlyConfigured(f"{name} must be a whole number, {at_least} or more")
    return int(text)


def rates(name: str, *, keys: Collection[str]) -> dict[str, float]:
    """Return what the variable says per key, in times a second; nothing when it is not set.

    It reads ``sovereign=20, other=0.5``.

    Raises:
        ImproperlyConfigured: a key is unknown, stands twice, or has no number of 0.01 or more.
    """
    found: dict[str, float] = {}
    for part in filter(str.strip, os.environ.get(name, "").split(",")):
        key, _, text = (piece.strip() for piece in part.partition("="))
        try:
            rate = float(text)
        except ValueError:
            rate = math.nan
        if key not in keys or key in found or not (math.isfinite(rate) and rate >= 0.01):
            raise ImproperlyConfigured(
                f"{name} must read NAME=NUMBER, the name of each cloud at most once"
            )
        found[key] = rate
    return found


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
    url = _split(name)
    if url.scheme not in {"postgresql", "postgres"} or not url.hostname or len(url.path) < 2:
        raise ImproperlyConfigured(f"{name} must read postgresql://user:password@host:port/name")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path[1:]),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": unquote(url.hostname),
        "PORT": str(url.port or 5432),
    }


def broker_url(name: str) -> str:
    """Return the broker's URL; Valkey and Redis (redis, rediss) and RabbitMQ (amqp, amqps) only."""
    url = _split(name)
    if url.scheme not in {"redis", "rediss", "amqp", "amqps"}:
        raise ImproperlyConfigured(
            f"{name} must start with redis://, rediss://, amqp:// or amqps://"
        )
    if not url.hostname:
        raise ImproperlyConfigured(f"{name} names no host")
    return require(name)


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """Where e-mail is handed over.

    Attributes:
        is_encrypted: from the first byte.
        is_upgraded: encrypted by STARTTLS, or nothing is sent.
    """

    host: str
    port: int
    user: str
    password: str
    is_encrypted: bool
    is_upgraded: bool


def mail_server(name: str) -> MailServer | None:
    """Return the mail server in the variable, None when it is not set: then no mail is sent.

    smtps is encrypted from the first byte. smtp asks for encryption (STARTTLS) and goes no
    further without it, except on loopback.

    Raises:
        ImproperlyConfigured: it is not a URL of the form smtp(s)://user:password@host:port.
    """
    if not os.environ.get(name, "").strip():
        return None
    url = _split(name)
    has_more = url.path not in {"", "/"} or url.query or url.fragment
    if url.scheme not in {"smtp", "smtps"} or not url.hostname or has_more:
        raise ImproperlyConfigured(f"{name} must read smtps://user:password@host:port")
    is_encrypted = url.scheme == "smtps"
    return MailServer(
        host=unquote(url.hostname),
        port=url.port or (465 if is_encrypted else 587),
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        is_encrypted=is_encrypted,
        is_upgraded=not is_encrypted and not is_loopback(url.hostname),
    )


def _split(name: str) -> SplitResult:
    """Return the parts of the URL in the variable, of which ``port`` can be read safely."""
    try:
        url = urlsplit(require(name))
        _ = url.port
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is not a URL: {error}") from error
    return url


def cloud_names(name: str, *, file_variable: str, may_be_absent: bool) -> list[str]:
    """Return the names of clouds in the variable ``name``; each must stand in clouds.yaml.

    Only the file in ``file_variable`` is looked at. Without that variable openstacksdk looks in
    places of its own, and a missing cloud shows when it is first used.

    Args:
        may_be_absent: the file may be written later, by who starts a cloud on this machine.

    Raises:
        ImproperlyConfigured: no name is given, or the file has no such cloud.
    """
    names = [text.strip() for text in require(name).split(",") if text.strip()]
    if not names:
        raise ImproperlyConfigured(f"{name} names no cloud")
    file = os.environ.get(file_variable, "").strip()
    if not file or (may_be_absent and not Path(file).exists()):
        return names
    try:
        document = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{file_variable}: cannot read {file}: {error}") from error
    except yaml.YAMLError as error:
        raise ImproperlyConfigured(f"{file_variable}: {file} is not YAML") from error
    known = document.get("clouds") if isinstance(document, dict) else None
    if not isinstance(known, dict):
        raise ImproperlyConfigured(f"{file_variable}: {file} has no clouds")
    for cloud in names:
        if cloud not in known:
            raise ImproperlyConfigured(f"{name}: {file} has no cloud called {cloud}")
    return names


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(name: str, *, default: str) -> list[Network]:
    """Return the networks in the variable: addresses or ranges, with commas between.

    Raises:
        ImproperlyConfigured: one of them is neither.
    """
    texts = os.environ.get(name, default).split(",")
    try:
        return [ipaddress.ip_network(text.strip()) for text in texts if text.strip()]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error


def network_names(name: str) -> dict[Network, str]:
    """Return what the networks in the variable are called, the narrowest network first.

    It reads ``10.0.0.0/8=Rijksnetwerk, 192.0.2.0/24=Thuiswerkplek``; nothing when it is not set.

    Raises:
        ImproperlyConfigured: a part is not NETWORK=NAME, or a network has two names.
    """
    names: dict[Network, str] = {}
    for part in filter(str.strip, os.environ.get(name, "").split(",")):
        text, _, called = (piece.strip() for piece in part.partition("="))
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name}: {error}") from error
        if not called or network in names:
            raise ImproperlyConfigured(f"{name} must read NETWORK=NAME, each network once")
        names[network] = called
    return dict(sorted(names.items(), key=lambda named: -named[0].prefixlen))


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
    url = _split(name)
    is_origin = url.path in {"", "/"} and not (url.query or url.fragment or url.username)
    if url.scheme not in {"http", "https"} or not url.hostname or not is_origin:
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
