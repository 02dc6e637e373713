"""What was ordered with a tag gets it, whatever became of the key meanwhile."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import transaction
from django.utils.timezone import now

from billing.models import MeteredResource, TagFact, TagKey
from billing.services import tag_keys
from billing.services.order_tags import tag_as_ordered
from billing.services.tag_keys import define_tag_key
from portal.identity.models import Organization, Person, Project
from tests.factories.billing import LONG_AGO
from tests.races import PATIENCE, at_once, meeting

pytestmark = pytest.mark.django_db


def deliver(server: MeteredResource, value: str) -> list[tuple[str, str]]:
    with transaction.atomic():
        tag_as_ordered(server.public_id, {"fase": value}, began_at=now())
    return list(TagFact.objects.values_list("key", "value"))


@pytest.mark.parametrize(("value", "kept"), [("test", [("fase", "test")]), ("proef", [])])
def test_of_two_keys_of_one_name_the_highest_counts(
    ministry: Organization,
    project: Project,
    server: MeteredResource,
    value: str,
    kept: list[tuple[str, str]],
) -> None:
    """A move brings them together: neither says that it is so, and a delivery never fails on it."""
    for organization, values in ((ministry, ["test"]), (project.parent, ["proef"])):
        TagKey.objects.create(
            organization_id=organization.pk, name="fase", allowed_values=values, valid_from=LONG_AGO
        )

    assert deliver(server, value) == kept


@pytest.mark.django_db(transaction=True)
def test_what_is_defined_anew_meanwhile_is_still_the_key(
    ministry: Organization, server: MeteredResource, finance: Person, monkeypatch: Any
) -> None:
    TagKey.objects.create(
        organization=ministry, name="fase", allowed_values=["test"], valid_from=LONG_AGO
    )
    is_defined, tell = threading.Event(), meeting(tag_keys.record)

    def tell_once_somebody_waits(*arguments: Any, **named: Any) -> Any:
        is_defined.set()  # the old row is locked and has ended; nothing of it is committed
        return tell(*arguments, **named)

    monkeypatch.setattr(tag_keys, "record", tell_once_somebody_waits)

    def define() -> None:
        define_tag_key(ministry, "fase", allowed_values=["test", "proef"], actor=finance)

    def deliver_then() -> None:
        assert is_defined.wait(PATIENCE)
        deliver(server, "test")

    assert at_once(define, deliver_then) == ["done", "done"]
    assert TagFact.objects.get().value == "test"
