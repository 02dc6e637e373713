"""What the portal asks of a cloud about everything in it, page by page."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from portal.cloud.ports.facts import LARGEST_PAGE, Listing, Page, UsagePage


class LookPort(Protocol):
    """A part of ``portal.cloud.ports.Cloud``, and promises what that does."""

    def list_page(
        self, listing: Listing, *, project: str = "", after: str = "", limit: int = LARGEST_PAGE
    ) -> Page:
        """One page of a list over all projects, in one call; nothing is passed over or repeated.

        Each thing tells its ``project``. Of a listing in ``LISTED_PER_PROJECT`` only that of the
        named project is listed, without markers. Its limits are one thing, with the project's own
        id, and by the names of ``set_quota`` in ``details``; none when the project is gone.
        """
        ...

    def server_usage_page(
        self, start: datetime, end: datetime, *, after: str = "", limit: int = LARGEST_PAGE
    ) -> UsagePage:
        """One page of the use of servers in a period, over all projects, gone servers included.

        Counts from the moment that a server first ran; one that never did is left out.

        Args:
            start, end: whole seconds; ``end`` may not be to come, or use would be counted that
                was not there yet.
        """
        ...
