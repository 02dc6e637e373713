"""Two administrators take each other's access or role away at the same moment: one of them does."""

import pytest

from portal.audit.models import AuditEntry
from portal.identity.access import roles_of
from portal.identity.models import Person, Role
from portal.identity.services import people, reviews, roles
from tests.portal.identity.reviews.conftest import item_of
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)
MAY = {people: "may_end", roles: "may_propose", reviews: "reached_nodes"}


@pytest.fixture
def rivals(administrator, colleague):
    return administrator, colleague


@pytest.fixture
def both_look_first(monkeypatch):
    """Whoever finds that they may waits for the other to have found so too."""
    for module, name in MAY.items():
        monkeypatch.setattr(module, name, meeting(getattr(module, name)))


@pytest.fixture
def no_locks(monkeypatch):
    monkeypatch.setattr(type(Person.objects.all()), "select_for_update", lambda self, **_: self)


def end_access(rivals, _ministry):
    one, other = rivals
    return (
        lambda: people.end_person(other.public_id, actor=one, reason="Weg"),
        lambda: people.end_person(one.public_id, actor=other, reason="Weg"),
    )


def end_role(rivals, _ministry):
    one, other = rivals
    held = {person: person.grants.get().public_id for person in rivals}
    return (
        lambda: roles.end_grant(held[other], actor=one, reason="Weg"),
        lambda: roles.end_grant(held[one], actor=other, reason="Weg"),
    )


def withdraw_and_end(rivals, ministry):
    """One in an access review, the other outside it."""
    one, other = rivals
    campaign = reviews.open_campaign(ministry.public_id, reviews.ReviewScope.ALL, opened_by=one)
    item = item_of(campaign, other)
    return (
        lambda: reviews.withdraw_grant(
            campaign.public_id, item.public_id, reviewer=one, reason="Weg"
        ),
        lambda: people.end_person(one.public_id, actor=other, reason="Weg"),
    )


WAYS = [end_access, end_role, withdraw_and_end]


def administrators_among(rivals):
    return [person for person in rivals if Role.QUOTA_ADMINISTRATOR in roles_of(person)]


@pytest.mark.parametrize("way", WAYS)
def test_the_danger_is_real_without_the_locks(rivals, ministry, both_look_first, no_locks, way):
    assert at_once(*way(rivals, ministry)) == ["done", "done"]
    assert administrators_among(rivals) == []


@pytest.mark.parametrize("way", WAYS)
def test_one_of_them_is_told_that_they_may_not(rivals, ministry, both_look_first, way):
    assert sorted(at_once(*way(rivals, ministry))) == ["NotAllowed", "done"]

    (left,) = administrators_among(rivals)
    refused = AuditEntry.objects.get(result="refused")
    assert {left.pk, refused.actor_id} == {person.pk for person in rivals}
