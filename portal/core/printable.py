"""Text for files that cannot hold every character."""

from __future__ import annotations

import re
from typing import Final

# What XML 1.0 has no place for, not even escaped: control characters, halves of characters.
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: str) -> str:
    """The text with a replacement character where XML has no place for one."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
