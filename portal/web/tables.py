"""Tables that become blocks on a small screen and stay tables for a screen reader.

``display: block`` takes the meaning of a table away, so the roles are written out, and every cell
repeats the name of its column in ``data-label``. Authors write a plain table.
"""

from __future__ import annotations

from html import escape, unescape
from html.parser import HTMLParser
from typing import Final

ROLES: Final = {
    "table": "table",
    "thead": "rowgroup",
    "tbody": "rowgroup",
    "tfoot": "rowgroup",
    "tr": "row",
    "td": "cell",
}


class _Annotator(HTMLParser):
    """Copies HTML and adds roles and labels to the table in it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.output: list[str] = []
        self.headings: list[str] = []
        self.in_heading = False
        self.column = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        extra: list[tuple[str, str]] = []
        if tag == "tr":
            self.column = 0
        if tag == "th" and dict(attrs).get("scope") == "col":
            extra.append(("role", "columnheader"))
            self.headings.append("")
            self.in_heading = True
        elif tag == "th":
            extra.append(("role", "rowheader"))
        elif tag in ROLES:
            extra.append(("role", ROLES[tag]))
        if tag == "td":
            extra += self._label(dict(attrs))
        if tag in {"td", "th"}:
            self.column += int(dict(attrs).get("colspan") or 1)
        written = "".join(f' {name}="{escape(value)}"' for name, value in extra)
        source = self.get_starttag_text() or ""
        end = len(source) - (2 if source.endswith("/>") else 1)
        self.output.append(source[:end] + written + source[end:])

    handle_startendtag = handle_starttag

    def _label(self, attributes: dict[str, str | None]) -> list[tuple[str, str]]:
        """Return the cell's ``data-label``, unless the author wants none or the column has none."""
        if "data-nolabel" in attributes or self.column >= len(self.headings):
            return []
        heading = " ".join(self.headings[self.column].split())
        return [("data-label", heading)] if heading else []

    def handle_endtag(self, tag: str) -> None:
        if tag == "th":
            self.in_heading = False
        self.output.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.in_heading:
            self.headings[-1] += data
        self.output.append(data)

    def handle_entityref(self, name: str) -> None:
        self._copy_reference(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._copy_reference(f"&#{name};")

    def _copy_reference(self, reference: str) -> None:
        if self.in_heading:
            self.headings[-1] += unescape(reference)
        self.output.append(reference)

    def handle_comment(self, data: str) -> None:
        self.output.append(f"<!--{data}-->")


def annotate_table(html: str) -> str:
    """Return the HTML of one table with ARIA roles and ``data-label`` on its cells.

    Column headings are the ``<th scope="col">`` of the head. A cell that needs no label has the
    attribute ``data-nolabel``.
    """
    annotator = _Annotator()
    annotator.feed(html)
    annotator.close()
    return "".join(annotator.output)
