"""What an answer of OpenStack means to us. No exception of the SDK passes this file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypedDict
from urllib.parse import urlsplit

import requests
from keystoneauth1 import exceptions as keystone
from openstack import exceptions as sdk
from urllib3.exceptions import NewConnectionError

from portal.cloud.ports import (
    CloudError,
    CloudMissing,
    CloudQuotaRefused,
    CloudRefused,
    CloudUnavailable,
)

SAFE_METHODS: Final = frozenset({"GET", "HEAD"})

# Not now: log in again, wait, busy, locked, too early, too many.
LATER: Final = frozenset({401, 408, 409, 423, 425, 429})
# However long a service asks to be left alone: its operator may have mended it meanwhile.
LONGEST_PAUSE: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Meaning:
    """An answer that means something else than its HTTP status does in general.

    Attributes:
        operation: a pattern of what was asked.
        reason: a pattern of the answer's text; services tell some refusals apart only there.
    """

    service: str
    operation: str
    status: int
    reason: str
    error: type[CloudError]


MEANINGS: Final = (
    # nova.exception.OverQuota ("Quota exceeded for …") and PortLimitExceeded ("Maximum number of
    # ports exceeded"); a 403 without these words is policy.
    Meaning("compute", ".*", 403, r"quota exceeded|maximum number of", CloudQuotaRefused),
    # Nova passes on that Cinder or Neutron had no room.
    Meaning("compute", ".*", 413, "", CloudQuotaRefused),
    # neutron_lib.exceptions.OverQuota; other conflicts are "in use".
    Meaning("network", ".*", 409, r'"OverQuota"', CloudQuotaRefused),
    Meaning("network", "create port", 409, r'"IpAddressGenerationFailure', CloudRefused),
    # The volume is still being made, attached or detached.
    Meaning("compute", "attach volume", 400, r"status must be", CloudUnavailable),
    Meaning("compute", "detach volume", 400, r"status must be", CloudUnavailable),
    Meaning("block-storage", "delete volume", 400, r"status must be", CloudUnavailable),
    Meaning("block-storage", "extend volume", 400, r"status must be", CloudUnavailable),
    # cinder.volume.flows.api.create_volume, where what it begins with is not ready yet.
    Meaning("block-storage", "create volume", 400, r"status must be", CloudUnavailable),
    Meaning(
        "block-storage", "(create|delete) (snapshot|backup)", 400, r"must be", CloudUnavailable
    ),
    # designate.exceptions.DuplicateZone and InvalidZone…: somebody has it, now and later.
    Meaning("dns", "create zone", 409, r"duplicate", CloudRefused),
    # neutron.extensions.quotasv2 takes no limit below what stands there: a second copy of something
    # that was asked for without an answer counts until it is found and removed.
    Meaning("network", "set quota", 400, r"already used", CloudUnavailable),
    # Cinder still counts what is being deleted.
    Meaning("block-storage", "set quota", 400, r"existing resources", CloudUnavailable),
    # cinder.exception.QuotaError is an HTTP 413 "overLimit".
    Meaning("block-storage", ".*", 413, "", CloudQuotaRefused),
)


class _Facts(TypedDict):
    request_id: str
    service: str
    operation: str
    status: int


@contextmanager
def translated_errors(service: str, operation: str) -> Iterator[None]:
    """Raise a CloudError for whatever goes wrong inside, with the facts an operator needs.

    Raises:
        CloudUnavailable: no (usable) answer, or one that says: later.
        CloudRefused: no; CloudQuotaRefused, CloudMissing where the answer is that precise.
    """
    try:
        yield
    except (sdk.HttpException, keystone.HttpError) as error:
        if error.response is None:
            raise _without_answer(error, service, operation) from error
        raise _answered(error.response, str(error.details or error), service, operation) from error
    except (sdk.SDKException, keystone.ClientException, requests.RequestException) as error:
        raise _without_answer(error, service, operation) from error


def _answered(response: requests.Response, text: str, service: str, operation: str) -> CloudError:
    """The error for an answer with an HTTP status of 400 or more."""
    status = response.status_code
    request_id = response.headers.get("x-openstack-request-id", "")
    facts: _Facts = {
        "request_id": request_id,
        "service": service,
        "operation": operation,
        "status": status,
    }
    message = f"{operation}: {status} {text} [{request_id or 'no request id'}]"
    if _is_login(response.request):
        pause = _retry_after(response)
        return CloudUnavailable(f"log in to {message}", retry_after=pause, **facts)
    for meaning in MEANINGS:
        if _fits(meaning, response, service, operation):
            return meaning.error(message, **facts)
    if status in LATER or status >= 500:
        unknown = status >= 500 and response.request.method not in SAFE_METHODS
        pause = _retry_after(response)
        return CloudUnavailable(message, outcome_unknown=unknown, retry_after=pause, **facts)
    if status == 404:
        # A proxy without its service answers 404 too. Only OpenStack's own makes a thing gone.
        return (CloudMissing if request_id else CloudUnavailable)(message, **facts)
    return CloudRefused(message, **facts)


def _retry_after(response: requests.Response) -> timedelta:
    """How long the service asks to be left alone (RFC 9110, 10.2.3), where it says so in seconds.

    As a date it would have to agree with our clock; no OpenStack service writes it so.
    """
    text = response.headers.get("Retry-After", "").strip()
    is_number = text.isascii() and text.isdecimal()
    return min(timedelta(seconds=int(text[:9])), LONGEST_PAUSE) if is_number else timedelta()


def _fits(meaning: Meaning, response: requests.Response, service: str, operation: str) -> bool:
    return (
        meaning.service == service
        and meaning.status == response.status_code
        and re.fullmatch(meaning.operation, operation) is not None
        and re.search(meaning.reason, response.text, re.IGNORECASE) is not None
    )


def _without_answer(error: Exception, service: str, operation: str) -> CloudUnavailable:
    """The error for a question that no answer came to, or one that cannot be read."""
    return CloudUnavailable(
        f"{operation}: {error}",
        outcome_unknown=_may_have_been_carried_out(error),
        service=service,
        operation=operation,
    )


def _may_have_been_carried_out(error: BaseException) -> bool:
    """False only when the request certainly did not reach the service, or asked for nothing new."""
    failure = transport_failure(error)
    if failure is None or failure.request is None:
        return False  # nothing was sent: no such cloud, no such service
    if failure.request.method in SAFE_METHODS or _is_login(failure.request):
        return False
    if isinstance(failure, requests.ConnectTimeout):
        return False
    reason = getattr(failure.args[0], "reason", None) if failure.args else None
    return not isinstance(reason, NewConnectionError)  # refused, or no such host


def transport_failure(error: BaseException | None) -> requests.RequestException | None:
    """What ``requests`` raised underneath; keystoneauth raises its own while handling that."""
    while error is not None and not isinstance(error, requests.RequestException):
        error = error.__cause__ or error.__context__
    return error


def _is_login(request: requests.PreparedRequest | requests.Request) -> bool:
    return urlsplit(request.url or "").path.endswith("/auth/tokens")
