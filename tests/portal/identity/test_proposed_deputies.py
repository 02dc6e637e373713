"""A deputy for somebody else takes two people: one proposes, the absent one or another decides."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import localdate, now

from portal.audit.models import AuditEntry
from portal.core.calendar import day_of
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.access import has_role
from portal.identity.errors import (
    AboutYourself,
    AlreadyProposed,
    DeputyNamed,
    OwnProposal,
    ProposalSettled,
    ProposerMayNot,
    RefusalNeedsReason,
)
from portal.identity.models import Deputy, ProposalState, Role, RoleGrant, RoleProposal
from portal.identity.role_policies import proposals_to_decide, visible_proposals
from portal.identity.services.deputies import appoint_deputy
from portal.identity.services.deputy_proposals import WantedDeputy, propose_deputy
from portal.identity.services.people import end_person
from portal.identity.services.proposals import grant_role, refuse_role, withdraw_proposal
from tests.factories import PersonFactory, administrator_of, grant, make_organization, propose

pytestmark = pytest.mark.django_db
CHANGE = "UPDATE identity_roleproposal SET {}"
TERM = timedelta(days=14)


@pytest.fixture
def wanted(approver, employee):
    """What is asked; a test replaces what it is about."""

    def make(**changes):
        facts = {
            "absent": approver,
            "deputy": employee,
            "first_day": localdate(),
            "last_day": localdate() + TERM,
            "reason": "Els is ziek",
        }
        return WantedDeputy(**{**facts, **changes})

    return make


@pytest.fixture
def proposal(wanted, administrator):
    return propose_deputy(wanted(), actor=administrator)


class TestProposing:
    def test_it_gives_nothing_yet(self, proposal, employee, project, administrator):
        assert not has_role(employee, project, Role.APPROVER)
        assert not Deputy.objects.exists()
        entry = AuditEntry.objects.get(event="role.proposed")
        assert (entry.actor_id, entry.node_id) == (administrator.pk, proposal.node_id)
        assert entry.data == {
            "role": "approver",
            "person": employee.pk,
            "absent": proposal.absent_id,
        }

    @pytest.mark.parametrize("who", ["employee", "auditor", "stranger", "approver"])
    def test_only_who_administers_the_approver_proposes(self, request, wanted, colleague, who):
        """The approver needs nobody: they appoint their own."""
        with pytest.raises(NotAllowed):
            propose_deputy(wanted(deputy=colleague), actor=request.getfixturevalue(who))

        entry = AuditEntry.objects.get(event="deputy.appointing_refused")
        assert entry.code == "not_allowed"

    def test_not_who_administers_only_a_part_of_what_they_approve(
        self, wanted, approver, local_administrator, ministry
    ):
        grant(approver, Role.APPROVER, make_organization(ministry, name="Andere directie"))

        with pytest.raises(NotAllowed):
            propose_deputy(wanted(), actor=local_administrator)

    def test_nobody_proposes_themselves(self, wanted, administrator):
        with pytest.raises(AboutYourself):
            propose_deputy(wanted(deputy=administrator), actor=administrator)

        entry = AuditEntry.objects.get(event="deputy.appointing_refused")
        assert (entry.actor_id, entry.code) == (administrator.pk, "about_yourself")

    def test_a_deputy_is_a_colleague_of_an_approver(self, wanted, administrator, stranger, auditor):
        for nonsense in ({"deputy": stranger}, {"absent": auditor}):
            with pytest.raises((InvalidInput, NotAllowed)):
                propose_deputy(wanted(**nonsense), actor=administrator)

        assert not RoleProposal.objects.exists()

    def test_it_has_a_reason_and_a_period_of_a_year_at_most(self, wanted, administrator):
        with pytest.raises(RefusalNeedsReason):
            propose_deputy(wanted(reason=" "), actor=administrator)
        with pytest.raises(InvalidInput):
            propose_deputy(wanted(last_day=localdate() + timedelta(days=367)), actor=administrator)

    def test_the_same_waits_once_and_beside_a_role_for_the_same_person(
        self, proposal, wanted, colleague
    ):
        with pytest.raises(AlreadyProposed):
            propose_deputy(wanted(), actor=colleague)
        propose(proposal.person, Role.APPROVER, proposal.node)


class TestDeciding:
    @pytest.mark.parametrize("who", ["approver", "colleague", "local_administrator"])
    def test_the_absent_one_or_another_administrator_says_yes(
        self, request, proposal, approver, employee, project, who
    ):
        decider = request.getfixturevalue(who)
        assert list(proposals_to_decide(decider)) == [proposal]
        appointed = grant_role(proposal.public_id, actor=decider)

        assert (appointed.absent, appointed.deputy) == (approver, employee)
        assert (appointed.appointed_by, appointed.proposal) == (decider, proposal)
        assert day_of(appointed.valid_until - timedelta(seconds=1)) == localdate() + TERM
        assert has_role(employee, project, Role.APPROVER)
        assert not employee.grants.filter(role=Role.APPROVER).exists()
        entry = AuditEntry.objects.get(event="deputy.appointed")
        assert entry.actor_id == decider.pk
        assert entry.data["proposal"] == str(proposal.public_id)

    @pytest.mark.parametrize("decide", [grant_role, refuse_role])
    def test_not_who_proposed_it(self, proposal, administrator, decide):
        assert not proposals_to_decide(administrator).exists()
        with pytest.raises(OwnProposal):
            decide(proposal.public_id, actor=administrator, reason="Spoed")

        assert AuditEntry.objects.get(event="role.decision_refused").actor_id == administrator.pk

    @pytest.mark.parametrize("decide", [grant_role, refuse_role])
    def test_not_the_deputy_even_an_administrator(self, wanted, administrator, colleague, decide):
        proposal = propose_deputy(wanted(deputy=colleague), actor=administrator)

        assert not proposals_to_decide(colleague).exists()
        with pytest.raises(AboutYourself):
            decide(proposal.public_id, actor=colleague, reason="Graag")

    @pytest.mark.parametrize("who", ["auditor", "stranger"])
    def test_nobody_without_the_role(self, request, proposal, who):
        with pytest.raises(NotAllowed):
            grant_role(proposal.public_id, actor=request.getfixturevalue(who))

    def test_not_who_administers_only_a_part_of_what_they_approve(
        self, approver, proposal, local_administrator, ministry
    ):
        """Also when the approver got the other part after it was proposed."""
        grant(approver, Role.APPROVER, make_organization(ministry, name="Andere directie"))

        assert not proposals_to_decide(local_administrator).exists()
        with pytest.raises(NotAllowed):
            grant_role(proposal.public_id, actor=local_administrator)

    def test_not_when_the_approver_went_on_to_what_its_proposer_does_not_administer(
        self, wanted, approver, local_administrator, administrator, ministry
    ):
        proposal = propose_deputy(wanted(), actor=local_administrator)
        grant(approver, Role.APPROVER, make_organization(ministry, name="Andere directie"))

        with pytest.raises(ProposerMayNot):
            grant_role(proposal.public_id, actor=administrator)

    def test_not_when_there_is_nothing_to_stand_in_for_any_more(self, proposal, approver):
        approver.grants.update(valid_until=now(), end_reason="Andere functie")

        with pytest.raises((InvalidInput, ProposerMayNot)):
            grant_role(proposal.public_id, actor=approver)
        assert not Deputy.objects.exists()

    def test_not_twice_in_the_same_days(self, proposal, approver, employee):
        appoint_deputy(employee, first_day=localdate(), last_day=localdate(), actor=approver)

        with pytest.raises(DeputyNamed):
            grant_role(proposal.public_id, actor=approver)
        proposal.refresh_from_db()
        assert proposal.state == ProposalState.PROPOSED

    def test_the_absent_one_refuses(self, proposal, approver, employee, project):
        refuse_role(proposal.public_id, actor=approver, reason="Ik ben er gewoon")

        assert not has_role(employee, project, Role.APPROVER)
        with pytest.raises(ProposalSettled):
            grant_role(proposal.public_id, actor=approver)

    def test_who_proposed_takes_it_back(self, proposal, administrator):
        withdraw_proposal(proposal.public_id, actor=administrator)

        assert AuditEntry.objects.filter(event="role.proposal_withdrawn").exists()

    def test_the_absent_one_sees_it_and_others_who_approve_do_not(
        self, proposal, approver, project
    ):
        other = PersonFactory()
        grant(other, Role.APPROVER, project)

        assert list(visible_proposals(approver)) == [proposal]
        assert not visible_proposals(other).exists()

    def test_it_is_withdrawn_when_the_absent_one_leaves(self, proposal, approver, colleague):
        end_person(approver.public_id, actor=colleague, reason="Uit dienst")

        proposal.refresh_from_db()
        assert proposal.state == ProposalState.WITHDRAWN


class TestDatabase:
    """No statement gets round it, whoever sends it."""

    def appointment(self, proposal, decider, **changes):
        facts = {
            "absent": proposal.absent,
            "deputy": proposal.person,
            "appointed_by": decider,
            "proposal": proposal,
            "valid_from": proposal.valid_from,
            "valid_until": proposal.valid_until,
        }
        return Deputy(**{**facts, **changes})

    def say_yes(self, proposal, decider):
        RoleProposal.objects.update(
            state=ProposalState.GRANTED, decided_by=decider, decided_at=now()
        )
        return self.appointment(proposal, decider)

    def test_what_was_decided_is_accepted(self, proposal, colleague):
        self.say_yes(proposal, colleague).save(force_insert=True)

    def test_an_administrator_alone(self, approver, employee, administrator):
        appointment = Deputy(
            absent=approver,
            deputy=employee,
            appointed_by=administrator,
            valid_from=now(),
            valid_until=now() + timedelta(days=1),
        )
        with pytest.raises(IntegrityError, match="or_by_two"), transaction.atomic():
            appointment.save()

    @pytest.mark.parametrize(
        ("name", "who", "said"),
        [
            ("appointed_by", "administrator", "names_its_proposal"),
            ("appointed_by", "approver", "names_its_proposal"),
            ("deputy", "auditor", "names_its_proposal"),
            ("absent", "auditor", "only an approver has a deputy"),
        ],
    )
    def test_other_people_than_decided(self, request, proposal, colleague, name, who, said):
        appointment = self.say_yes(proposal, colleague)
        setattr(appointment, name, request.getfixturevalue(who))

        with pytest.raises(IntegrityError, match=said), transaction.atomic():
            appointment.save()

    @pytest.mark.parametrize(
        ("name", "shift", "said"),
        [
            ("valid_until", timedelta(1), "as it was decided"),
            ("valid_from", timedelta(minutes=-1), "as it was decided"),
            ("valid_from", timedelta(-1), "for the past"),
        ],
    )
    def test_other_days_than_decided(self, proposal, colleague, name, shift, said):
        appointment = self.say_yes(proposal, colleague)
        setattr(appointment, name, getattr(appointment, name) + shift)

        with pytest.raises(IntegrityError, match=said), transaction.atomic():
            appointment.save()

    def test_without_a_yes(self, proposal, colleague):
        with pytest.raises(IntegrityError, match="as it was decided"), transaction.atomic():
            self.appointment(proposal, colleague).save()

    def test_a_proposal_of_a_deputy_never_becomes_a_role(self, proposal, colleague):
        self.say_yes(proposal, colleague)

        with pytest.raises(IntegrityError, match="gets no role"), transaction.atomic():
            RoleGrant.objects.create(
                person=proposal.person,
                node=proposal.node,
                role=proposal.role,
                granted_by=colleague,
                proposal=proposal,
                valid_from=proposal.valid_from,
                valid_until=proposal.valid_until,
            )

    def test_a_role_that_was_proposed_appoints_no_deputy(self, employee, project, approver):
        proposal = propose(employee, Role.APPROVER, project)
        appointment = self.say_yes(proposal, approver)
        appointment.absent = approver
        appointment.appointed_by = administrator_of(approver.grants.get().node)

        with pytest.raises(IntegrityError, match="names_its_proposal"), transaction.atomic():
            appointment.save()

    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ("absent_id = NULL", "never changes"),
            ("absent_id = proposed_by_id", "never changes"),
            (
                "state = 'granted', decided_by_id = proposed_by_id, decided_at = now()",
                "decided_by_another_person",
            ),
            (
                "state = 'granted', decided_by_id = person_id, decided_at = now()",
                "decided_by_another_person",
            ),
        ],
    )
    def test_a_proposal(self, proposal, change, constraint):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            run(CHANGE.format(change))

    @pytest.mark.parametrize(
        "changes", [{"role": Role.FINANCE}, {"amount_limit": 5}, {"absent": "person"}]
    )
    def test_a_deputy_is_for_another_approver_without_a_limit_of_its_own(self, proposal, changes):
        proposal.pk, proposal.public_id = None, "5b0b0a5e-0000-4000-8000-000000000001"
        for name, value in changes.items():
            setattr(proposal, name, proposal.person if value == "person" else value)

        with pytest.raises(IntegrityError, match="for_another_approver"), transaction.atomic():
            proposal.save(force_insert=True)


def run(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
