"""Assessing a place: one person drafts and proposes, another decides, and placements follow."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils.timezone import localdate, now

from catalog.models import SupplyOwner, SupplyProfile
from catalog.placement import Link
from catalog.placement_errors import (
    OwnSupply,
    PlacementRefused,
    SupplyIncomplete,
    SupplySettled,
    SupplyWaits,
)
from catalog.placement_policies import supplies_to_decide, visible_supplies
from catalog.placement_words import DependencyKind, Hosting, Keys
from catalog.services.placement import (
    CsfAnswer,
    KnownDependency,
    Place,
    SupplyChanges,
    begin_supply,
    check_placement,
    confirm_supply,
    drop_supply,
    edit_supply,
    propose_supply,
    refuse_supply,
    take_back_supply,
)
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.errors import EmergencyDecidesNothing
from portal.identity.four_eyes import SameHuman
from portal.identity.models import Person, Role
from portal.identity.services.break_glass import ISSUER as EMERGENCY
from tests.catalog.placement.answers import DATA_CENTRE
from tests.factories import (
    CloudFactory,
    PersonFactory,
    drafted_supply,
    grant,
    proposed_supply,
    unassessed,
)

pytestmark = pytest.mark.django_db
NEXT_YEAR = localdate() + timedelta(days=365)
PROOF = {"evidence": "Rapport 12", "evidenced_on": localdate()}
NAMELESS = {"name": "", "valid_until": NEXT_YEAR}
WHOLE = {code: CsfAnswer(index=answer.index, **PROOF) for code, answer in DATA_CENTRE.items()}


@pytest.fixture
def cloud(version):
    return version.cloud


@pytest.fixture
def empty(platform, cloud):
    """A draft about a cloud that nobody ever assessed."""
    SupplyProfile.objects.filter(cloud=cloud).update(ended_at=now())
    return SupplyProfile.objects.create(
        cloud=cloud, number=9, proposed_by=platform.drafter, proposed_at=now()
    )


@pytest.fixture
def proposed(platform, cloud):
    return proposed_supply(cloud, by=platform.drafter)


def last_event():
    entry = AuditEntry.objects.latest("pk")
    return entry.event, entry.result, entry.code


def say(draft, platform, **changes):
    return edit_supply(draft.public_id, SupplyChanges(**changes), actor=platform.drafter)


class TestDraft:
    def test_begins_with_what_the_last_one_said_but_until_when(self, platform, cloud):
        before = cloud.supply_profiles.get()

        draft = begin_supply(cloud, offering=None, actor=platform.drafter)

        assert (draft.number, draft.is_draft, draft.valid_until) == (before.number + 1, True, None)
        assert (draft.hosting, draft.locations) == (before.hosting, before.locations)
        assert [owner.name for owner in draft.owners.all()] == ["Overheidsdatacenter"]
        assert AuditEntry.objects.latest("pk").event == "supply.drafted"

    def test_changes_nothing_of_what_is_in_force(self, platform, cloud, project):
        draft = begin_supply(cloud, offering=None, actor=platform.drafter)

        say(draft, platform, facts={"highest_protection_level": 4})

        check_placement(project, Place.of_cloud(cloud))

    def test_keeps_every_part(self, platform, empty):
        chain = [Link(name=" Rijk BV ", jurisdiction="nl"), Link(name="Staat", jurisdiction="")]
        power = KnownDependency(
            key="stroom",
            name="Stroom",
            kind=DependencyKind.SERVICE,
            supplier="Net NV",
            jurisdiction="nl",
            is_critical=True,
            **PROOF,
        )
        facts = {
            "hosting": Hosting.GOVERNMENT,
            "keys": Keys.CUSTOMER,
            "locations": ["nl", "NL", "de"],
            "certifications": [{"name": "ISO 27001", "valid_until": NEXT_YEAR}],
            "lists_dependencies": True,
            "valid_until": NEXT_YEAR,
        }

        say(empty, platform, facts=facts, chain=chain, dependencies=[power])
        say(empty, platform, answers={"SOV-1.1": CsfAnswer(index=3), "SOV-1.3": CsfAnswer(index=1)})
        say(empty, platform, answers={"SOV-1.3": None})

        empty.refresh_from_db()
        assert empty.locations == ["NL", "DE"]
        certificate = {"name": "ISO 27001", "valid_until": NEXT_YEAR.isoformat()}
        assert empty.certifications == [certificate]
        owners = empty.owners.values_list("name", "jurisdiction", "is_operator")
        assert list(owners) == [("Rijk BV", "NL", True), ("Staat", "", False)]
        assert empty.dependencies.get().evidence == "Rapport 12"
        assert list(empty.answers.values_list("criterion", "answer")) == [("SOV-1.1", 3)]
        assert AuditEntry.objects.latest("pk").data["changed"] == ["SOV-1.3"]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"facts": {"hosting": "ergens"}}, "hosting"),
            ({"facts": {"locations": ["Nederland"]}}, "locations"),
            ({"facts": {"highest_protection_level": 5}}, "highest_protection_level"),
            ({"facts": {"valid_until": localdate() - timedelta(days=1)}}, "valid_until"),
            ({"facts": {"valid_until": localdate() + timedelta(days=1099)}}, "valid_until"),
            ({"facts": {"certifications": [NAMELESS]}}, "certifications"),
            ({"chain": [Link(name="", jurisdiction="NL")]}, "chain"),
            ({"answers": {"SOV-9.1": CsfAnswer(index=0)}}, "SOV-9.1"),
            ({"answers": {"SOV-1.1": CsfAnswer(index=4)}}, "SOV-1.1"),
            ({"answers": {"SOV-1.1": CsfAnswer(index=1, evidence="Rapport")}}, "SOV-1.1"),
            (
                {"answers": {"SOV-1.1": CsfAnswer(index=1, evidenced_on=localdate())}},
                "SOV-1.1",
            ),
            ({"facts": {"is_encrypted_at_rest": "ja"}}, "is_encrypted_at_rest"),
        ],
    )
    def test_says_at_which_part_something_cannot_be(self, platform, empty, changes, field):
        with pytest.raises(InvalidInput) as refusal:
            say(empty, platform, **changes)

        assert list(refusal.value.errors) == [field]

    def test_needs_dependencies_that_are_there(self, platform, empty):
        lost = KnownDependency(
            key="a",
            name="A",
            kind=DependencyKind.SOFTWARE,
            supplier="B",
            jurisdiction="",
            is_critical=False,
            needs=("weg",),
        )

        with pytest.raises(InvalidInput) as refusal:
            say(empty, platform, dependencies=[lost])

        assert "weg" in refusal.value.errors["dependencies"][0]

    def test_there_is_one_at_a_time(self, platform, cloud):
        begin_supply(cloud, offering=None, actor=platform.drafter)

        with pytest.raises(SupplyWaits):
            begin_supply(cloud, offering=None, actor=platform.colleague)

    def test_of_an_offering_only_where_it_is_made(self, platform, cloud, version):
        elsewhere = CloudFactory(key="zuid")

        own = begin_supply(cloud, offering=version.offering, actor=platform.drafter)

        assert own.offering == version.offering
        with pytest.raises(InvalidInput):
            begin_supply(elsewhere, offering=version.offering, actor=platform.drafter)

    def test_can_be_thrown_away(self, platform, cloud):
        draft = drafted_supply(cloud, by=platform.drafter)

        drop_supply(draft.public_id, actor=platform.colleague)

        assert cloud.supply_profiles.count() == 1
        assert last_event()[0] == "supply.dropped"

    @pytest.mark.parametrize("name", ["administrator", "auditor"])
    def test_is_made_by_operators_of_the_platform_only(self, platform, cloud, name):
        with pytest.raises(NotAllowed):
            begin_supply(cloud, offering=None, actor=getattr(platform, name))


class TestProposal:
    def test_reckons_seal_and_score_of_what_is_proven(self, platform, cloud):
        draft = drafted_supply(cloud, by=platform.drafter)
        say(draft, platform, answers=WHOLE)

        profile = propose_supply(draft.public_id, actor=platform.drafter)

        profile.refresh_from_db()
        assert (profile.seal, profile.score) == (3, Decimal("90.716850"))
        assert (profile.seals["SOV-1"], profile.seals["SOV-5"]) == (4, 3)
        assert (profile.is_draft, profile.assessed_on) == (False, localdate())

    def test_counts_a_claim_for_nothing(self, platform, cloud):
        draft = drafted_supply(cloud, by=platform.drafter)
        say(draft, platform, answers={**WHOLE, "SOV-1.1": CsfAnswer(index=3)})

        profile = propose_supply(draft.public_id, actor=platform.drafter)

        assert (profile.seal, profile.seals["SOV-1"], profile.seals["SOV-2"]) == (None, None, 4)

    def test_tells_what_every_place_must_say(self, platform, empty):
        with pytest.raises(SupplyIncomplete) as refusal:
            propose_supply(empty.public_id, actor=platform.drafter)

        assert refusal.value.context["missing"].count(",") >= 3

    def test_changes_no_more(self, platform, proposed):
        with pytest.raises(SupplySettled):
            say(proposed, platform, facts={"hosting": Hosting.PUBLIC})
        with pytest.raises(IntegrityError), transaction.atomic():
            SupplyOwner.objects.filter(profile=proposed).update(jurisdiction="US")

    def test_can_be_taken_back_by_who_made_it(self, platform, cloud, proposed):
        with pytest.raises(NotAllowed):
            take_back_supply(proposed.public_id, actor=platform.colleague)

        take_back_supply(proposed.public_id, actor=platform.drafter)

        again = begin_supply(cloud, offering=None, actor=platform.drafter)
        assert again.number == proposed.number + 1


class TestDecision:
    @pytest.mark.parametrize("name", ["colleague", "administrator"])
    def test_a_second_person_brings_it_in_force(self, platform, cloud, proposed, name):
        before = cloud.supply_profiles.get(state="confirmed")

        confirm_supply(proposed.public_id, actor=getattr(platform, name))

        before.refresh_from_db()
        proposed.refresh_from_db()
        cloud.refresh_from_db()
        assert before.ended_at is not None
        assert (proposed.state, proposed.ended_at) == ("confirmed", None)
        assert cloud.operator_profile == {"seal": None, "hosting": "government"}
        entry = AuditEntry.objects.latest("pk")
        assert (entry.event, entry.data["instead_of"]) == ("supply.confirmed", before.number)

    def test_makes_a_place_that_nobody_assessed_one_where_data_may_stand(
        self, platform, cloud, project
    ):
        unassessed(cloud)
        with pytest.raises(PlacementRefused):
            check_placement(project, Place.of_cloud(cloud))
        draft = drafted_supply(cloud, by=platform.drafter)
        say(draft, platform, answers=WHOLE)
        propose_supply(draft.public_id, actor=platform.drafter)

        confirm_supply(draft.public_id, actor=platform.colleague)

        check_placement(project, Place.of_cloud(cloud))

    def test_holds_for_what_is_placed_next(self, platform, cloud, project):
        stricter = proposed_supply(cloud, by=platform.drafter, highest_protection_level=4)

        confirm_supply(stricter.public_id, actor=platform.colleague)

        with pytest.raises(PlacementRefused):
            check_placement(project, Place.of_cloud(cloud))

    def test_is_not_of_who_proposed_it(self, platform, proposed):
        with pytest.raises(OwnSupply):
            confirm_supply(proposed.public_id, actor=platform.drafter)

        assert last_event() == ("supply.decision_refused", "refused", "own_supply")

    def test_is_not_of_the_same_human_with_another_login(self, platform, proposed):
        Person.objects.filter(pk=platform.drafter.pk).update(email="Mila@example.nl")
        Person.objects.filter(pk=platform.colleague.pk).update(email="mila@example.nl")

        with pytest.raises(SameHuman):
            confirm_supply(proposed.public_id, actor=platform.colleague)

    @pytest.mark.parametrize("role", [Role.AUDITOR, Role.REQUESTER, Role.APPROVER])
    def test_is_of_nobody_else(self, platform, proposed, role):
        person = PersonFactory()
        grant(person, role, platform.organization)

        with pytest.raises(NotAllowed):
            confirm_supply(proposed.public_id, actor=person)

    def test_is_not_made_with_emergency_access(self, platform, proposed):
        helper = PersonFactory()
        grant(helper, Role.OPERATOR, platform.organization, issuer=EMERGENCY)

        with pytest.raises(EmergencyDecidesNothing):
            confirm_supply(proposed.public_id, actor=helper)

    def test_refuses_with_a_reason_and_once(self, platform, cloud, proposed):
        refuse_supply(proposed.public_id, actor=platform.colleague, reason="Keten klopt niet.")

        proposed.refresh_from_db()
        assert (proposed.state, proposed.decision_reason) == ("refused", "Keten klopt niet.")
        with pytest.raises(SupplySettled):
            confirm_supply(proposed.public_id, actor=platform.administrator)

    def test_comes_too_late_once_the_last_day_has_passed(self, platform, proposed, monkeypatch):
        monkeypatch.setattr(
            "catalog.services.placement.supply_decisions.localdate", lambda: date(2199, 1, 1)
        )

        with pytest.raises(SupplyIncomplete):
            confirm_supply(proposed.public_id, actor=platform.colleague)


def test_drafts_are_seen_by_who_governs_the_catalogue_only(platform, cloud, proposed):
    anybody = PersonFactory()

    assert set(visible_supplies(anybody)) == {cloud.supply_profiles.get(state="confirmed")}
    assert proposed in visible_supplies(platform.auditor)
    assert list(supplies_to_decide(platform.drafter)) == []
    assert list(supplies_to_decide(platform.auditor)) == []
    assert list(supplies_to_decide(platform.colleague)) == [proposed]
