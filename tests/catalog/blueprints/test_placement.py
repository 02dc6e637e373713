"""Where a whole may stand: there where it is assessed itself, and where each of its parts is."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from catalog.models import Offering, Operation, Order, OrderState
from catalog.placement_errors import PlacementRefused
from catalog.policies import offerings_for
from catalog.services.approvals import approve_order
from catalog.services.changes import Term, place_change
from catalog.services.operations import resume_operation
from catalog.services.placement import opinions_on, try_answers
from catalog.services.preview import preview, preview_of_order
from portal.web.demo.catalogue import WEB_APPLICATION
from tests.catalog.blueprints.conftest import ANSWERS
from tests.factories import OfferingVersionFactory, answers, assessed, failed, finished, place

pytestmark = pytest.mark.django_db
WHOLE, PART = "web-application", "volume"


def too_low(code: str, cloud: Any) -> None:
    """What is offered so was assessed apart, and admits no TBB 3."""
    assessed(cloud, offering=Offering.objects.get(code=code), highest_protection_level=4)


def shown(project: Any, blueprint: Any) -> list[str]:
    return preview(project=project, version=blueprint, spec=ANSWERS, end_date=None).refusals


@pytest.mark.parametrize("code", [WHOLE, PART])
def test_it_is_refused_and_shown_so(
    code: str, requester: Any, project: Any, blueprint: Any
) -> None:
    too_low(code, blueprint.cloud)

    assert len(shown(project, blueprint)) == 1
    tried = try_answers(answers(), [blueprint], project=None, at=now())
    assert not tried[blueprint.pk].is_admissible
    with pytest.raises(PlacementRefused):
        place(requester, project, blueprint, name="zaak", spec=ANSWERS)
    assert not Order.objects.exists()


@pytest.mark.parametrize("code", [WHOLE, PART])
def test_it_is_not_approved_any_more(code: str, order: Any, approver: Any, blueprint: Any) -> None:
    too_low(code, blueprint.cloud)

    with pytest.raises(PlacementRefused):
        approve_order(order.public_id, approver=approver)

    order.refresh_from_db()
    assert order.state == OrderState.PENDING_APPROVAL


def test_stopped_work_on_a_part_does_not_go_on(order: Any, approver: Any, blueprint: Any) -> None:
    approve_order(order.public_id, approver=approver)
    delivery = failed(Operation.objects.get(resource__order_line__part="database"))
    too_low(WHOLE, blueprint.cloud)

    with pytest.raises(PlacementRefused):
        resume_operation(delivery.public_id, actor=approver)


def test_a_part_is_not_changed(order: Any, approver: Any, requester: Any, blueprint: Any) -> None:
    approve_order(order.public_id, approver=approver)
    disk = finished(Operation.objects.get(resource__order_line__part="database"))
    too_low(WHOLE, blueprint.cloud)

    with pytest.raises(PlacementRefused):
        place_change(
            requested_by=requester,
            resource=disk,
            purpose="Meer ruimte",
            answers={"volume_gib": 60},
            end_date=Term.KEPT,
            idempotency_key="groter",
        )


def test_who_decides_reads_why_not(order: Any, blueprint: Any) -> None:
    assert preview_of_order(order).refusals == []
    too_low(WHOLE, blueprint.cloud)

    assert len(preview_of_order(order).refusals) == 1


def test_advice_on_many_wholes_asks_as_much_as_on_one(project: Any, blueprint: Any) -> None:
    def count() -> int:
        versions = list(offerings_for(project).filter(offering__kind="blueprint"))
        with CaptureQueriesContext(connection) as found:
            opinions_on(project, versions)
        return len(found)

    few = count()
    for number in range(3):
        offering = Offering.objects.create(code=f"other-{number}", kind="blueprint", position=10)
        OfferingVersionFactory(
            offering=offering, cloud=blueprint.cloud, choices={"design": WEB_APPLICATION}
        )
    assert count() == few
