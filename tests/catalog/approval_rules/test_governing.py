"""What a rule says takes two quota administrators, and stays as it was said."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError

from catalog.errors import OwnRule, ReasonRequired, RuleSettled, RuleWaits
from catalog.models import ApprovalRule, ApprovalRuleVersion, Offering
from catalog.services.approval_routes import rules_for
from catalog.services.approval_rules import (
    RuleSays,
    confirm_version,
    propose_rule,
    propose_version,
    refuse_version,
    take_back_version,
)
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from tests.factories import (
    OfferingVersionFactory,
    PersonFactory,
    make_organization,
    make_project,
    withdrawn,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def proposed(project, administrators):
    return propose_rule(
        node=project.parent,
        name="Groot",
        says=RuleSays(amount_from=Decimal(500), people_of_node=1),
        actor=administrators[0],
    )


def test_it_holds_once_a_second_one_confirmed_it(proposed, project, administrators):
    assert rules_for(project) == []

    confirm_version(proposed.public_id, actor=administrators[1])

    (rule,) = rules_for(project)
    assert (rule.amount_from, rule.people) == (500, 2)
    assert AuditEntry.objects.get(event="approval_rule.confirmed").actor_id == administrators[1].pk


def test_it_holds_below_its_node_alone(rule):
    rule()

    assert rules_for(make_project()) == []


def test_nobody_decides_on_their_own(proposed, administrators):
    with pytest.raises(OwnRule):
        confirm_version(proposed.public_id, actor=administrators[0])

    assert AuditEntry.objects.filter(event="approval_rule.decision_refused").exists()


def test_who_does_not_govern_there_proposes_and_decides_nothing(proposed, approver, project):
    with pytest.raises(NotAllowed):
        propose_rule(node=project.parent, name="Klein", says=RuleSays(), actor=approver)
    with pytest.raises(NotAllowed):
        confirm_version(proposed.public_id, actor=PersonFactory())


def test_another_version_takes_its_place_and_the_history_stays(rule, project, administrators):
    first = rule(people_of_node=1)
    says = RuleSays(people_of_node=2)
    second = propose_version(first.rule.public_id, says=says, actor=administrators[1])
    confirm_version(second.public_id, actor=administrators[0])

    first.refresh_from_db()
    assert first.ended_at is not None
    assert [item.people for item in rules_for(project)] == [3]


def test_a_rule_ends_by_two_people_too(rule, project, administrators):
    version = rule()
    end = propose_version(
        version.rule.public_id, says=RuleSays(ends_rule=True), actor=administrators[0]
    )
    assert len(rules_for(project)) == 1
    confirm_version(end.public_id, actor=administrators[1])

    assert rules_for(project) == []


def test_one_proposal_waits_at_a_time(proposed, administrators):
    with pytest.raises(RuleWaits):
        propose_version(proposed.rule.public_id, says=RuleSays(), actor=administrators[1])

    take_back_version(proposed.public_id, actor=administrators[0])
    propose_version(proposed.rule.public_id, says=RuleSays(), actor=administrators[1])


def test_a_no_has_a_reason_and_is_final(proposed, administrators):
    with pytest.raises(ReasonRequired):
        refuse_version(proposed.public_id, actor=administrators[1], reason=" ")
    refuse_version(proposed.public_id, actor=administrators[1], reason="Te streng")

    with pytest.raises(RuleSettled):
        confirm_version(proposed.public_id, actor=administrators[1])


@pytest.mark.parametrize(
    ("says", "field"),
    [
        ({"amount_from": Decimal(-1)}, "amount_from"),
        ({"automatic_below": Decimal(0)}, "automatic_below"),
        ({"kinds": ("unicorn",)}, "kinds"),
        ({"protection_level": 5}, "protection_level"),
        ({"people_of_project": 0}, "people_of_project"),
        ({"people_of_node": 6}, "people_of_node"),
    ],
)
def test_what_cannot_be_is_refused_at_its_field(project, administrators, says, field):
    with pytest.raises(InvalidInput) as refusal:
        propose_rule(
            node=project.parent, name="Regel", says=RuleSays(**says), actor=administrators[0]
        )

    assert set(refusal.value.errors) == {field}
    assert not ApprovalRule.objects.exists()


def test_it_may_name_one_offering_in_every_version(rule, project, version):
    rule(offering=version.offering.public_id)

    assert [item.offering for item in rules_for(project)] == [version.offering.public_id]


def test_an_offering_and_kinds_at_once_are_refused(project, administrators, version):
    says = RuleSays(offering=version.offering.public_id, kinds=("server",))
    with pytest.raises(InvalidInput) as refusal:
        propose_rule(node=project.parent, name="Regel", says=says, actor=administrators[0])

    assert set(refusal.value.errors) == {"offering"}


def test_an_offering_that_does_not_exist_for_who_proposes_is_refused(
    project, administrators, version
):
    theirs = Offering.objects.create(code="theirs", kind="server")
    OfferingVersionFactory(offering=theirs, visible_to=[make_organization()])
    says = RuleSays(offering=theirs.public_id)
    with pytest.raises(InvalidInput) as refusal:
        propose_rule(node=project.parent, name="Regel", says=says, actor=administrators[0])

    assert set(refusal.value.errors) == {"offering"}
    assert not ApprovalRule.objects.exists()


def test_what_it_named_it_may_go_on_naming(rule, project, administrators, version):
    says = RuleSays(offering=version.offering.public_id, people_of_project=2)
    named = rule(offering=version.offering.public_id).rule
    withdrawn(version)

    again = propose_version(named.public_id, says=says, actor=administrators[0])

    assert again.offering_id == version.offering_id


def refused(match):
    return pytest.raises(IntegrityError, match=match)


def test_the_database_refuses_a_rule_of_one_human(proposed, administrators):
    with refused("approval_rule_decided_by_another|another"):
        ApprovalRuleVersion.objects.update(
            state="confirmed", decided_by=administrators[0], decided_at=proposed.proposed_at
        )


@pytest.mark.parametrize("change", [{"people_of_project": 5}, {"automatic_below": 10**6}])
def test_the_database_keeps_what_was_proposed(rule, change):
    rule()

    with refused("never changes"):
        ApprovalRuleVersion.objects.update(**change)


def test_the_database_refuses_an_offering_beside_kinds(proposed, version):
    proposed.pk, proposed.public_id, proposed.number = None, uuid4(), 2
    proposed.offering, proposed.kinds = version.offering, ["server"]
    with refused("approval_rule_of_an_offering_names_no_kinds"):
        proposed.save(force_insert=True)


def test_the_database_lets_no_rule_begin_in_force(proposed, administrators):
    proposed.pk, proposed.number, proposed.state = None, 2, "confirmed"
    proposed.decided_by, proposed.decided_at = administrators[1], proposed.proposed_at
    with refused("begins as a proposal"):
        proposed.save(force_insert=True)
