"""A server kept as an image on the real OpenStack, and another server made from that."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from catalog.models import Difference, Resource, ResourceState
from catalog.reconciliation.looking import look_at
from catalog.services.resources import act_on_resource, retire_resource
from tests.real.conftest import finished
from tests.real.test_disks import deliver

__all__ = ["deliver"]
pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


def test_server_is_kept_as_an_image_and_begins_another(deliver, operator, requester, monkeypatch):
    def retire(resource: Resource) -> Resource:
        operation = retire_resource(resource.public_id, actor=requester, confirmation=resource.name)
        return finished(operation)

    server = deliver("server", "web-1")
    image = deliver("server_image", "gouden", server=str(server.public_id))
    project = image.cloud_project.openstack_project_id
    answers: dict[str, Any] = {**server.spec, "image": str(image.public_id)}
    again = deliver("server", "web-2", **answers)
    again = finished(
        act_on_resource(again.public_id, action="rebuild", actor=requester, confirmation=again.name)
    )

    with operator.connect_as_project({"id": project}) as cloud:
        (kept,) = cloud.image.images(owner=project)
        made_of = {found.id: found.image.id for found in cloud.compute.servers(details=True)}
    assert (kept.id, kept.status) == (image.cloud_ids["server_image"], "active")
    assert made_of[again.cloud_ids["server"]] == kept.id
    monkeypatch.setattr(settings, "DRIFT_GRACE", settings.DRIFT_GRACE * 0)
    for _ in range(2):
        assert "images" not in look_at(image.cloud_project.cloud).unanswered
    assert not Difference.objects.filter(listing="images").exists()
    for resource in (again, image, server):
        assert retire(resource).state == ResourceState.RETIRED
    with operator.connect_as_project({"id": project}) as cloud:
        assert list(cloud.image.images(owner=project)) == []
