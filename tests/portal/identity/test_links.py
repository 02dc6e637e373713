"""Two logins of one human become one person, when two others say so."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils.timezone import localdate, now

from catalog.models import Approval, Decision, OrderState
from catalog.policies import orders_to_decide
from catalog.services.approvals import approve_order
from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.errors import (
    AboutYourself,
    EmergencyDecidesNothing,
    HasMoreLogins,
    LinkerMayNot,
    LinkProposed,
    LoginConfined,
    LoginElsewhere,
    OwnProposal,
    PersonHasLeft,
    PersonIsActive,
    PersonJoined,
    ProposalSettled,
    RefusalNeedsReason,
)
from portal.identity.four_eyes import JoinedHuman, SameHuman, check_other_humans
from portal.identity.link_policies import links_to_decide, visible_links
from portal.identity.models import (
    ClaimBar,
    Deputy,
    Identity,
    LinkProposal,
    LoginSession,
    Person,
    ProposalState,
    Role,
    RoleGrant,
)
from portal.identity.services import break_glass, logins
from portal.identity.services.links import (
    WantedLink,
    confirm_link,
    expire_links,
    propose_link,
    propose_unlinking,
    refuse_link,
    withdraw_link,
)
from portal.identity.services.logins import ClaimedOrganization, ClaimedRole, Login
from portal.identity.services.people import (
    ERASED_NAME,
    end_person,
    erase_person,
    reinstate_person,
)
from portal.identity.services.proposals import WantedRole, propose_role
from portal.identity.services.roles import end_grant
from tests.constraints import execute, refused_by
from tests.factories import (
    PersonFactory,
    administrator_of,
    deputize,
    give_identity,
    give_numbers,
    grant,
    grant_in_portal,
    make_organization,
    place,
    propose,
)
from tests.logins import log_in

pytestmark = pytest.mark.django_db
OTHER = "https://elders.example.nl"


@pytest.fixture
def known(employee):
    """Who stays: with a login of the ministry."""
    return employee


@pytest.fixture
def twin(directorate):
    """The same human at another provider."""
    person = PersonFactory(name="Daan M.")
    grant(person, Role.APPROVER, directorate, issuer=OTHER)
    return person


@pytest.fixture
def wanted(known, twin):
    return WantedLink(holder=twin, receiver=known, reason="Belde zelf, en liet beide passen zien")


@pytest.fixture
def link(wanted, administrator):
    return propose_link(wanted, actor=administrator)


@pytest.fixture
def linked(link, colleague):
    return confirm_link(link.public_id, actor=colleague)


@pytest.fixture
def undoing(linked, twin, administrator):
    return propose_unlinking(twin, actor=administrator, reason="Toch een naamgenoot")


def lapse(claimed):
    """The login that gave it is two days ago."""
    last_login = now() - timedelta(days=2)
    RoleGrant.objects.filter(pk=claimed.pk).update(
        valid_from=last_login, valid_until=last_login + timedelta(days=1)
    )
    Person.objects.filter(pk=claimed.person_id).update(last_login=last_login)


def refusals(event):
    entries = AuditEntry.objects.filter(event=event, result="refused").order_by("pk")
    return list(entries.values_list("actor_id", "code"))


def ends_of_sessions():
    """Whose sessions ended and how, as the trail says; none lives on."""
    assert not LoginSession.objects.filter(ended_at=None).exists()
    entries = AuditEntry.objects.filter(event="session.ended").exclude(node_id=None)
    return list(entries.values_list("data__person", "data__how"))


class TestProposing:
    def test_changes_nothing_yet(self, link, twin, known, administrator):
        assert link.identity.person_id == twin.pk
        assert twin.grants.get().valid_until > now()
        entry = AuditEntry.objects.get(event="identity.link_proposed")
        assert entry.actor_id == administrator.pk
        assert entry.data == {
            "identity": link.identity_id,
            "from": twin.pk,
            "to": known.pk,
            "proposal": str(link.public_id),
        }

    @pytest.mark.parametrize("who", ["employee", "approver", "auditor", "stranger"])
    def test_takes_a_quota_administrator_of_both(self, request, wanted, who):
        actor = request.getfixturevalue(who)
        with pytest.raises((NotAllowed, AboutYourself)):
            propose_link(wanted, actor=actor)

        assert refusals("identity.linking_refused")[0][0] == actor.pk

    def test_not_one_who_administers_the_one_only(
        self, known, local_administrator, ministry, administrator
    ):
        elsewhere = PersonFactory()
        grant(elsewhere, Role.FINANCE, make_organization(ministry, name="Andere"), issuer=OTHER)
        wanted = WantedLink(holder=elsewhere, receiver=known, reason="Dezelfde")

        with pytest.raises(NotAllowed):
            propose_link(wanted, actor=local_administrator)

        assert propose_link(wanted, actor=administrator)

    def test_not_one_of_another_organization_that_somebody_logs_in_for(
        self, wanted, twin, administrator
    ):
        twin.identities.update(node=make_organization(name="Gemeente"))

        with pytest.raises(NotAllowed):
            propose_link(wanted, actor=administrator)

    @pytest.mark.parametrize("has_lapsed", [True, False])
    def test_not_one_below_whom_somebody_was_blocked(
        self, request, twin, known, administrator, colleague, local_administrator, has_lapsed
    ):
        """A link lets their login in again: who may not let them in does not link them either."""
        twin.identities.update(node=request.getfixturevalue("project"))
        held = grant(twin, Role.FINANCE, request.getfixturevalue("ministry"), issuer=OTHER)
        if has_lapsed:
            lapse(held)
        end_person(twin.public_id, actor=colleague, reason="Fraude")
        twin.refresh_from_db()
        wanted = WantedLink(holder=twin, receiver=known, reason="Dezelfde")

        with pytest.raises(NotAllowed):
            propose_link(wanted, actor=local_administrator)

        link = propose_link(wanted, actor=administrator)
        with pytest.raises(NotAllowed):
            confirm_link(link.public_id, actor=local_administrator)
        assert confirm_link(link.public_id, actor=colleague)

    @pytest.mark.parametrize("side", ["holder", "receiver"])
    def test_is_not_about_oneself(self, known, administrator, colleague, side):
        people = {"holder": known, "receiver": known, side: administrator}

        with pytest.raises(AboutYourself):
            propose_link(WantedLink(**people, reason="Ben ik"), actor=administrator)
        assert refusals("identity.linking_refused") == [(administrator.pk, "about_yourself")]

    @pytest.mark.parametrize("whose", ["known", "twin"])
    def test_nor_about_who_may_be_oneself(self, request, wanted, administrator, whose):
        for person in (administrator, request.getfixturevalue(whose)):
            Person.objects.filter(pk=person.pk).update(email="b@example.nl")

        with pytest.raises(SameHuman):
            propose_link(wanted, actor=administrator)

    def test_has_a_reason(self, known, twin, administrator):
        with pytest.raises(RefusalNeedsReason):
            propose_link(WantedLink(holder=twin, receiver=known, reason=" "), actor=administrator)

    def test_waits_once_for_a_login(self, link, wanted, colleague):
        with pytest.raises(LinkProposed):
            propose_link(wanted, actor=colleague)

    def test_is_about_somebody_who_has_access(self, wanted, known, administrator, colleague):
        end_person(known.public_id, actor=colleague, reason="Uit dienst")

        with pytest.raises(PersonHasLeft):
            propose_link(wanted, actor=administrator)

    def test_is_about_a_login(self, known, administrator, project):
        never = PersonFactory()
        grant_in_portal(never, Role.FINANCE, project)

        with pytest.raises(InvalidInput):
            propose_link(
                WantedLink(holder=never, receiver=known, reason="Dezelfde"), actor=administrator
            )

    @pytest.mark.parametrize("is_inside", [True, False])
    def test_not_of_a_login_that_would_be_refused_from_then_on(
        self, settings, wanted, twin, known, directorate, ministry, administrator, is_inside
    ):
        """It counts for its own organization alone, and who stays has a role elsewhere."""
        local = settings.OIDC_PROVIDERS["local"]
        confined = replace(local, key="other", issuer=OTHER, only_own_organization=True)
        settings.OIDC_PROVIDERS = {"local": local, "other": confined}
        twin.identities.update(node=directorate)
        grant(known, Role.FINANCE, directorate if is_inside else ministry)

        with nullcontext() if is_inside else pytest.raises(LoginConfined):
            propose_link(wanted, actor=administrator)

    def test_of_who_has_one_only(self, wanted, twin, administrator):
        give_identity(twin, "https://derde.example.nl")

        with pytest.raises(HasMoreLogins):
            propose_link(wanted, actor=administrator)

    def test_is_not_for_emergency_access(self, wanted, ministry):
        emergency = PersonFactory()
        grant(emergency, Role.QUOTA_ADMINISTRATOR, ministry, issuer=break_glass.ISSUER)

        with pytest.raises(EmergencyDecidesNothing):
            propose_link(wanted, actor=emergency)

    def test_nor_about_it(self, known, administrator, ministry):
        emergency = PersonFactory()
        grant(emergency, Role.FINANCE, ministry, issuer=break_glass.ISSUER)

        with pytest.raises(NotAllowed):
            propose_link(
                WantedLink(holder=emergency, receiver=known, reason="Dezelfde"),
                actor=administrator,
            )


class TestDeciding:
    def test_another_administrator_of_both_says_yes(self, link, colleague, administrator, known):
        assert links_to_decide(administrator) == []
        assert links_to_decide(colleague) == [link]
        assert links_to_decide(known) == []

        decided = confirm_link(link.public_id, actor=colleague, reason="Gezien")

        assert (decided.state, decided.decided_by) == (ProposalState.GRANTED, colleague)
        assert links_to_decide(colleague) == []

    @pytest.mark.parametrize("decide", [confirm_link, refuse_link])
    def test_not_who_proposed_it(self, link, administrator, decide):
        with pytest.raises(OwnProposal):
            decide(link.public_id, actor=administrator, reason="Spoed")

        assert refusals("identity.link_decision_refused") == [(administrator.pk, "own_proposal")]

    @pytest.mark.parametrize("whose", ["proposed_by", "holder", "receiver"])
    def test_not_who_may_be_one_of_them(self, link, colleague, whose):
        for person in (colleague, getattr(link, whose)):
            Person.objects.filter(pk=person.pk).update(email="b@example.nl")

        with pytest.raises(SameHuman):
            confirm_link(link.public_id, actor=colleague)
        assert refusals("identity.link_decision_refused") == [(colleague.pk, "same_human")]

    def test_not_one_of_both_even_an_administrator(self, known, administrator, colleague):
        wanted = WantedLink(holder=colleague, receiver=known, reason="Dezelfde")
        link = propose_link(wanted, actor=administrator)

        with pytest.raises(AboutYourself):
            confirm_link(link.public_id, actor=colleague)

    @pytest.mark.parametrize("who", ["auditor", "stranger"])
    def test_nobody_without_the_role(self, request, link, who):
        with pytest.raises(NotAllowed):
            confirm_link(link.public_id, actor=request.getfixturevalue(who))

    def test_of_privileged_people_from_above(
        self, known, twin, directorate, administrator, local_administrator
    ):
        """Colleagues of one node could give each other what they may not give there."""
        grant(known, Role.OPERATOR, directorate)
        beside = administrator_of(directorate)
        link = propose_link(
            WantedLink(holder=twin, receiver=known, reason="Dezelfde"), actor=local_administrator
        )

        with pytest.raises(NotAllowed):
            confirm_link(link.public_id, actor=beside)

        assert links_to_decide(beside) == []
        assert confirm_link(link.public_id, actor=administrator).state == ProposalState.GRANTED

    def test_others_in_their_own_part(self, link, local_administrator):
        assert confirm_link(link.public_id, actor=local_administrator)

    @pytest.mark.parametrize("begins", [timedelta(), timedelta(days=1)])
    def test_not_who_does_not_administer_what_the_receiver_decides_for_others(
        self, link, known, ministry, local_administrator, colleague, begins
    ):
        absent = PersonFactory()
        grant(absent, Role.APPROVER, ministry)
        deputize(absent, known, begins=begins)

        with pytest.raises(NotAllowed):
            confirm_link(link.public_id, actor=local_administrator)
        assert confirm_link(link.public_id, actor=colleague)

    def test_no_needs_a_reason(self, link, colleague, twin):
        with pytest.raises(RefusalNeedsReason):
            refuse_link(link.public_id, actor=colleague, reason="")
        refuse_link(link.public_id, actor=colleague, reason="Het zijn broers")

        assert AuditEntry.objects.get(event="identity.link_refused").actor_id == colleague.pk
        assert Identity.objects.get(pk=link.identity_id).person == twin
        with pytest.raises(ProposalSettled):
            confirm_link(link.public_id, actor=colleague)

    def test_only_who_proposed_it_takes_it_back(self, link, administrator, colleague):
        with pytest.raises(NotAllowed):
            withdraw_link(link.public_id, actor=colleague)
        withdraw_link(link.public_id, actor=administrator)

        assert AuditEntry.objects.filter(event="identity.link_withdrawn").exists()
        with pytest.raises(ProposalSettled):
            withdraw_link(link.public_id, actor=administrator)

    @pytest.mark.parametrize("is_holder", [True, False])
    def test_ends_with_a_link_of_who_proposed_it(
        self, link, administrator, colleague, ministry, is_holder
    ):
        """They may turn out to be whom it is about; then nobody could settle it any more."""
        third, fourth = administrator_of(ministry), administrator_of(ministry)
        stranger = PersonFactory()
        give_identity(stranger)
        pair = (administrator, stranger) if is_holder else (stranger, administrator)
        wanted = WantedLink(holder=pair[0], receiver=pair[1], reason="Dezelfde")
        grant(stranger, Role.REQUESTER, ministry)
        grant_in_portal(third, Role.QUOTA_ADMINISTRATOR, ministry)
        confirm_link(propose_link(wanted, actor=third).public_id, actor=fourth)

        link.refresh_from_db()
        assert link.state == ProposalState.EXPIRED

    def test_runs_out_whoever_proposed_it(self, link, administrator, known):
        """Without this the clock would stumble over it every hour."""
        execute("SET LOCAL session_replication_role = replica")  # as an older version left it
        execute(
            "UPDATE identity_person SET joined_into_id = %s, is_active = false, ended_at = now()"
            " WHERE id = %s",
            known.pk,
            administrator.pk,
        )
        execute("UPDATE identity_linkproposal SET expires_at = now() WHERE id = %s", link.pk)
        execute("SET LOCAL session_replication_role = origin")

        expire_links()

        link.refresh_from_db()
        assert link.state == ProposalState.EXPIRED

    def test_not_after_fourteen_days(self, wanted, administrator, colleague, link):
        link.state = ProposalState.WITHDRAWN
        link.save()
        late = LinkProposal.objects.create(
            identity=link.identity,
            holder=link.holder,
            receiver=link.receiver,
            reason="Dezelfde",
            proposed_by=administrator,
            proposed_at=now() - timedelta(days=15),
            expires_at=now() - timedelta(days=1),
        )
        with pytest.raises(ProposalSettled):
            confirm_link(late.public_id, actor=colleague)

        expire_links()

        late.refresh_from_db()
        assert late.state == ProposalState.EXPIRED
        assert AuditEntry.objects.filter(event="identity.link_expired").exists()

    def test_not_what_who_proposed_it_may_not_propose_any_more(
        self, link, administrator, colleague
    ):
        end_person(administrator.public_id, actor=colleague, reason="Uit dienst")

        with pytest.raises(LinkerMayNot):
            confirm_link(link.public_id, actor=colleague)

    def test_not_when_there_is_another_login_by_now(self, link, twin, colleague):
        give_identity(twin, "https://derde.example.nl")

        with pytest.raises(HasMoreLogins):
            confirm_link(link.public_id, actor=colleague)


class TestLinked:
    def test_the_login_is_the_others_and_the_person_is_joined(self, linked, twin, known):
        twin.refresh_from_db()
        assert set(known.identities.values_list("issuer", flat=True)) >= {OTHER}
        assert not twin.identities.exists()
        assert (twin.is_active, twin.joined_into) == (False, known)

    def test_all_that_was_held_ends(
        self, wanted, twin, approver, project, administrator, colleague
    ):
        deputize(twin, approver)
        deputize(approver, twin)
        waiting = propose(twin, Role.FINANCE, project, proposed_by=administrator)
        proposed = propose(PersonFactory(), Role.FINANCE, project, proposed_by=twin)

        confirm_link(propose_link(wanted, actor=administrator).public_id, actor=colleague)

        assert not RoleGrant.objects.filter(person=twin, valid_until__gt=now()).exists()
        assert not Deputy.objects.filter(valid_until__gt=now()).exists()
        for proposal in (waiting, proposed):
            proposal.refresh_from_db()
            assert proposal.state == ProposalState.WITHDRAWN
        ended = AuditEntry.objects.filter(event="role.ended").values_list("data__cause", flat=True)
        assert set(ended) == {"linked"}

    def test_sessions_end(self, client, known, administrator, colleague, project):
        """Of somebody whose only login is the one of this browser."""
        twin = PersonFactory(name="Daan M.")
        grant(twin, Role.FINANCE, project, issuer=settings.OIDC_PROVIDERS["local"].issuer)
        log_in(client, twin)
        wanted = WantedLink(holder=twin, receiver=known, reason="Dezelfde")
        confirm_link(propose_link(wanted, actor=administrator).public_id, actor=colleague)

        assert client.get("/").status_code == 302
        assert ends_of_sessions() == [(twin.pk, "linked")]

    def test_the_trail_says_it_of_both(self, linked, twin, known, colleague):
        entries = AuditEntry.objects.filter(event="identity.linked").order_by("pk")
        assert {entry.subject_public_id for entry in entries} == {twin.public_id, known.public_id}
        for entry in entries:
            assert entry.actor_id == colleague.pk
            assert (entry.data["from"], entry.data["to"]) == (twin.pk, known.pk)

    def test_a_bar_goes_along(self, wanted, twin, known, administrator, colleague):
        held = twin.grants.get()
        end_grant(held.public_id, actor=colleague, reason="Mag niet")
        confirm_link(propose_link(wanted, actor=administrator).public_id, actor=colleague)

        bar = ClaimBar.objects.get(person=known)
        assert (bar.node_id, bar.role, bar.issuer) == (held.node_id, Role.APPROVER, OTHER)

    def test_who_was_joined_is_not_let_in_again(self, linked, twin, administrator):
        with pytest.raises((PersonJoined, NotAllowed)):
            reinstate_person(twin.public_id, actor=administrator)

    def test_nor_linked_again(self, linked, twin, known, administrator, project):
        third = PersonFactory()
        grant(third, Role.FINANCE, project, issuer="https://derde.example.nl")

        with pytest.raises(PersonJoined):
            propose_link(WantedLink(holder=third, receiver=twin, reason="Ook"), actor=administrator)
        with pytest.raises(HasMoreLogins):
            propose_link(
                WantedLink(holder=known, receiver=third, reason="Ook"), actor=administrator
            )

    def test_an_ended_person_can_be_linked_too(self, wanted, twin, administrator, colleague):
        end_person(twin.public_id, actor=colleague, reason="Een te veel")
        ended_at = Person.objects.get(pk=twin.pk).ended_at

        confirm_link(propose_link(wanted, actor=administrator).public_id, actor=colleague)

        twin.refresh_from_db()
        assert (twin.joined_into_id is None, twin.ended_at) == (False, ended_at)

    def test_who_is_forgotten_is_forgotten_with_every_login(
        self, linked, twin, known, administrator
    ):
        known.identities.update(email="daan@example.nl")
        with pytest.raises(PersonIsActive):
            erase_person(twin.public_id)  # the same human works here by another name
        end_person(known.public_id, actor=administrator, reason="Uit dienst")
        erase_person(known.public_id)

        twin.refresh_from_db()
        assert twin.name == ERASED_NAME
        assert set(known.identities.values_list("email", flat=True)) == {""}
        assert AuditEntry.objects.filter(event="person.erased").count() == 2

    def test_both_stay_in_sight(self, linked, local_administrator, auditor):
        assert list(visible_links(local_administrator)) == [linked]
        assert list(visible_links(auditor)) == [linked]


class TestFourEyes:
    @pytest.fixture
    def order(self, twin, project, version):
        grant(twin, Role.REQUESTER, project, issuer=OTHER)
        return place(twin, project, version)

    @pytest.fixture
    def both(self, order, linked, known, directorate):
        """What the one login asked for waits; the other approves now."""
        grant(known, Role.APPROVER, directorate)
        return order

    def test_nobody_approves_what_their_other_login_asked_for(self, both, known, approver):
        assert not orders_to_decide(known).exists()
        with pytest.raises(JoinedHuman):
            approve_order(both.public_id, approver=known)

        assert refusals("order.approval_refused") == [(known.pk, "same_human")]
        assert list(orders_to_decide(approver)) == [both]

    def test_nor_does_their_deputy(self, both, known, approver):
        deputize(known, approver)

        assert not orders_to_decide(approver).exists()
        with pytest.raises(JoinedHuman):
            approve_order(both.public_id, approver=approver)

    def test_the_address_of_the_other_login_counts_too(self, linked, twin, known):
        Person.objects.filter(pk=twin.pk).update(email="d@example.nl")
        third = PersonFactory(email="D@example.nl")

        for asking, deciding in ((known, third), (third, known)):
            with pytest.raises(SameHuman):
                check_other_humans([asking.pk], [deciding.pk])

    def test_each_login_keeps_its_own_address(self, linked, known):
        """The person's is that of the last login, and would hide the others."""
        known.identities.exclude(issuer=OTHER).update(email="daan@example.nl")
        known.identities.filter(issuer=OTHER).update(email="d.m@example.nl")
        Person.objects.filter(pk=known.pk).update(email="d.m@example.nl")
        third = PersonFactory(email="Daan@example.nl")

        for asking, deciding in ((known, third), (third, known)):
            with pytest.raises(SameHuman):
                check_other_humans([asking.pk], [deciding.pk])

    def test_a_login_says_nothing_of_the_address_of_another(self, ministry, administrator):
        give_numbers(ministry, oin="00000001234567890000")
        login = Login(
            provider_key="other",
            provider_name="Elders",
            issuer=OTHER,
            subject="daan",
            name="Daan",
            email="d.m@example.nl",
            organization=ClaimedOrganization(identifier="oin", number="00000001234567890000"),
            roles=frozenset([ClaimedRole(role=Role.FINANCE, node_code="")]),
            level="substantial",
            language="nl",
        )
        person = logins.log_in(login).person
        logins.log_in(replace(login, email=None))
        give_identity(person, "https://derde.example.nl", "d", email="daan@example.nl")
        logins.log_in(replace(login, email="daan.m@example.nl"))

        kept = person.identities.order_by("pk").values_list("email", flat=True)
        assert list(kept) == ["daan.m@example.nl", "daan@example.nl"]
        with pytest.raises(SameHuman):
            check_other_humans([person.pk], [PersonFactory(email="daan@example.nl").pk])

    @pytest.mark.parametrize("is_linked", [True, False])
    def test_either_way_round(self, request, known, twin, is_linked):
        if is_linked:
            request.getfixturevalue("linked")

        for one, other in ((known, twin), (twin, known)):
            with pytest.raises(JoinedHuman) if is_linked else nullcontext():
                check_other_humans([one.pk], [other.pk])

    def test_a_role_is_not_proposed_by_somebody_for_themselves(
        self, administrator, colleague, known, directorate, ministry
    ):
        third = administrator_of(ministry)
        link = propose_link(
            WantedLink(holder=colleague, receiver=known, reason="Dezelfde"), actor=administrator
        )
        confirm_link(link.public_id, actor=third)
        with pytest.raises(JoinedHuman):
            check_other_humans([colleague.pk], [known.pk])
        day = localdate()
        wanted = WantedRole(
            person=known,
            node=directorate,
            role=Role.FINANCE,
            first_day=day,
            last_day=day,
            reason="Nieuw",
        )
        assert propose_role(wanted, actor=administrator)

    def test_the_database_knows(self, both, known, twin, approver):
        facts = {"order": both, "requester": twin, "decision": Decision.APPROVED}
        with refused_by("approval_given_by_another_human"):
            Approval.objects.create(**facts, approver=known, decided_at=now())

        assert Approval.objects.create(**facts, approver=approver, decided_at=now())

    def test_and_of_roles_and_deputies(self, linked, known, twin, administrator, project):
        with refused_by("role_proposed_for_another_human"):
            propose(known, Role.FINANCE, project, proposed_by=twin)
        proposal = propose(known, Role.FINANCE, project, proposed_by=administrator)
        with refused_by("role_proposal_decided_by_another_human"):
            execute(
                "UPDATE identity_roleproposal SET state = 'granted', decided_at = now(),"
                " decided_by_id = %s WHERE id = %s",
                twin.pk,
                proposal.pk,
            )
        bar = ClaimBar.objects.create(
            person=known,
            node=project,
            role=Role.FINANCE,
            issuer=OTHER,
            reason="Weg",
            barred_at=now(),
        )
        with refused_by("claim_bar_lifted_by_another_human"):
            execute(
                "UPDATE identity_claimbar SET lifted_at = now(), lifted_by_id = %s WHERE id = %s",
                twin.pk,
                bar.pk,
            )

    def test_what_was_decided_before_stays(self, order, known, twin, link, directorate, colleague):
        grant(known, Role.APPROVER, directorate)
        approve_order(order.public_id, approver=known)

        confirm_link(link.public_id, actor=colleague)

        order.refresh_from_db()
        assert order.state == OrderState.PROVISIONING
        assert Approval.objects.get(order=order).approver == known


