"""A file by the clock as an answer, on the page and for programs."""

from __future__ import annotations

from django.http import Http404, HttpResponseBase, StreamingHttpResponse

from billing.file_contents import MEDIA_TYPES, name_of
from billing.models import FileKind, FileState, ScheduledFile
from billing.services.scheduled_files import read_file


def answer_scheduled(file: ScheduledFile) -> HttpResponseBase:
    """The file to download.

    Raises:
        Http404: it is not there yet, or not any more.
    """
    if file.state != FileState.READY:
        raise Http404
    return StreamingHttpResponse(
        read_file(file),
        content_type=MEDIA_TYPES[FileKind(file.schedule.kind)],
        headers={
            "Content-Disposition": f'attachment; filename="{name_of(file)}"',
            "Content-Length": str(file.size),
        },
    )
