"""Nobody gets somebody else's people, or keeps them out, by writing down their number."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput
from portal.identity.models import Organization, Person, Role
from portal.identity.oidc.errors import OrganizationNotVouchedFor, OrganizationUnknown
from portal.identity.services.logins import ClaimedOrganization, ClaimedRole, Login, log_in
from portal.identity.services.numbers import confirm_numbers
from portal.identity.services.tree import (
    add_organization,
    create_organization,
    edit_organization,
)
from tests.catalog.api.conftest import Api
from tests.catalog.views.ordering import text_of
from tests.constraints import execute, refused_by
from tests.factories import (
    PersonFactory,
    administrator_of,
    give_numbers,
    grant,
    make_organization,
)
from tests.logins import log_in as let_in

pytestmark = pytest.mark.django_db

OIN = "00000001003214345000"
OTHER_OIN = "00000001002306608000"
KVK = "90001354"
RSIN = "003214345"
NUMBERS = {"oin": OIN, "kvk_number": KVK, "rsin": RSIN}


def login(identifier="oin", number=OIN, may_vouch_for=frozenset()):
    """Somebody whom the provider gives a role in the organisation with this number."""
    return Login(
        provider_key="local",
        provider_name="Rijksaccount",
        issuer="https://idp.example.nl",
        subject=f"person of {number}",
        name="Carla Cliënt",
        email="",
        organization=ClaimedOrganization(identifier=identifier, number=number),
        roles=frozenset({ClaimedRole(role=Role.REQUESTER, node_code="")}),
        level="substantial",
        language="nl",
        may_vouch_for=may_vouch_for,
    )


@pytest.fixture
def tenant():
    return make_organization(name="Ministerie A")


@pytest.fixture
def administrator(tenant):
    return administrator_of(tenant)


def claim(tenant, administrator, **numbers):
    """The administrator alone adds a part with somebody else's numbers."""
    return add_organization(
        tenant.public_id, actor=administrator, code="claim", name="Claim", **numbers
    )


@pytest.mark.parametrize(("identifier", "number"), NUMBERS.items())
class TestAClaim:
    def test_gets_nobody_s_people(self, tenant, administrator, identifier, number):
        claim(tenant, administrator, **{identifier: number})

        with pytest.raises(OrganizationUnknown):
            log_in(login(identifier, number))

        assert not Person.objects.filter(name="Carla Cliënt").exists()

    def test_does_not_keep_the_owner_out(self, tenant, administrator, identifier, number):
        claim(tenant, administrator, **{identifier: number})

        owner = create_organization(
            code="c", name="Gemeente C", parent=None, actor=None, **{identifier: number}
        )

        person = log_in(login(identifier, number)).person
        assert person.grants.get().node_id == owner.pk

    def test_does_not_take_over_who_lives_with_another_number(
        self, tenant, administrator, identifier, number
    ):
        other = {"oin": OTHER_OIN} if identifier != "oin" else {"rsin": "002306608"}
        create_organization(code="c", name="Gemeente C", parent=None, actor=None, **other)
        claim(tenant, administrator, **{identifier: number})

        with pytest.raises(OrganizationUnknown):
            log_in(login(identifier, number))

    def test_by_changing_a_part_is_worth_as_little(self, tenant, administrator, identifier, number):
        part = make_organization(tenant)
        values = {"code": part.code, "name": part.name, identifier: number}

        edited = edit_organization(part.public_id, actor=administrator, **values)

        assert edited.waiting_numbers == {identifier: number}
        with pytest.raises(OrganizationUnknown):
            log_in(login(identifier, number))

    def test_of_a_number_that_is_confirmed_elsewhere_is_refused(
        self, tenant, administrator, identifier, number
    ):
        create_organization(
            code="c", name="Gemeente C", parent=None, actor=None, **{identifier: number}
        )

        with pytest.raises(InvalidInput) as refused:
            claim(tenant, administrator, **{identifier: number})

        assert list(refused.value.errors) == [identifier]


def test_a_change_makes_that_number_wait_again_and_no_other(tenant, administrator):
    give_numbers(tenant, oin=OIN, kvk_number=KVK)
    values = {"code": tenant.code, "name": tenant.name, "oin": OIN, "kvk_number": "12345678"}

    edited = edit_organization(tenant.public_id, actor=administrator, **values)

    assert edited.confirmed_numbers == {"oin": OIN}
    assert edited.waiting_numbers == {"kvk_number": "12345678"}
    assert log_in(login()).person


def test_a_provider_vouches_for_nobody_by_a_number_that_waits(tenant, administrator):
    """Its list has a KvK number, which somebody writes down beside an OIN of their own."""
    give_numbers(tenant, oin=OIN)
    values = {"code": tenant.code, "name": tenant.name, "oin": OIN, "kvk_number": KVK}
    edit_organization(tenant.public_id, actor=administrator, **values)

    with pytest.raises(OrganizationNotVouchedFor):
        log_in(login(may_vouch_for=frozenset({KVK})))

    confirm_numbers(tenant.code, [KVK])
    assert log_in(login(may_vouch_for=frozenset({KVK}))).person