class TestUndoing:
    def test_takes_another_administrator_as_well(self, undoing, administrator, twin):
        with pytest.raises(OwnProposal):
            confirm_link(undoing.public_id, actor=administrator)

    def test_brings_the_login_back_and_lets_nobody_in(
        self, client, undoing, colleague, known, twin, directorate
    ):
        grant(known, Role.FINANCE, directorate, issuer=OTHER)
        log_in(client, known)

        confirm_link(undoing.public_id, actor=colleague)

        twin.refresh_from_db()
        assert twin.identities.get().issuer == OTHER
        assert (twin.joined_into, twin.is_active) == (None, False)
        assert client.get("/").status_code == 302
        assert ends_of_sessions() == [(known.pk, "linked")]
        held = known.grants.filter(valid_until__gt=now())
        assert set(held.values_list("role", flat=True)) == {Role.REQUESTER}
        entries = AuditEntry.objects.filter(event="identity.unlinked")
        assert {entry.subject_public_id for entry in entries} == {twin.public_id, known.public_id}

    def test_lets_nothing_wait_between_the_two(self, link, known, twin, administrator, colleague):
        """Else what was asked for before all this would now join the other way round."""
        back = WantedLink(holder=known, receiver=twin, reason="Andersom")
        waiting = propose_link(back, actor=administrator)
        confirm_link(link.public_id, actor=colleague)
        undoing = propose_unlinking(twin, actor=administrator, reason="Naamgenoot")

        confirm_link(undoing.public_id, actor=colleague)

        waiting.refresh_from_db()
        assert waiting.state == ProposalState.EXPIRED
        entry = AuditEntry.objects.get(event="identity.link_expired")
        assert entry.data["proposal"] == str(waiting.public_id)

    def test_ends_what_lapsed_and_their_deputies(
        self, undoing, colleague, known, approver, directorate
    ):
        """Deputies go on by what would come back at the next login."""
        claimed = grant(known, Role.APPROVER, directorate, issuer=OTHER)
        deputize(known, approver)
        lapse(claimed)

        confirm_link(undoing.public_id, actor=colleague)

        claimed.refresh_from_db()
        assert claimed.end_reason == undoing.reason
        assert not Deputy.objects.filter(valid_until__gt=now()).exists()
        assert AuditEntry.objects.filter(event="deputy.ended").exists()

    def test_leaves_the_deputies_of_who_still_approves(
        self, undoing, colleague, known, approver, directorate
    ):
        grant(known, Role.APPROVER, directorate)
        deputize(known, approver)

        confirm_link(undoing.public_id, actor=colleague)

        assert Deputy.objects.filter(valid_until__gt=now()).exists()

    @pytest.mark.parametrize("had_one", [True, False])
    def test_lifts_the_bar_that_came_along(
        self, wanted, twin, known, directorate, administrator, colleague, had_one
    ):
        """It was of somebody else; a bar of their own stays."""
        if had_one:
            own = grant(known, Role.APPROVER, directorate, issuer=OTHER)
            end_grant(own.public_id, actor=colleague, reason="Mag niet")
        end_grant(twin.grants.get().public_id, actor=colleague, reason="Mag niet")
        confirm_link(propose_link(wanted, actor=administrator).public_id, actor=colleague)
        undoing = propose_unlinking(twin, actor=administrator, reason="Toch niet")
        confirm_link(undoing.public_id, actor=colleague)

        assert ClaimBar.objects.filter(person=known, lifted_at=None).exists() == had_one
        assert ClaimBar.objects.filter(person=twin, lifted_at=None).exists()
        assert AuditEntry.objects.filter(event="role.bar_lifted").exists() != had_one

    def test_they_may_be_let_in_again(self, undoing, administrator, colleague, twin):
        confirm_link(undoing.public_id, actor=colleague)

        assert reinstate_person(twin.public_id, actor=administrator).is_active

    def test_but_never_check_each_other(
        self, undoing, administrator, colleague, known, twin, project, version, directorate
    ):
        """Who asked with the moved login would approve it with the same one."""
        order = place(known, project, version)
        confirm_link(undoing.public_id, actor=colleague)
        reinstate_person(twin.public_id, actor=administrator)
        grant(twin, Role.APPROVER, directorate, issuer=OTHER)

        assert not orders_to_decide(twin).exists()
        with pytest.raises(JoinedHuman):
            approve_order(order.public_id, approver=twin)
        with pytest.raises(JoinedHuman):
            check_other_humans([twin.pk], [known.pk])
        facts = {"order": order, "requester": known, "decision": Decision.APPROVED}
        with refused_by("approval_given_by_another_human"):
            Approval.objects.create(**facts, approver=twin, decided_at=now())
        with refused_by("deputy_is_another_human"):
            deputize(twin, known)

    def test_nor_do_two_who_were_both_linked_to_the_same(
        self, undoing, administrator, colleague, known, twin, project
    ):
        confirm_link(undoing.public_id, actor=colleague)
        third = PersonFactory()
        grant(third, Role.FINANCE, project, issuer=OTHER)
        wanted = WantedLink(holder=third, receiver=known, reason="Deze is het")
        confirm_link(propose_link(wanted, actor=administrator).public_id, actor=colleague)

        with pytest.raises(JoinedHuman):
            check_other_humans([third.pk], [twin.pk])

    def test_and_may_be_linked_again(self, undoing, wanted, administrator, colleague, twin, known):
        confirm_link(undoing.public_id, actor=colleague)
        confirm_link(propose_link(wanted, actor=administrator).public_id, actor=colleague)

        twin.refresh_from_db()
        assert twin.joined_into == known

    def test_there_is_nothing_to_undo_of_others(self, known, administrator):
        with pytest.raises(LoginElsewhere):
            propose_unlinking(known, actor=administrator, reason="Los")

    def test_is_not_for_the_one_human(self, linked, twin, known, ministry):
        grant(known, Role.QUOTA_ADMINISTRATOR, ministry)

        with pytest.raises(AboutYourself):
            propose_unlinking(twin, actor=known, reason="Los")


