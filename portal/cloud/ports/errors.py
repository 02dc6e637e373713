"""How a cloud says no."""

from __future__ import annotations

from datetime import timedelta


class CloudError(Exception):
    """A call that did not succeed.

    Attributes:
        request_id: OpenStack's ``x-openstack-request-id``, or "" when no answer came.
        service: ``compute``, ``network``, ``block-storage``, ``image`` or ``identity``.
        operation: what was asked, e.g. ``create server``.
        status: the HTTP status, or None when no answer came.
    """

    def __init__(
        self,
        message: str,
        *,
        request_id: str = "",
        service: str = "",
        operation: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.service = service
        self.operation = operation
        self.status = status


class CloudUnavailable(CloudError):
    """Try later: the cloud did not answer, or asked us to wait.

    ``outcome_unknown`` is True when the request may have been carried out all the same: the
    connection broke after it was sent, a time-out, a 5xx from a gateway. ``retry_after`` is how
    long the cloud asked to be left alone.
    """

    def __init__(
        self,
        message: str,
        *,
        outcome_unknown: bool = False,
        retry_after: timedelta = timedelta(),
        **facts: object,
    ) -> None:
        super().__init__(message, **facts)  # type: ignore[arg-type]  # CloudError names them
        self.outcome_unknown = outcome_unknown
        self.retry_after = retry_after


class CloudRefused(CloudError):
    """The cloud answered no. Trying again unchanged will not work; a person must look."""


class CloudQuotaRefused(CloudRefused):
    """The cloud's own quota is too small: later while our push is under way, else a person."""


class CloudMissing(CloudRefused):
    """What was asked for is not there (404). On retirement that is success."""


class CloudTaken(CloudRefused):
    """What is there by that name was made by somebody else."""
