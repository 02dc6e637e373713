"""A proxy before every service of the cloud: its own catalogue leads through them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from openstack.connection import Connection

from tests.faults.dealing import Dealer, FaultProxy, origin
from tests.faults.passing import serving


@contextmanager
def faulty_cloud(
    clouds: dict[str, Any], key: str, operator: Connection, dealer: Dealer
) -> Iterator[dict[str, Any]]:
    """The content of a ``clouds.yaml`` whose cloud ``key`` is reached through faults only.

    Args:
        clouds: the content of the one that leads there directly.
        operator: somebody who may read the catalogue.
    """
    services: list[dict[str, Any]] = operator.session.auth.get_access(
        operator.session
    ).service_catalog.catalog
    login = clouds["clouds"][key]["auth"]["auth_url"]
    targets = {origin(found["url"]) for service in services for found in service["endpoints"]}
    rename: dict[str, str] = {}
    with ExitStack() as stack:
        for target in sorted({*targets, origin(login)}):
            proxy = stack.enter_context(serving(FaultProxy(target, dealer, rename)))
            rename[target] = proxy.origin
        ours = copy.deepcopy(clouds)
        ours["clouds"][key]["auth"]["auth_url"] = login.replace(
            origin(login), rename[origin(login)]
        )
        yield ours
