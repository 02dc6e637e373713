"""The files that a page offers, fetched as a person does: by its buttons."""

from __future__ import annotations

import csv
import re
from html import unescape
from io import BytesIO, StringIO
from typing import Any

from django.test import Client
from openpyxl import load_workbook

from portal.core.sheets import CSV_TYPE, XLSX_TYPE

_LINK = re.compile(r'<a [^>]*href="([^"]+)"[^>]*>(.*?)</a>', re.DOTALL)


def download(client: Client, page: Any, of: str = "") -> list[list[str]]:
    """The rows of the CSV file that the page has ``of`` something; Excel has as many, as wide."""
    found = _addresses(page, of)
    assert set(found) == {"Excel", "CSV"}, found
    text = _fetch(client, found["CSV"], CSV_TYPE).decode("utf-8-sig")
    rows = list(csv.reader(StringIO(text)))
    sheet = load_workbook(BytesIO(_fetch(client, found["Excel"], XLSX_TYPE))).active
    assert (sheet.max_row, sheet.max_column) == (len(rows), len(rows[0]))
    return rows


def _fetch(client: Client, url: str, media_type: str) -> bytes:
    answer: Any = client.get(url, headers={"accept-language": "en"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == media_type
    content: bytes = answer.getvalue()
    return content


def _addresses(page: Any, of: str) -> dict[str, str]:
    """Where the buttons of one file lead to, by what they say."""
    says = {
        re.sub(r"<[^>]+>", "", inside).strip(): unescape(url)
        for url, inside in _LINK.findall(page.content.decode())
    }
    asked = {form: f"{form}: {of}" if of else form for form in ("Excel", "CSV")}
    return {form: says[text] for form, text in asked.items() if text in says}
