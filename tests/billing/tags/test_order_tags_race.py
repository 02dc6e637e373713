"""A key is withdrawn while something is delivered that was ordered with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from django.db import transaction
from django.utils.timezone import now

from billing.models import MeteredResource, TagFact, TagKey
from billing.services import order_tags
from billing.services.tag_keys import withdraw_tag_key
from portal.identity.models import Node, Organization, Person
from tests.factories.billing import LONG_AGO
from tests.races import PATIENCE, at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)
TAGS = {"fase": "test"}


@pytest.fixture
def deliver_while_withdrawn(
    ministry: Organization,
    server: MeteredResource,
    finance: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[..., list[TagKey]]], list[str]]:
    """The delivery finds its keys, and only then somebody withdraws the one."""
    TagKey.objects.create(organization=ministry, name="fase", valid_from=LONG_AGO)
    found = threading.Event()

    def run(find: Callable[..., list[TagKey]]) -> list[str]:
        def find_first(*arguments: Any) -> list[TagKey]:
            keys = find(*arguments)
            found.set()
            return keys

        def deliver() -> None:
            with transaction.atomic():
                order_tags.tag_as_ordered(server.public_id, TAGS, began_at=now())

        def withdraw() -> None:
            assert found.wait(PATIENCE)
            withdraw_tag_key(ministry, "fase", actor=finance)

        monkeypatch.setattr(order_tags, "_lock_keys", meeting(find_first))
        return at_once(deliver, withdraw)

    return run


def without_lock(project: Node, names: Mapping[str, str]) -> list[TagKey]:
    return list(TagKey.objects.filter(valid_until=None, name__in=list(names)))


def in_force() -> int:
    return TagFact.objects.filter(valid_until=None).count()


def test_nothing_keeps_the_value_of_a_key_that_there_is_no_more(
    deliver_while_withdrawn: Any,
) -> None:
    assert deliver_while_withdrawn(order_tags._lock_keys) == ["done", "done"]
    assert TagFact.objects.count() == 1
    assert in_force() == 0


def test_without_the_lock_it_would_be_kept(deliver_while_withdrawn: Any) -> None:
    assert deliver_while_withdrawn(without_lock) == ["done", "done"]
    assert in_force() == 1
