"""The renderer, as a process of its own: python -m billing.documents.render < data > document

What it takes of memory goes back when it ends, and it cannot take more than it may.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import unicodedata
from pathlib import Path
from typing import Any, Final

import typst

MOST_MEMORY: Final = 2 * 1024**3  # bytes of addresses, of which it fills a tenth
_NOT_IN_A_FONT: Final = re.compile(r'the text `"(.+?)"` could not be displayed', re.DOTALL)
_MOST_TRIES: Final = 20  # each names a few characters, and takes as long as the document
_SURELY_THERE: Final = frozenset(
    "\u20ac\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u2022"
)  # besides Latin
_LATIN_ENDS: Final = "\u0180"
_TEMPLATE: Final = Path(__file__).parent / "statement.typ"


def render(data: str, issued_at: int) -> bytes:
    """Return the PDF. The renderer refuses what PDF/UA-1 forbids.

    Characters that no font of the program has become question marks, for PDF/UA forbids them.
    """
    for _try in range(_MOST_TRIES):
        try:
            return _compile(data, issued_at)
        except typst.TypstError as error:
            found = _NOT_IN_A_FONT.search(str(error))
            if found is None:
                raise
            missing = {mark for mark in found[1] if not mark.isascii()}
            if not missing & set(data):  # such as a sign that stands around an ordinary letter
                break
            data = "".join("?" if mark in missing else mark for mark in data)
    return _compile(_plain(data), issued_at)


def _plain(data: str) -> str:
    """With what every font has alone: rather a poor name than no document."""
    return "".join(
        mark if mark < _LATIN_ENDS or mark in _SURELY_THERE else "?"
        for mark in data
        if not unicodedata.category(mark).startswith("M")
    )


def _compile(data: str, issued_at: int) -> bytes:
    return typst.compile(
        str(_TEMPLATE),
        root=str(_TEMPLATE.parent),
        ignore_system_fonts=True,
        sys_inputs={"data": data},
        pdf_standards=["ua-1"],
        timestamp=issued_at,
    )


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    asked: dict[str, Any] = json.load(sys.stdin)
    sys.stdout.buffer.write(render(asked["data"], asked["issued_at"]))


if __name__ == "__main__":
    main()
