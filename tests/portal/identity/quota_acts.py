"""Acts about requests for more quota that bind somebody else."""

from __future__ import annotations

from decimal import Decimal

from catalog.models import Metric, QuotaRequest
from catalog.services.quota_requests import Asked, ask_quota, grant_request, refuse_request
from tests.portal.identity.doors import Doors, Get
from tests.portal.identity.rule_acts import governor_at


def granting_a_request(get: Get) -> Doors:
    request, actor = request_that_waits(get), governor_at(get)
    page = f"/quotas/requests/{request.public_id}"
    return Doors(
        actor=actor,
        service=lambda: grant_request(request.public_id, actor=actor),
        page=f"{page}/confirm",
        stands_on=page,
        api=f"/api/v1/quota-requests/{request.public_id}/decision",
        body={"decision": "confirmed"},
    )


def refusing_a_request(get: Get) -> Doors:
    request, actor = request_that_waits(get), governor_at(get)
    page = f"/quotas/requests/{request.public_id}"
    return Doors(
        actor=actor,
        service=lambda: refuse_request(request.public_id, actor=actor, reason="Ruim eerst op"),
        page=f"{page}/refuse",
        stands_on=page,
        form={"reason": "Ruim eerst op"},
        api=f"/api/v1/quota-requests/{request.public_id}/decision",
        body={"decision": "refused", "reason": "Ruim eerst op"},
    )


def request_that_waits(get: Get) -> QuotaRequest:
    asked = Asked(
        node=get("project"), metric=Metric.VCPUS, amount=Decimal(20_000), reason="Meer zaken"
    )
    return ask_quota(asked, actor=get("requester"))[0]
