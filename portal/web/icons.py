"""Icons: outlines of Tabler, written into the page so that they take the colour of the text."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

FOLDER: Final = Path(__file__).parent / "static" / "vendor" / "icons"
_DRAWING: Final = re.compile(r"<svg[^>]*>\s*(?:<path stroke=\"none\"[^>]*/>)?(.*)</svg>", re.S)


@cache
def _drawing(name: str) -> SafeString:
    """Return what stands inside the <svg> of an icon, without its invisible bounding box."""
    path = FOLDER / f"{name}.svg"
    if not path.is_file():
        raise ValueError(f"no icon {name!r}: add it to portal/web/vendor/icons.txt")
    match = _DRAWING.search(path.read_text("utf-8"))
    if match is None:
        raise ValueError(f"{path.name} is not an outline of Tabler")
    return mark_safe(re.sub(r"\s+", " ", match.group(1)).strip())  # noqa: S308  (vendored file)


@cache
def icon(name: str, size: str = "", css: str = "") -> SafeString:
    """Return an icon that screen readers skip; the words stand beside it.

    Args:
        name: a line of portal/web/vendor/icons.txt.
        size: "sm" (16 px), "" (20 px) or "lg" (24 px).
        css: further classes.

    Raises:
        ValueError: the icon is not vendored.
    """
    classes = " ".join(filter(None, ["cl-icon", f"cl-icon--{size}" if size else "", css]))
    return format_html(
        '<svg class="{}" viewBox="0 0 24 24" fill="none" stroke="currentColor" '
        'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">'
        "{}</svg>",
        classes,
        _drawing(name),
    )
