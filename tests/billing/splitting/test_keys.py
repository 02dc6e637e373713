"""Who may say that others bear the costs of a project, and what such a key may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from billing.errors import (
    OwnSplitKey,
    SplitKeyChains,
    SplitKeyOverlaps,
    SplitKeySettled,
    SplitKeyTooLate,
)
from billing.models import SplitKey, SplitMethod, SplitRecipient
from billing.policies import split_keys_to_decide, visible_split_keys
from billing.services.split_keys import (
    KeySays,
    confirm_key,
    propose_ending,
    propose_key,
    refuse_key,
    take_back_key,
)
from billing.services.tariff_drafts import months_to_begin
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.models import Person, Project, Role
from portal.identity.models.proposed import DecisionState
from tests.billing.splitting.conftest import around_the_guards
from tests.factories import PersonFactory, grant, make_project

pytestmark = pytest.mark.django_db
Propose = Callable[..., SplitKey]


def ahead(months: int) -> Any:
    return months_to_begin(now())[months - 1].start


@pytest.fixture
def says(gateway: Project, project: Project, other: Project) -> KeySays:
    return KeySays(
        source=gateway,
        method=SplitMethod.EQUAL,
        recipients={project: None, other: None},
        valid_from=ahead(1),
        reason="Gedeelde gateway",
    )


@pytest.fixture
def agree(first: Person, second: Person) -> Callable[[KeySays], SplitKey]:
    """Has both people of finance of the platform agree on it."""

    def agree(says: KeySays) -> SplitKey:
        return confirm_key(propose_key(says, actor=first).public_id, actor=second)

    return agree


def test_two_people_agree_on_a_key(says, first, second):
    key = propose_key(says, actor=first)
    assert (key.state, key.recipients.count()) == ("proposed", 2)

    confirm_key(key.public_id, actor=second)

    key.refresh_from_db()
    assert (key.state, key.decided_by_id) == ("confirmed", second.pk)
    events = AuditEntry.objects.filter(event__startswith="split_key").order_by("pk")
    assert [(entry.event, entry.node_id) for entry in events[:2]] == [
        ("split_key.proposed", says.source.pk),
        ("split_key.confirmed", says.source.pk),
    ]
    assert {(entry.event, entry.node_id) for entry in events[2:]} == {
        ("split_key.share_begins", project.pk) for project in says.recipients
    }


@pytest.mark.parametrize("months", [None, 3])
def test_whoever_bears_a_part_reads_until_when_how_and_only_their_own_percentage(
    says, agree, project, other, months
):
    until = ahead(months) if months else None
    parts = {project: Decimal("12.345"), other: Decimal("87.655")}

    agree(replace(says, method=SplitMethod.PERCENTAGES, recipients=parts, valid_until=until))

    key = SplitKey.objects.get()
    assert key.valid_until == until
    told = AuditEntry.objects.filter(event="split_key.share_begins")
    assert {entry.node_id: entry.data for entry in told} == {
        one.pk: {
            "key": str(key.public_id),
            "source": str(says.source.public_id),
            "from": key.valid_from.isoformat(),
            "until": key.valid_until.isoformat() if key.valid_until else None,
            "method": "percentages",
            "percentage": str(part),
        }
        for one, part in parts.items()
    }


def test_nobody_confirms_their_own_key(says, first):
    key = propose_key(says, actor=first)

    with pytest.raises(OwnSplitKey):
        confirm_key(key.public_id, actor=first)

    assert AuditEntry.objects.filter(event="split_key.decision_refused").count() == 1


def test_finance_of_all_the_projects_may_and_of_a_part_may_not(says, project, other):
    of_one, of_all = PersonFactory(), PersonFactory()
    grant(of_one, Role.FINANCE, project)
    for place in (project, other, says.source):
        grant(of_all, Role.FINANCE, place)

    with pytest.raises(NotAllowed):
        propose_key(says, actor=of_one)

    key = propose_key(says, actor=of_all)
    assert list(split_keys_to_decide(of_one)) == [key]
    with pytest.raises(NotAllowed):
        confirm_key(key.public_id, actor=of_one)


def test_who_bears_a_part_sees_the_key_and_a_stranger_does_not(says, project, first):
    key = propose_key(says, actor=first)
    bearer, stranger = PersonFactory(), PersonFactory()
    grant(bearer, Role.FINANCE, project)
    grant(stranger, Role.FINANCE, make_project())

    assert list(visible_split_keys(bearer)) == [key]
    assert list(visible_split_keys(stranger)) == []


@pytest.mark.parametrize("state", [DecisionState.REFUSED, DecisionState.WITHDRAWN])
def test_what_was_not_agreed_is_seen_by_who_sees_the_source_and_by_nobody_who_bears_nothing(
    says, project, first, second, state
):
    key = propose_key(says, actor=first)
    bearer, of_source = PersonFactory(), PersonFactory()
    grant(bearer, Role.FINANCE, project)
    grant(of_source, Role.AUDITOR, says.source)
    if state == DecisionState.REFUSED:
        refuse_key(key.public_id, actor=second, reason="Nee")
    else:
        take_back_key(key.public_id, actor=first)

    assert list(visible_split_keys(bearer)) == []
    assert list(visible_split_keys(of_source)) == [key]


def test_who_bears_a_part_sees_that_it_shall_end_until_that_is_refused(
    says, agree, project, first, second
):
    key = agree(says)
    ending = propose_ending(key.public_id, valid_from=key.valid_from, reason="Klaar", actor=first)
    bearer = PersonFactory()
    grant(bearer, Role.FINANCE, project)

    assert set(visible_split_keys(bearer)) == {key, ending}
    refuse_key(ending.public_id, actor=second, reason="Nee")
    assert list(visible_split_keys(bearer)) == [key]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"recipients": {}}, "recipients"),
        ({"valid_from": ahead(1) - timedelta(days=40)}, "valid_from"),
        ({"valid_from": ahead(1) + timedelta(days=1)}, "valid_from"),
        ({"valid_until": ahead(1)}, "valid_until"),
        ({"method": SplitMethod.PERCENTAGES}, "recipients"),
    ],
)
def test_what_is_not_right_is_told_at_its_field(says, first, changes, field):
    with pytest.raises(InvalidInput) as refused:
        propose_key(replace(says, **changes), actor=first)

    assert list(refused.value.errors) == [field]


@pytest.mark.parametrize(
    ("method", "parts", "is_right"),
    [
        (SplitMethod.PERCENTAGES, ("33.333", "66.667"), True),
        (SplitMethod.PERCENTAGES, ("33.333", "66.666"), False),
        (SplitMethod.PERCENTAGES, ("100", "0"), False),
        (SplitMethod.PERCENTAGES, ("33.3333", "66.6667"), False),
        (SplitMethod.BY_USAGE, ("50", "50"), False),
    ],
)
def test_percentages_make_a_hundred(says, first, method, parts, is_right):
    recipients = dict(zip(says.recipients, map(Decimal, parts), strict=True))
    changed = replace(says, method=method, recipients=recipients)

    if is_right:
        assert propose_key(changed, actor=first).recipients.count() == 2
    else:
        with pytest.raises(InvalidInput):
            propose_key(changed, actor=first)


def test_a_source_bears_no_part_of_itself(says, first, gateway):
    with pytest.raises(InvalidInput):
        propose_key(replace(says, recipients={gateway: None}), actor=first)


def test_a_source_has_one_key_at_a_time(says, first, agree):
    agree(replace(says, valid_until=ahead(3)))

    with pytest.raises(SplitKeyOverlaps):
        propose_key(replace(says, valid_from=ahead(2)), actor=first)

    assert agree(replace(says, valid_from=ahead(3))).state == "confirmed"


def test_costs_are_passed_on_once(says, first, second, agree, project, other, platform):
    shared = make_project(platform, name="Logcluster")
    onwards = replace(says, source=project, recipients={shared: None})
    before = propose_key(onwards, actor=first)
    agree(says)

    with pytest.raises(SplitKeyChains):
        propose_key(replace(says, source=shared, recipients={says.source: None}), actor=first)
    with pytest.raises(SplitKeyChains):
        confirm_key(before.public_id, actor=second)


def test_a_key_ends_from_a_month_to_come_when_another_agrees(says, agree, first, second):
    key = agree(says)

    ending = propose_ending(key.public_id, valid_from=ahead(4), reason="Klaar", actor=first)
    key.refresh_from_db()
    assert key.valid_until is None
    with pytest.raises(OwnSplitKey):
        confirm_key(ending.public_id, actor=first)
    confirm_key(ending.public_id, actor=second)

    key.refresh_from_db()
    assert key.valid_until == ahead(4)
    assert AuditEntry.objects.filter(event="split_key.ended").count() == 1
    ends = AuditEntry.objects.filter(event="split_key.share_ends")
    assert {entry.node_id for entry in ends} == {one.project_id for one in key.recipients.all()}


def test_what_is_ended_before_it_begins_never_holds(says, agree, first, second):
    key = agree(says)
    ending = propose_ending(key.public_id, valid_from=ahead(1), reason="Toch niet", actor=first)
    confirm_key(ending.public_id, actor=second)

    key.refresh_from_db()
    assert key.never_holds
    assert agree(says).state == "confirmed"
    with pytest.raises(SplitKeySettled):
        propose_ending(key.public_id, valid_from=ahead(1), reason="Nog eens", actor=first)


def test_nobody_confirms_once_its_month_has_begun(says, first, second):
    key = propose_key(says, actor=first)
    with transaction.atomic(), around_the_guards():
        SplitKey.objects.update(valid_from=months_to_begin(now())[0].start - timedelta(days=90))

    with pytest.raises(SplitKeyTooLate):
        confirm_key(key.public_id, actor=second)


def test_a_refusal_and_taking_back_settle_it(says, first, second):
    refused = propose_key(says, actor=first)
    taken = propose_key(replace(says, reason="Anders"), actor=first)

    refuse_key(refused.public_id, actor=second, reason="Te duur")
    with pytest.raises(NotAllowed):
        take_back_key(taken.public_id, actor=second)
    take_back_key(taken.public_id, actor=first)

    for key in (refused, taken):
        with pytest.raises(SplitKeySettled):
            confirm_key(key.public_id, actor=second)


# --- the database, whoever asks -----------------------------------------------------------------


def refusal(act: Callable[[], Any]) -> str:
    """The name of what refuses it; empty: nothing does."""
    try:
        with transaction.atomic():
            act()
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    except IntegrityError as error:
        return str(error.__cause__.diag.constraint_name)  # type: ignore[union-attr]
    return ""


def row(source: Project, person: Person, **changes: Any) -> SplitKey:
    facts = {
        "method": "percentages",
        "reason": "Zo",
        "valid_from": ahead(1),
        "recipient_count": 1,
        "proposed_by": person,
        "proposed_at": now(),
        **changes,
    }
    return SplitKey.objects.create(source=source, **facts)


@pytest.mark.parametrize(
    ("changes", "parts", "name"),
    [
        ({}, ["100"], ""),
        ({}, ["99.999"], "split_key_percentages_make_a_hundred"),
        ({}, [None], "split_key_percentages_make_a_hundred"),
        ({"method": "equal"}, ["100"], "split_key_percentages_make_a_hundred"),
        ({"recipient_count": 2}, ["100"], "split_key_has_all_its_recipients"),
        ({"recipient_count": 1}, ["50", "50"], "split_recipient_is_append_only"),
        ({"recipient_count": 0}, [], "split_key_splits_or_ends_another"),
        ({"method": "coin"}, ["100"], "split_key_splits_or_ends_another"),
        ({"reason": ""}, ["100"], "split_key_says_why"),
        ({"valid_from": ahead(1) + timedelta(days=1)}, ["100"], "split_key_is_of_whole_months"),
        ({"valid_from": ahead(1) - timedelta(days=90)}, ["100"], "split_key_is_of_whole_months"),
        ({"valid_until": ahead(1)}, ["100"], "split_key_ends_after_it_begins"),
    ],
)
def test_the_database_knows_what_a_key_is(gateway, project, other, first, changes, parts, name):
    def write() -> None:
        key = row(gateway, first, **changes)
        for place, part in zip((project, other), parts, strict=False):
            SplitRecipient.objects.create(
                key=key, project=place, percentage=Decimal(part) if part else None
            )

    assert refusal(write) == name


def test_the_database_knows_that_a_source_bears_nothing_itself(gateway, first):
    def write() -> None:
        key = row(gateway, first)
        SplitRecipient.objects.create(key=key, project=gateway, percentage=Decimal(100))

    assert refusal(write) == "split_key_source_bears_nothing_itself"


def test_the_database_lets_nobody_change_what_was_agreed(says, agree, first, second, project):
    key = agree(says)
    of_key = SplitKey.objects.filter(pk=key.pk)

    assert refusal(lambda: of_key.update(method="by_usage")) == "split_key_never_changes"
    assert refusal(lambda: of_key.update(valid_until=ahead(5))) == "split_key_never_changes"
    assert refusal(lambda: delete(key)) == "split_key_never_changes"
    recipients = SplitRecipient.objects.filter(key=key)
    assert refusal(lambda: recipients.update(project=says.source)) == (
        "split_recipient_is_append_only"
    )


def delete(key: SplitKey) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM billing_splitkey WHERE id = %s", [key.pk])


def test_the_database_lets_no_chain_and_no_overlap_be_confirmed(
    says, agree, first, second, project, platform
):
    shared = make_project(platform, name="Logcluster")
    chain = propose_key(replace(says, source=project, recipients={shared: None}), actor=first)
    overlap = propose_key(replace(says, reason="Anders"), actor=first)
    agree(says)

    def confirm(key: SplitKey) -> Callable[[], Any]:
        return lambda: SplitKey.objects.filter(pk=key.pk).update(
            state="confirmed", decided_by=second, decided_at=now()
        )

    assert refusal(confirm(chain)) == "split_key_makes_no_chain"
    assert refusal(confirm(overlap)) == "split_key_one_per_source_at_a_time"


def test_the_database_wants_two_people(says, first):
    key = propose_key(says, actor=first)

    def confirm() -> None:
        SplitKey.objects.filter(pk=key.pk).update(
            state="confirmed", decided_by=first, decided_at=now()
        )

    assert refusal(confirm) != ""
