"""A list of a cloud, page after page."""

from __future__ import annotations

from collections.abc import Iterator

from portal.cloud.ports import Cloud, Listing, Page


def pages_of(gateway: Cloud, listing: Listing, project: str = "") -> Iterator[Page]:
    """Each page of the list, of one Keystone project or ("") of all; asked for when it is read."""
    after, is_first = "", True
    while after or is_first:
        page = gateway.list_page(listing, project=project, after=after)
        after, is_first = page.after, False
        yield page
