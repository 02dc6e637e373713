"""Text that people type, as it is kept."""

from __future__ import annotations

import unicodedata

from django.utils.translation import gettext as _


def clean_text(value: str, *, max_length: int, multiline: bool = False) -> str:
    """Return the text in Unicode's composed form, without spaces around it.

    Raises:
        ValueError: it is too long, or holds control or formatting characters.
    """
    text = unicodedata.normalize("NFC", value).strip()
    if len(text) > max_length:
        raise ValueError(_("Use at most {count} characters.").format(count=max_length))
    allowed = "\n\r\t" if multiline else ""
    if any(unicodedata.category(c)[0] == "C" and c not in allowed for c in text):
        raise ValueError(_("This text holds characters that cannot be shown. Type it again."))
    return text


def on_one_line(text: str) -> str:
    """The words of the text, whatever stood between them: for files that go line by line."""
    return " ".join(text.split())
