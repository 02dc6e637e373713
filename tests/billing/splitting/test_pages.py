"""The pages about keys."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from billing.models import SplitKey, SplitMethod
from billing.services.split_keys import (
    KeySays,
    confirm_key,
    propose_ending,
    propose_key,
    refuse_key,
    take_back_key,
)
from billing.services.tariff_drafts import months_to_begin
from portal.core.calendar import month_of, start_of_day
from portal.identity.models import NodeParent, Role
from tests.billing.downloads import download
from tests.billing.months.conftest import used
from tests.billing.splitting.conftest import key_held
from tests.factories import PersonFactory, grant, make_project
from tests.logins import log_in

pytestmark = pytest.mark.django_db
PAGE = "/costs/split-keys"


def ahead(months: int) -> str:
    return months_to_begin(now())[months - 1].start.strftime("%Y-%m")


@pytest.fixture
def used_last_month(gateway, server, project, other):
    """The gateway was used all of last month."""
    month = month_of(month_of(now()).start - timedelta(days=1))
    for one in (gateway, other):
        used(one, month.start, month.end)
    NodeParent.objects.update(valid_from=start_of_day(month.start.date().replace(year=2025)))
    return month


def refused(key, first, second):
    refuse_key(key.public_id, actor=second, reason="Nee")


def taken_back(key, first, second):
    take_back_key(key.public_id, actor=first)


def ended_before_it_began(key, first, second):
    confirm_key(key.public_id, actor=second)
    ending = propose_ending(
        key.public_id, valid_from=key.valid_from, reason="Toch niet", actor=first
    )
    confirm_key(ending.public_id, actor=second)


def filled_in(gateway, project, other) -> dict[str, str]:
    return {
        "source": str(gateway.public_id),
        "method": "percentages",
        "valid_from": ahead(1),
        "valid_until": "",
        "reason": "Gedeelde gateway",
        "rows": "8",
        "project_0": str(project.public_id),
        "percentage_0": "33,333",
        "project_1": str(other.public_id),
        "percentage_1": "66,667",
    }


def test_a_key_is_proposed_looked_at_and_confirmed(
    client, gateway, project, other, first, second, used_last_month
):
    log_in(client, first)
    answer = client.post(f"{PAGE}/new", filled_in(gateway, project, other))
    key = SplitKey.objects.get()
    page = f"{PAGE}/{key.public_id}"
    assert answer["Location"] == page
    assert "Neem het voorstel terug" not in client.get(PAGE).content.decode()

    log_in(client, second)
    shown = client.get(page).content.decode()
    assert "12,80" in shown  # a third of 38.40
    assert "25,60" in shown
    client.post(f"{page}/confirm")

    key.refresh_from_db()
    assert key.state == "confirmed"
    assert "Gateway" in client.get(PAGE).content.decode()


def test_what_is_wrong_stands_at_its_field(client, gateway, project, other, first):
    log_in(client, first)
    typed = filled_in(gateway, project, other) | {"percentage_1": "66,666"}

    answer = client.post(f"{PAGE}/new", typed)

    assert answer.status_code == 422
    assert "project_0" in answer.context["form"].errors


def test_more_rows_keep_what_was_typed(client, gateway, project, other, first):
    log_in(client, first)

    answer = client.post(f"{PAGE}/new", filled_in(gateway, project, other) | {"more": "yes"})

    form = answer.context["form"]
    assert (form.row_count, form["percentage_1"].value()) == (16, "66,667")
    assert not form.errors


def test_who_bears_a_part_sees_only_that_part(client, gateway, project, other, used_last_month):
    key = key_held(gateway, [project, other], since=used_last_month.start)
    bearer = PersonFactory()
    grant(bearer, Role.FINANCE, project)
    log_in(client, bearer)

    answer = client.get(
        f"{PAGE}/{key.public_id}", {"month": used_last_month.start.strftime("%Y-%m")}
    )

    found = answer.context["found"]
    assert (found.total, found.hidden_count, found.hidden_amount) == (
        *(Decimal("38.40"), 1, Decimal("19.20")),
    )
    assert [row.project for row in found.rows] == [project]
    assert "Register" not in answer.content.decode()


def test_how_a_month_is_shared_can_be_downloaded(client, gateway, project, other, used_last_month):
    key = key_held(gateway, [project, other], since=used_last_month.start)
    bearer = PersonFactory()
    grant(bearer, Role.FINANCE, project)
    log_in(client, bearer)
    month = used_last_month.start.strftime("%Y-%m")
    page = client.get(
        f"{PAGE}/{key.public_id}", {"month": month}, headers={"accept-language": "en"}
    )

    assert download(client, page) == [
        ["Month", "Project", "Bears"],
        [month, project.name, "19.2"],
        [month, "1 other project", "19.2"],
    ]


def test_a_month_of_which_others_bear_all_can_be_looked_at(
    client, gateway, project, used_last_month
):
    key_held(gateway, [project], since=used_last_month.start)
    reader = PersonFactory()
    grant(reader, Role.FINANCE, gateway)
    log_in(client, reader)

    asked = {"node": str(gateway.public_id), "month": used_last_month.start.strftime("%Y-%m")}
    months = client.get("/costs", asked).context["overview"].year

    (shared,) = [one for one in months if one.start == used_last_month.start]
    assert (shared.total.realised, shared.can_be_chosen) == (0, True)
    assert [one.can_be_chosen for one in months].count(True) == 1


def test_a_stranger_does_not_see_the_key(client, gateway, project):
    key = key_held(gateway, [project])
    stranger = PersonFactory()
    grant(stranger, Role.FINANCE, make_project())
    log_in(client, stranger)

    assert client.get(f"{PAGE}/{key.public_id}").status_code == 404


def test_the_end_of_a_key_is_proposed_and_confirmed(client, gateway, project, first, second):
    key = key_held(gateway, [project])
    log_in(client, first)
    client.post(f"{PAGE}/{key.public_id}/end", {"valid_from": ahead(2), "reason": "Klaar"})
    ending = SplitKey.objects.get(ends=key)

    log_in(client, second)
    assert client.get(f"{PAGE}/{ending.public_id}").status_code == 200
    client.post(f"{PAGE}/{ending.public_id}/confirm")

    key.refresh_from_db()
    assert key.valid_until.strftime("%Y-%m") == ahead(2) or key.valid_until is not None
    assert client.get(f"{PAGE}/{key.public_id}").status_code == 200


@pytest.fixture
def bearer(project):
    """Sees the costs of one that bears a part, and not those of the source."""
    person = PersonFactory()
    grant(person, Role.FINANCE, project)
    return person


@pytest.fixture
def proposed(client, gateway, project, other, first, used_last_month):
    log_in(client, first)
    client.post(f"{PAGE}/new", filled_in(gateway, project, other))
    return SplitKey.objects.get()


def test_a_proposal_does_not_tell_who_would_bear_a_part_what_the_source_costs(
    client, proposed, bearer, used_last_month
):
    log_in(client, bearer)
    asked = {"month": used_last_month.start.strftime("%Y-%m")}

    answers = [client.get(f"{PAGE}/{proposed.public_id}", query) for query in ({}, asked)]

    for answer in answers:
        assert answer.context["found"] is None
        assert "38,40" not in answer.content.decode()
        assert "Als deze sleutel geldt" in answer.content.decode()
    assert client.get(f"{PAGE}/{proposed.public_id}/table.csv", asked).status_code == 404


def test_what_is_agreed_and_still_to_begin_does_not_tell_that_either(
    client, proposed, bearer, second
):
    confirm_key(proposed.public_id, actor=second)
    log_in(client, bearer)

    assert client.get(f"{PAGE}/{proposed.public_id}").context["found"] is None


def test_who_sees_only_the_source_does_not_learn_what_the_others_used(
    client, gateway, project, other, first, used_last_month
):
    """By usage, the parts of two tell what each of them used."""
    key = propose_key(
        KeySays(
            source=gateway,
            method=SplitMethod.BY_USAGE,
            recipients={project: None, other: None},
            valid_from=months_to_begin(now())[0].start,
            valid_until=None,
            reason="Gedeelde gateway",
        ),
        actor=first,
    )
    reader = PersonFactory()
    for place in (gateway, project):
        grant(reader, Role.FINANCE, place)
    log_in(client, reader)

    assert client.get(f"{PAGE}/{key.public_id}").context["found"] is None

    grant(reader, Role.AUDITOR, other)
    found = client.get(f"{PAGE}/{key.public_id}").context["found"]
    assert (found.total, found.hidden_count) == (Decimal("38.40"), 0)


@pytest.mark.parametrize("settle", [refused, taken_back, ended_before_it_began])
def test_what_came_to_nothing_tells_nobody_what_it_would_have_made(
    client, proposed, first, second, settle
):
    settle(proposed, first, second)
    proposed.refresh_from_db()

    shown = client.get(f"{PAGE}/{proposed.public_id}")

    assert proposed.came_to_nothing
    assert shown.status_code == 200
    assert shown.context["found"] is None
    assert "38,40" not in shown.content.decode()
    assert client.get(f"{PAGE}/{proposed.public_id}/table.csv").status_code == 404
