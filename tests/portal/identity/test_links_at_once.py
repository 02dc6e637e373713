"""Two links that lead to each other are confirmed at the same moment: one of them is."""

import pytest

from portal.identity.models import Person, Role
from portal.identity.services import links
from portal.identity.services.links import WantedLink, confirm_link, propose_link
from tests.factories import PersonFactory, administrator_of, grant
from tests.races import at_once, meeting

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ways(employee, administrator, colleague, project, ministry):
    """The one is joined into the other, and the other into the one."""
    twin = PersonFactory()
    grant(twin, Role.REQUESTER, project, issuer="https://elders.example.nl")
    pairs = ((twin, employee, colleague), (employee, twin, administrator_of(ministry)))
    proposals = [
        (
            propose_link(
                WantedLink(holder=holder, receiver=receiver, reason="Dezelfde"),
                actor=administrator,
            ),
            decider,
        )
        for holder, receiver, decider in pairs
    ]
    return [
        lambda link=link, decider=decider: confirm_link(link.public_id, actor=decider)
        for link, decider in proposals
    ]


@pytest.fixture
def both_look_first(monkeypatch):
    """Whoever finds that it can be done waits for the other to have found so too."""
    look = links.may_still_propose_link
    monkeypatch.setattr(links, "may_still_propose_link", meeting(look))


def test_the_danger_is_real_without_the_locks(ways, both_look_first, monkeypatch):
    """Then only the database stands in between, and says so in its own words."""
    monkeypatch.setattr(links, "lock_tree_exclusive", lambda: None)
    monkeypatch.setattr(type(Person.objects.all()), "select_for_update", lambda self, **_: self)

    assert "ProposalSettled" not in at_once(*ways)


def test_the_second_is_told_that_it_is_settled(ways, both_look_first):
    assert sorted(at_once(*ways)) == ["ProposalSettled", "done"]
    assert Person.objects.exclude(joined_into=None).count() == 1
