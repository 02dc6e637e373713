"""What a server reads at its first start: the key to log in with, and what somebody wrote."""

from __future__ import annotations

import base64
import json
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from hashlib import sha256
from typing import Final

CLOUD_CONFIG: Final = "#cloud-config"
SCRIPT: Final = "#!"
LARGEST_USER_DATA: Final = 65535  # characters in base64, of Nova's API
# cloud-init otherwise lets the last of two lists win; so keys that somebody wrote stay too.
_MERGE: Final = (
    "merge_how:\n"
    "  - {name: list, settings: [append]}\n"
    "  - {name: dict, settings: [no_replace, recurse_list]}\n"
)


def user_data(ssh_public_key: str | None, written: str | None) -> str:
    """What cloud-init reads; of both it is told in two parts."""
    if not written:
        return _key_config(ssh_public_key) if ssh_public_key else ""
    if not ssh_public_key:
        return f"{written}\n"
    parts = [f"{written}\n", _key_config(ssh_public_key, merge=_MERGE)]
    boundary = sha256("".join(parts).encode()).hexdigest()
    message = MIMEMultipart(boundary=boundary)
    for text in parts:
        subtype = "x-shellscript" if text.startswith(SCRIPT) else "cloud-config"
        message.attach(MIMEText(text, subtype, "us-ascii" if text.isascii() else "utf-8"))
    return message.as_string()


def fits(ssh_public_key: str, written: str) -> bool:
    """Whether Nova takes both together."""
    text = user_data(ssh_public_key, written)
    return len(base64.b64encode(text.encode())) <= LARGEST_USER_DATA


def _key_config(ssh_public_key: str, *, merge: str = "") -> str:
    """A JSON string is a YAML string too, but YAML reads no character from two escapes."""
    key = json.dumps(ssh_public_key, ensure_ascii=False)
    return f"{CLOUD_CONFIG}\n{merge}ssh_authorized_keys:\n  - {key}\n"
