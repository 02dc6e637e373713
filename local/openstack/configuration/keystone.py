"""Keystone: who is who, and who may what."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from local.openstack.configuration.common import base, database
from local.openstack.configuration.files import write_ini
from local.openstack.site import Site
from local.secret_files import read_or_create

FILE = "keystone.conf"


def write(site: Site) -> None:
    """Write ``keystone.conf`` and, once, the keys of tokens and credentials."""
    state = site.state("keystone")
    sections = base(site, "keystone")
    del sections["DEFAULT"]["state_path"]
    sections |= {
        "database": database(site, "keystone"),
        "token": {"provider": "fernet", "expiration": 86400},
        "fernet_tokens": {"key_repository": _keys(state / "fernet")},
        "fernet_receipts": {"key_repository": _keys(state / "fernet")},
        "credential": {"key_repository": _keys(state / "credential")},
        # bcrypt at its default cost takes a quarter of a second of processor time a log-in; it
        # looks at 72 bytes, and Keystone warns at every log-in when more may be given.
        "identity": {"password_hash_rounds": 4, "max_password_length": 72},
        "cache": {"enabled": True, "backend": "oslo_cache.dict", "expiration_time": 60},
    }
    write_ini(site.configuration("keystone") / FILE, sections)


def _keys(repository: Path) -> Path:
    """Make a key repository: key 1 signs, key 0 is the next to do so.

    ``keystone-manage fernet_setup`` wants the name of a user and changes the owner of the files,
    which an ordinary user may not, and an anonymous user id in a container has no name at all.
    """
    for number in ("0", "1"):
        read_or_create(repository / number, _fernet_key)
    repository.chmod(0o700)
    return repository


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
