"""How the portal talks HTTP to a cloud: as whom, how patiently, and never the same POST twice."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

import requests
from keystoneauth1.exceptions import (
    ClientException,
    DiscoveryFailure,
    EndpointNotFound,
    Unauthorized,
)
from keystoneauth1.session import Session
from openstack.config import OpenStackConfig
from openstack.connection import Connection
from openstack.exceptions import ServiceDisabledException

from portal.cloud.openstack.errors import (
    SAFE_METHODS,
    translated_errors,
    transport_failure,
)

CONNECT_AND_READ_SECONDS: Final = (5, 30)
PROJECTS_KEPT: Final = 128  # connections per process; a worker rarely serves more at a time

# 2.52: tags in the body of a create call, our marker. 2.69: a server in a cell that is down is
# listed as UNKNOWN; before that it is left out, which would look as if it were gone. 2.90 (Yoga,
# 2022) is the oldest release that the portal is meant for. Fixed, so that an upgrade of the cloud
# changes no answer. https://docs.openstack.org/nova/latest/reference/api-microversion-history.html
COMPUTE_MICROVERSION: Final = "2.90"
# 3.60 (Wallaby, 2021) for the same reason; all that we ask is there since 3.4.
VOLUME_MICROVERSION: Final = "3.60"

# Without a handler Python prints keystoneauth's "Retrying" on stderr by itself.
logging.getLogger("keystoneauth").addHandler(logging.NullHandler())


class CautiousSession(Session):
    """A session that repeats nothing but reading, whatever ``clouds.yaml`` asks for.

    keystoneauth repeats any request after a connection failure, also one that broke off when the
    cloud was already making the server. A rejected token is no failure: nothing was done then,
    and keystoneauth logs in once more.
    """

    def request(self, url: str, method: str, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["connect_retries"] = 1 if method in SAFE_METHODS else 0
        kwargs["status_code_retries"] = 0
        kwargs["timeout"] = CONNECT_AND_READ_SECONDS
        try:
            answer = super().request(url, method, *args, **kwargs)
        except Unauthorized as error:
            if kwargs.get("authenticated") is False and self._is_of_login(url):
                # So keystoneauth looks, while it logs in, which versions Keystone has. After a 401
                # it would look again with a token: the one that it is fetching, and waits for.
                # Of other services it looks again when it has one: they may ask for it.
                raise DiscoveryFailure(str(error)) from error
            raise
        except ClientException as error:
            failure = transport_failure(error)
            if failure is not None and failure.request is None:
                # An answer that broke off half-way does not tell what it was an answer to.
                failure.request = requests.Request(method, url)
            raise
        _check_whole(answer)
        return answer

    def _is_of_login(self, url: str) -> bool:
        return url.rstrip("/") == str(getattr(self.auth, "auth_url", "")).rstrip("/")


def _check_whole(answer: requests.Response) -> None:
    """An answer that was cut on its way, at a length that agrees, is no answer.

    The SDK passes over what is no JSON, and would take it for a thing without any property.

    Raises:
        requests.InvalidJSONError: it says that it is JSON, and is not.
    """
    is_json = answer.headers.get("Content-Type", "").startswith("application/json")
    if answer.ok and answer.content and is_json:
        try:
            answer.json()
        except requests.JSONDecodeError as error:
            message = f"the answer was cut: {error}"
            raise requests.exceptions.InvalidJSONError(
                message, request=answer.request, response=answer
            ) from error


class Connections:
    """Logged-in connections to one cloud; safe to share between threads, not over a fork."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._lock = threading.Lock()
        self._service_user: Connection | None = None
        self._in_project = lru_cache(maxsize=PROJECTS_KEPT)(self._enter)

    def over_all(self) -> Connection:
        """As the service user with its own rights: projects, quotas, what the operator offers."""
        with self._lock:
            if self._service_user is None:
                self._service_user = _log_in_by_name(self._key)
            return self._service_user

    def in_project(self, project: str) -> Connection:
        """As the same user inside one Keystone project, as a member of it."""
        return self._in_project(project)

    def forget(self) -> None:
        """Log in anew at the next question, and so read the catalogue of services again."""
        with self._lock:
            self._service_user = None
        self._in_project.cache_clear()

    def _enter(self, project: str) -> Connection:
        return self.over_all().connect_as_project({"id": project})


def _log_in_by_name(key: str) -> Connection:
    """Of the environment only OS_CLIENT_CONFIG_FILE counts: an operator's OS_… are not ours."""
    path = os.environ.get("OS_CLIENT_CONFIG_FILE")
    config = OpenStackConfig(
        config_files=[path] if path else None,
        load_envvars=False,
        session_constructor=CautiousSession,
        app_name="cloudloket",
    )
    region = config.get_one(
        cloud=key,
        compute_default_microversion=COMPUTE_MICROVERSION,
        block_storage_default_microversion=VOLUME_MICROVERSION,
    )
    return Connection(config=region)


class OnCloud:
    """What every part of ``OpenStackCloud`` stands on."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    @contextmanager
    def _asking(
        self, service: str, operation: str, project: str | None = None
    ) -> Iterator[Connection]:
        """A connection to ask ``operation`` of ``service`` with: in the project, or over all.

        Raises:
            CloudError: instead of anything that openstacksdk and keystoneauth raise inside.
        """
        with translated_errors(service, operation):
            try:
                if project is None:
                    yield self._connections.over_all()
                else:
                    yield self._connections.in_project(project)
            except (EndpointNotFound, ServiceDisabledException, Unauthorized):
                # The service may join the catalogue when the cloud is further built, but the SDK
                # would call it disabled as long as the connection lives. And a password that is
                # refused may have been changed in clouds.yaml.
                self._connections.forget()
                raise