class TestConfirming:
    def test_people_log_in_from_then_on_and_it_is_written_down(self, tenant, administrator):
        made = claim(tenant, administrator, **NUMBERS)

        assert confirm_numbers("claim", [OIN, RSIN]) == {"oin": OIN, "rsin": RSIN}

        assert log_in(login()).person.grants.get().node_id == made.pk
        entry = AuditEntry.objects.get(event="node.numbers_confirmed")
        assert (entry.actor_id, entry.subject_public_id) == (None, made.public_id)
        assert entry.data == {"oin": OIN, "rsin": RSIN}
        assert Organization.objects.get(pk=made.pk).waiting_numbers == {"kvk_number": KVK}

    def test_only_what_was_checked(self, tenant, administrator):
        claim(tenant, administrator, oin=OTHER_OIN)

        with pytest.raises(InvalidInput, match="form"):
            confirm_numbers("claim", [OIN])

        assert not Organization.objects.get(code="claim").confirmed_numbers
        assert not AuditEntry.objects.filter(event="node.numbers_confirmed").exists()

    def test_not_what_meanwhile_is_somebody_else_s(self, tenant, administrator):
        claim(tenant, administrator, oin=OIN)
        create_organization(code="c", name="C", parent=None, actor=None, oin=OIN)

        with pytest.raises(InvalidInput) as refused:
            confirm_numbers("claim", [OIN])

        assert list(refused.value.errors) == ["oin"]

    def test_the_command_says_what_waits_and_whose_it_is(self, tenant, administrator, capsys):
        claim(tenant, administrator, oin=OIN)

        for arguments in ((), ("claim",)):
            call_command("confirm_organization_numbers", *arguments)
            told = capsys.readouterr().out
            assert f"oin {OIN} of claim" in told
            assert "Ministerie A / Claim" in told
        assert not Organization.objects.get(code="claim").confirmed_numbers

    def test_the_command_says_what_it_confirms(self, tenant, administrator, capsys):
        claim(tenant, administrator, oin=OIN)

        call_command("confirm_organization_numbers", "claim", OIN)

        assert capsys.readouterr().out == f"confirmed: oin {OIN} of claim\n"
        call_command("confirm_organization_numbers")
        assert capsys.readouterr().out == "no number waits\n"

    @pytest.mark.parametrize(("code", "said"), [("nergens", "code"), ("claim", "numbers")])
    def test_the_command_says_what_is_wrong(self, tenant, administrator, code, said):
        claim(tenant, administrator, oin=OTHER_OIN)

        with pytest.raises(CommandError, match=said):
            call_command("confirm_organization_numbers", code, OIN)


class TestDatabase:
    @pytest.mark.parametrize("number", NUMBERS)
    def test_a_number_that_changes_is_not_confirmed_by_the_same_statement(self, tenant, number):
        give_numbers(tenant, **NUMBERS)
        another = {"oin": OTHER_OIN, "kvk_number": "12345678", "rsin": "002306608"}[number]

        execute(
            f"UPDATE identity_organization SET {number} = %s, {number}_confirmed_at = now()"
            " WHERE node_ptr_id = %s",
            another,
            tenant.pk,
        )

        tenant.refresh_from_db()
        assert tenant.waiting_numbers == {number: another}

    @pytest.mark.parametrize("number", NUMBERS)
    def test_two_living_ones_have_it_confirmed(self, tenant, number):
        give_numbers(tenant, **{number: NUMBERS[number]})

        with refused_by(f"organization_one_living_per_{number}"):
            give_numbers(make_organization(), **{number: NUMBERS[number]})

    @pytest.mark.parametrize("number", NUMBERS)
    def test_nothing_is_confirmed(self, tenant, number):
        with refused_by(f"organization_confirmed_{number}_is_there"):
            give_numbers(tenant, **{number: ""})


class TestPages:
    def test_the_number_is_shown_as_waiting_and_what_that_means(
        self, client, tenant, administrator
    ):
        made = claim(tenant, administrator, oin=OIN)
        let_in(client, administrator)

        page = text_of(client.get(f"/organizations/{made.public_id}"))

        assert "Nog niet bevestigd" in page
        assert "Tot die tijd logt niemand in met dat nummer" in page

    def test_and_not_once_it_is_confirmed(self, client, tenant, administrator):
        give_numbers(tenant, oin=OIN)
        let_in(client, administrator)

        assert "Nog niet bevestigd" not in text_of(client.get(f"/organizations/{tenant.public_id}"))

    def test_who_fills_it_in_is_told_before(self, client, tenant, administrator):
        let_in(client, administrator)
        told = "zodra de beheerder van het platform dat nummer heeft bevestigd"

        for form in ("edit", "add-organization"):
            assert told in text_of(client.get(f"/organizations/{tenant.public_id}/{form}"))
        assert told not in text_of(client.get(f"/organizations/{tenant.public_id}/add-project"))

    def test_programs_read_what_waits(self, tenant, administrator):
        made = claim(tenant, administrator, oin=OIN)
        auditor = PersonFactory()
        grant(auditor, Role.AUDITOR, tenant)

        answer = Api(auditor).get(f"/organizations/{made.public_id}").json()

        assert (answer["oin"], answer["waiting_numbers"]) == (OIN, ["oin"])


@pytest.mark.django_db(transaction=True)
def test_of_two_that_are_confirmed_at_the_same_moment_one_gets_the_number():
    tenants = [make_organization(), make_organization()]
    for tenant in tenants:
        Organization.objects.filter(pk=tenant.pk).update(oin=OIN)
    both = Barrier(2)

    def confirm(code):
        both.wait(timeout=10)
        try:
            return confirm_numbers(code, [OIN])
        except InvalidInput as refused:
            return refused.errors
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(confirm, [tenant.code for tenant in tenants]))

    assert {"oin": OIN} in answers
    assert sum(bool(one.confirmed_numbers) for one in Organization.objects.filter(oin=OIN)) == 1
