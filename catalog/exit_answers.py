"""An exit package as an answer: the file, and its digest in a header (RFC 9530)."""

from __future__ import annotations

import base64
from typing import IO, Final

from django.http import FileResponse

from catalog.models import ExitPackage
from portal.core.calendar import day_of

ZIP_TYPE: Final = "application/zip"


def answer_package(package: ExitPackage, file: IO[bytes]) -> FileResponse:
    """The file to download; the answer closes it."""
    digest = base64.b64encode(bytes.fromhex(package.sha256)).decode()
    return FileResponse(
        file,
        as_attachment=True,
        filename=f"exit-{package.project.code}-{day_of(package.made_at):%Y-%m-%d}.zip",
        content_type=ZIP_TYPE,
        headers={"Repr-Digest": f"sha-256=:{digest}:"},
    )