MOVE = "UPDATE identity_identity SET person_id = %s WHERE id = %s"
JOIN = (
    "UPDATE identity_person SET joined_into_id = %s, is_active = false, ended_at = now()"
    " WHERE id = %s"
)


def give_identity_unseen(person):
    """One that no trigger looked at."""
    execute("SET LOCAL session_replication_role = replica")
    Identity.objects.create(person=person, issuer=OTHER, subject="erbij")
    execute("SET LOCAL session_replication_role = origin")


class TestDatabase:
    """By SQL, past every service."""

    def test_moves_nothing_without_a_proposal(self, twin, known):
        with refused_by("identity_stays_with_its_person"):
            execute(MOVE, known.pk, twin.identities.get().pk)

    @pytest.mark.parametrize("state", ["proposed", "withdrawn"])
    def test_nor_on_one_that_nobody_granted(self, link, known, state):
        execute("UPDATE identity_linkproposal SET state = %s", state) if state != "proposed" else 0
        with refused_by("identity_stays_with_its_person"):
            execute(MOVE, known.pk, link.identity_id)

    def test_nor_to_somebody_else_than_was_decided(self, link, colleague, approver):
        link.state, link.decided_by, link.decided_at = ProposalState.GRANTED, colleague, now()
        link.save()
        with refused_by("identity_stays_with_its_person"):
            execute(MOVE, approver.pk, link.identity_id)
        with refused_by("person_without_identity_is_joined"):
            execute(MOVE, link.receiver_id, link.identity_id)

    def test_nor_back(self, linked, twin):
        with refused_by("identity_stays_with_its_person"):
            execute(MOVE, twin.pk, linked.identity_id)

    def test_nor_again_after_it_was_undone(self, undoing, colleague, known):
        confirm_link(undoing.public_id, actor=colleague)
        with refused_by("identity_stays_with_its_person"):
            execute(MOVE, known.pk, undoing.identity_id)

    @pytest.mark.parametrize("column", ["proposed_by_id", "receiver_id", "identity_id", "reason"])
    def test_what_was_proposed_stays(self, link, approver, column):
        value = "'anders'" if column == "reason" else str(approver.pk)
        with refused_by("link_proposal_never_changes"):
            execute(f"UPDATE identity_linkproposal SET {column} = {value}")

    @pytest.mark.parametrize("who", ["administrator", "known", "twin"])
    @pytest.mark.parametrize("column", ["decided_by_id"])
    def test_three_people_or_nothing(self, request, link, who, column):
        with refused_by("link_proposal_decided_by_another_person"):
            execute(
                f"UPDATE identity_linkproposal SET state = 'granted', decided_at = now(),"
                f" {column} = %s",
                request.getfixturevalue(who).pk,
            )

    def test_nor_by_another_login_of_one_of_them(
        self, linked, known, twin, administrator, directorate
    ):
        third = PersonFactory()
        identity = Identity.objects.create(person=third, issuer=OTHER, subject="derde")
        with refused_by("link_decided_by_other_humans_than_the_receiver"):
            LinkProposal.objects.create(
                identity=identity,
                holder=third,
                receiver=known,
                reason="Ook",
                proposed_by=twin,
                proposed_at=now(),
                expires_at=now() + timedelta(days=1),
            )

    def test_settled_is_settled_and_stays(self, linked):
        with refused_by("link_proposal_that_is_settled_stays_settled"):
            execute("UPDATE identity_linkproposal SET decided_at = now()")
        with refused_by("link_proposal_is_never_deleted"):
            execute("DELETE FROM identity_linkproposal")

    def test_begins_by_waiting(self, link, colleague):
        with refused_by("link_proposal_begins_waiting"):
            LinkProposal.objects.create(
                identity=link.identity,
                holder=link.holder,
                receiver=link.receiver,
                reason="Meteen",
                proposed_by=link.proposed_by,
                proposed_at=now(),
                expires_at=now(),
                state=ProposalState.GRANTED,
                decided_by=colleague,
                decided_at=now(),
            )

    def test_is_about_an_identity_of_the_holder(self, link, known, approver):
        with refused_by("link_is_about_an_identity_of_its_holder"):
            LinkProposal.objects.create(
                identity=approver.identities.get(),
                holder=link.holder,
                receiver=known,
                reason="Anders",
                proposed_by=link.proposed_by,
                proposed_at=now(),
                expires_at=now(),
            )

    def test_is_undone_by_the_way_back_only(self, linked, known, approver):
        with refused_by("link_undone_by_the_way_back"):
            LinkProposal.objects.create(
                identity=linked.identity,
                holder=known,
                receiver=approver,
                undoes=linked,
                reason="Anders",
                proposed_by=linked.proposed_by,
                proposed_at=now(),
                expires_at=now(),
            )

    def test_nobody_is_joined_or_let_loose_without_it(self, twin, known):
        with refused_by("person_joined_as_it_was_decided"):
            execute(JOIN, known.pk, twin.pk)

    def test_nor_after_it(self, linked, twin, approver):
        for target in (None, approver.pk):
            with refused_by("person_joined_as_it_was_decided"):
                execute(
                    "UPDATE identity_person SET joined_into_id = %s WHERE id = %s", target, twin.pk
                )

    def test_who_was_joined_does_not_come_back_by_themselves(self, linked, twin):
        with refused_by("person_joined_into_another_has_ended"):
            execute(
                "UPDATE identity_person SET is_active = true, ended_at = NULL WHERE id = %s",
                twin.pk,
            )

    def test_nobody_gets_a_second_identity(self, linked, twin, known):
        for person in (known, twin):
            with refused_by("identity_is_the_first_of_its_person"):
                Identity.objects.create(person=person, issuer=OTHER, subject="erbij")

    def test_who_was_joined_does_not_come_back_with_another_identity(self, linked, twin):
        give_identity_unseen(twin)
        with refused_by("person_joined_as_it_was_decided"):
            execute(
                "UPDATE identity_person SET joined_into_id = NULL, is_active = true,"
                " ended_at = NULL WHERE id = %s",
                twin.pk,
            )

    def test_nobody_begins_as_somebody_else(self, known):
        with refused_by("person_joined_as_it_was_decided"):
            PersonFactory(joined_into=known, is_active=False, ended_at=now())
