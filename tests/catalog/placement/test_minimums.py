"""Which SEAL is enough: the default, until two people set another."""

from __future__ import annotations

from html import unescape

import pytest
from django.urls import reverse
from django.utils.html import strip_tags

from catalog.models import SealMinimum
from catalog.placement import DEFAULT_MINIMUMS
from catalog.placement_errors import (
    MinimumSettled,
    MinimumWaits,
    OwnMinimum,
    PlacementRefused,
)
from catalog.placement_policies import minimums_to_decide
from catalog.placement_words import Objective
from catalog.services.placement import Place, check_placement
from catalog.services.placement.minimums import (
    confirm_minimum,
    minimums_in_force,
    propose_minimum,
    refuse_minimum,
    take_back_minimum,
)
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.four_eyes import SameHuman
from portal.identity.models import Person
from tests.factories import PersonFactory
from tests.logins import log_in

pytestmark = pytest.mark.django_db
ENGLISH = {"accept-language": "en"}


def text_of(response):
    return " ".join(unescape(strip_tags(response.content.decode())).split())


@pytest.fixture
def proposed(platform):
    """TBB 3 asks for the highest level in one objective."""
    return propose_minimum(3, Objective.SOV_5, 4, actor=platform.drafter)


def test_without_any_the_default_holds():
    assert minimums_in_force() == DEFAULT_MINIMUMS


def test_a_second_person_sets_one_and_placements_follow(platform, proposed, version, project):
    place = Place.of_cloud(version.cloud)
    check_placement(project, place)

    confirm_minimum(proposed.public_id, actor=platform.administrator)

    assert minimums_in_force() == {**DEFAULT_MINIMUMS, (3, Objective.SOV_5): 4}
    with pytest.raises(PlacementRefused):
        check_placement(project, place)
    assert AuditEntry.objects.latest("pk").data["objective"] == "SOV-5"


def test_of_all_objectives_leaves_those_that_have_one_of_their_own(platform):
    for objective, seal in ((Objective.SOV_1, 3), (None, 1)):
        minimum = propose_minimum(4, objective, seal, actor=platform.drafter)
        confirm_minimum(minimum.public_id, actor=platform.colleague)

    found = minimums_in_force()

    assert found[4, Objective.SOV_1] == 3
    assert {found[4, each] for each in Objective if each != Objective.SOV_1} == {1}


def test_the_next_one_takes_its_place(platform, proposed):
    confirm_minimum(proposed.public_id, actor=platform.colleague)
    other = propose_minimum(3, Objective.SOV_5, 2, actor=platform.colleague)

    confirm_minimum(other.public_id, actor=platform.drafter)

    proposed.refresh_from_db()
    assert proposed.ended_at is not None
    assert minimums_in_force()[3, Objective.SOV_5] == 2


@pytest.mark.parametrize(
    ("level", "objective", "seal"),
    [(4, Objective.SOV_1, 4), (1, Objective.SOV_1, 3), (2, None, 2), (5, None, 2), (3, None, 5)],
)
def test_a_higher_interest_never_asks_for_less(platform, level, objective, seal):
    with pytest.raises(InvalidInput):
        propose_minimum(level, objective, seal, actor=platform.drafter)


def test_what_was_right_when_proposed_is_looked_at_again(platform):
    """Two proposals that are each right, and not together."""
    lower = propose_minimum(3, Objective.SOV_1, 4, actor=platform.drafter)
    higher = propose_minimum(2, Objective.SOV_1, 3, actor=platform.drafter)
    confirm_minimum(lower.public_id, actor=platform.colleague)

    with pytest.raises(InvalidInput):
        confirm_minimum(higher.public_id, actor=platform.colleague)


def test_one_waits_at_a_time(platform, proposed):
    with pytest.raises(MinimumWaits):
        propose_minimum(3, Objective.SOV_5, 2, actor=platform.colleague)


def test_who_proposed_it_does_not_decide(platform, proposed):
    with pytest.raises(OwnMinimum):
        confirm_minimum(proposed.public_id, actor=platform.drafter)

    entry = AuditEntry.objects.latest("pk")
    assert (entry.event, entry.code) == ("seal_minimum.decision_refused", "own_minimum")
    assert list(minimums_to_decide(platform.drafter)) == []
    assert list(minimums_to_decide(platform.colleague)) == [proposed]


def test_nor_does_the_same_human_with_another_login(platform, proposed):
    Person.objects.filter(pk=platform.drafter.pk).update(email="Mila@example.nl")
    Person.objects.filter(pk=platform.colleague.pk).update(email="mila@example.nl")

    with pytest.raises(SameHuman):
        confirm_minimum(proposed.public_id, actor=platform.colleague)


def test_nor_does_an_auditor(platform, proposed):
    with pytest.raises(NotAllowed):
        confirm_minimum(proposed.public_id, actor=platform.auditor)
    with pytest.raises(NotAllowed):
        propose_minimum(1, None, 4, actor=platform.administrator)


def test_it_is_refused_or_taken_back_once(platform, proposed):
    refuse_minimum(proposed.public_id, actor=platform.colleague, reason="Te hoog.")

    with pytest.raises(MinimumSettled):
        take_back_minimum(proposed.public_id, actor=platform.drafter)
    assert minimums_in_force() == DEFAULT_MINIMUMS


def test_everybody_reads_the_table_and_few_how_it_came_to_be(client, platform, proposed):
    address = reverse("catalog:seal-minimums")
    log_in(client, PersonFactory())
    everybody = text_of(client.get(address, headers=ENGLISH))
    log_in(client, platform.auditor)
    auditor = text_of(client.get(address, headers=ENGLISH))

    assert "Supply chain" in everybody
    assert "Mila de Boer" not in everybody
    assert "Proposed by Mila de Boer" in auditor


def test_the_page_proposes_shows_what_changes_and_decides(client, platform):
    log_in(client, platform.drafter)
    body = {"protection_level": "4", "objective": "others", "seal": "1"}
    sent = client.post(reverse("catalog:seal-minimums"), body)
    minimum = SealMinimum.objects.get()
    log_in(client, platform.colleague)

    shown = client.get(sent["Location"], headers=ENGLISH)
    client.post(reverse("catalog:seal-minimum-confirm", args=[minimum.public_id]))

    changes = [(before, after) for _name, before, after in shown.context["changes"]]
    assert changes == [(2, 1)] * 8
    minimum.refresh_from_db()
    assert minimum.state == "confirmed"
