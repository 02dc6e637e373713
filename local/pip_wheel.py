"""Brings pip where Python has none: Debian keeps ``ensurepip`` in a package of its own.

The wheel is a fixed one, fetched from the index that the user's own pip would use, and run only
when its checksum is right.
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from local.errors import StartRefused

NAME: Final = "pip-26.3-py3-none-any.whl"
SHA256: Final = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
_PUBLIC_INDEX: Final = "https://pypi.org/simple"
_TIMEOUT_SECONDS: Final = 30
_LINK: Final = re.compile(rf'href="([^"]*{re.escape(NAME)}[^"]*)"')


def fetch_pip(folder: Path) -> Path:
    """Return the path of the checked wheel, put in ``folder``.

    Raises:
        StartRefused: no index has it, or what came is not the right one.
    """
    options = read_options()
    content = _from_folders(options) or _from_index(options)
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise StartRefused(f"{NAME} has the wrong checksum ({found}); it is not used")
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / NAME
    wheel.write_bytes(content)
    return wheel


def read_options() -> dict[str, str]:
    """Return pip's options that say where packages come from.

    Source: pip's documentation, "Configuration": global, user and PIP_CONFIG_FILE files in that
    order, later ones win, the environment wins from all.
    """
    options: dict[str, str] = {}
    for path in _configuration_files():
        parser = configparser.RawConfigParser()
        parser.read(path)
        for section in ("global", "install"):
            if parser.has_section(section):
                options.update(parser.items(section))
    for name in ("index-url", "find-links", "cert", "no-index"):
        variable = "PIP_" + name.upper().replace("-", "_")
        if os.environ.get(variable):
            options[name] = os.environ[variable]
    return options


def _configuration_files() -> Iterator[Path]:
    configured = os.environ.get("PIP_CONFIG_FILE", "")
    if configured == os.devnull:
        return
    yield Path("/etc/pip.conf")
    yield Path.home() / ".pip" / "pip.conf"
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    yield Path(config) / "pip" / "pip.conf"
    if configured:
        yield Path(configured)


def _from_folders(options: dict[str, str]) -> bytes | None:
    for place in options.get("find-links", "").split():
        path = Path(unquote(place.removeprefix("file://"))) / NAME
        if path.is_file():
            return path.read_bytes()
    return None


def _from_index(options: dict[str, str]) -> bytes:
    index = options.get("index-url", _PUBLIC_INDEX).rstrip("/")
    page = f"{index}/pip/"
    where = urlsplit(index).hostname or index
    try:
        link = _LINK.search(_get(page, options).decode())
        if link is None:
            raise StartRefused(f"{where} has no {NAME}; install Python's venv package instead")
        address = urljoin(page, link[1].replace("&amp;", "&"))
        return _get(_with_account_of(index, address), options)
    except (OSError, UnicodeDecodeError) as error:
        raise StartRefused(f"cannot fetch {NAME} from {where}: {error}") from error


def _with_account_of(index: str, address: str) -> str:
    """Return ``address`` with the user and password of the index, if it is on the same host."""
    theirs, parts = urlsplit(index), urlsplit(address)
    if parts.hostname == theirs.hostname and parts.scheme == theirs.scheme:
        return urlunsplit(parts._replace(netloc=theirs.netloc))
    return address


def _get(address: str, options: dict[str, str]) -> bytes:
    parts = urlsplit(address)
    if parts.scheme not in {"https", "http", "file"}:
        raise StartRefused(f"cannot fetch {NAME} over {parts.scheme}")
    netloc = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=netloc)))  # noqa: S310
    if parts.username is not None:
        account = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        encoded = base64.b64encode(account.encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {encoded}")
    context = ssl.create_default_context(cafile=options.get("cert"))
    with urllib.request.urlopen(  # noqa: S310 (the scheme was checked above)
        request, timeout=_TIMEOUT_SECONDS, context=context
    ) as answer:
        content: bytes = answer.read()
        return content
