"""The refusals of quotas: of claims, limits, files with limits, and requests for more."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from catalog.amounts import amount_in_words
from portal.core.errors import DomainError

if TYPE_CHECKING:
    from catalog.models import Metric, QuotaRequest
    from portal.identity.models import Node


class QuotaExceeded(DomainError):
    """A level of the tree has too little left.

    Attributes:
        level: the node that refuses.
        metric: of which it has too little; ``limit``, ``claimed`` and ``asked`` are in its unit.
        wanted: the limit with which it would fit.
        ask: the names of who can give more, as shown.
    """

    code = "quota_exceeded"
    message = _(
        "This does not fit. “{node}” has {free} of {limit} left for {metric}; this asks {asked}. "
        "Who can give more: {ask}."
    )

    def __init__(
        self,
        *,
        node: Node,
        metric: Metric,
        limit: Decimal,
        claimed: Decimal,
        asked: Decimal,
        ask: str,
    ) -> None:
        self.level, self.metric, self.ask = node, metric, ask
        self.limit, self.claimed, self.asked = limit, claimed, asked
        self.wanted = claimed + asked
        super().__init__(
            node=node.name,
            metric=metric.label,
            limit=amount_in_words(metric, limit),
            free=amount_in_words(metric, max(Decimal(0), limit - claimed)),
            asked=amount_in_words(metric, asked),
            ask=ask,
        )

    @property
    def facts(self) -> dict[str, Any]:
        """As programs read them."""
        return {
            "metric": self.metric.value,
            "level": {"id": str(self.level.public_id), "name": self.level.name},
            "limit": f"{self.limit:.6f}",
            "claimed": f"{self.claimed:.6f}",
            "asked": f"{self.asked:.6f}",
            "ask": self.ask,
        }


class LimitsRefused(DomainError):
    """Limits that cannot be. ``problems``: what is wrong, by number of the limit, from zero."""

    code = "limits_refused"
    http_status = 422
    message = _("{problem}")

    def __init__(self, problems: dict[int, list[str]], *, field: str = "amount") -> None:
        self.problems = problems
        first = next(iter(problems.values()))
        super().__init__(field=field, problem=" ".join(first))


class LimitsChanged(DomainError):
    code = "limits_changed"
    message = _(
        "A limit or what is claimed changed meanwhile, so nothing was set. Look at it again."
    )


class PlanUnreadable(DomainError):
    code = "plan_unreadable"
    http_status = 422
    message = _("What was sent is not what you were shown. Begin again.")


class FileRefused(DomainError):
    """A file that cannot be read as a table of limits."""

    code = "file_refused"
    http_status = 422
    message = _("{problem}")

    def __init__(self, problem: str) -> None:
        super().__init__(field="file", problem=problem)


class OwnQuotaRequest(DomainError):
    code = "own_quota_request"
    http_status = 403
    message = _("You asked for this yourself. Another quota administrator must decide.")


class QuotaRequestSettled(DomainError):
    """Context: ``state``, as shown."""

    code = "quota_request_settled"
    message = _("Somebody was first: this request is “{state}” by now.")


class QuotaRequestWaits(DomainError):
    """``request``: what the person asked before, of the same part and metric."""

    code = "quota_request_waits"
    message = _(
        "You asked this already, and it waits. Take it back to ask something else, or wait until "
        "it is decided on."
    )

    def __init__(self, request: QuotaRequest) -> None:
        self.request = request
        super().__init__()


class QuotaNotThere(DomainError):
    """The level that must give would hand out more than it has. Context: ``problem``."""

    code = "quota_not_there"
    message = _("{problem}")


class QuotaRequestOvertaken(DomainError):
    """Context: ``why`` nothing can be given any more, in words."""

    code = "quota_request_overtaken"
    message = _("{why} So this cannot be granted any more.")
