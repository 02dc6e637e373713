"""Tags that are required, as programs give them: one answer for all that is ordered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from billing.models import TagKey
from catalog.models import Order
from tests.catalog.api.conftest import Api, assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def phase(project: Any) -> TagKey:
    return TagKey.objects.create(
        organization_id=project.parent_id,
        name="fase",
        allowed_values=["test", "productie"],
        is_required=True,
        valid_from=now() - timedelta(days=1),
    )


def several(body: dict[str, Any], **tags: str) -> dict[str, Any]:
    line = {name: body[name] for name in ("offering", "spec", "end_date")}
    return {
        "project": body["project"],
        "purpose": body["purpose"],
        "lines": [{**line, "name": "web-01"}, {**line, "name": "web-02"}],
        "tags": tags,
    }


def test_line_shows_what_it_was_ordered_with(as_requester: Api, body: Any, phase: Any) -> None:
    response = as_requester.order({**body, "tags": {"fase": "test"}})

    assert response.status_code == 201
    assert response.json()["lines"][0]["tags"] == {"fase": "test"}


def test_every_line_gets_the_one_answer(as_requester: Api, body: Any, phase: Any) -> None:
    response = as_requester.order(several(body, fase="test"))

    assert [line["tags"] for line in response.json()["lines"]] == [{"fase": "test"}] * 2


@pytest.mark.parametrize(
    ("tags", "names"),
    [
        ({}, ["tags.fase"]),
        ({"fase": "acceptatie"}, ["tags.fase"]),
        ({"fase": "test", "kleur": "rood"}, ["tags.kleur"]),
        ({"fase": 3}, ["tags.fase"]),
        ({"fase": "test", "lang": "a" * 41}, ["tags.lang"]),
    ],
)
def test_what_is_wrong_is_told_once_at_its_name(
    as_requester: Api, body: Any, phase: Any, nothing_happens: Any, tags: Any, names: Any
) -> None:
    for sent in ({**body, "tags": tags}, {**several(body), "tags": tags}):
        assert_problem(as_requester.order(sent), 400, "invalid_input", *names)
    nothing_happens()


def test_same_key_with_other_tags_is_a_mistake(as_requester: Api, body: Any, phase: Any) -> None:
    first = as_requester.order({**body, "tags": {"fase": "test"}}, key="k-1")
    same = as_requester.order({**body, "tags": {"fase": "test"}}, key="k-1")
    other = as_requester.order({**body, "tags": {"fase": "productie"}}, key="k-1")

    assert (first.status_code, same.status_code) == (201, 200)
    assert_problem(other, 422, "idempotency_conflict")
    assert Order.objects.count() == 1
