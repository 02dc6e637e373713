"""Adding to the tree and changing what is in it."""

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from portal.audit.models import AuditEntry
from portal.core.errors import InvalidInput, NotAllowed
from portal.identity.errors import NodeEnded
from portal.identity.models import Node, NodeParent, Organization, Role
from portal.identity.services.tree import (
    add_organization,
    add_project,
    create_organization,
    edit_organization,
    edit_project,
)
from tests.constraints import execute, refused_by
from tests.factories import PersonFactory, administrator_of, grant, make_organization, make_project

pytestmark = pytest.mark.django_db

OIN = "00000001003214345000"
RSIN = "003214345"
KVK = "12345678"
NUMBERS = {"oin": OIN, "kvk_number": KVK, "rsin": RSIN}
ORGANIZATION = {
    "code": "waterbeheer",
    "name": "Waterbeheer",
    "oin": "",
    "kvk_number": "",
    "rsin": "",
}
PROJECT = {
    "code": "zaaksysteem",
    "name": "Zaaksysteem",
    "description": "",
}


def last_entry():
    return AuditEntry.objects.order_by("-pk").first()


@pytest.fixture
def ministry():
    return make_organization()


@pytest.fixture
def administrator(ministry):
    return administrator_of(ministry)


class TestAdding:
    def test_an_organization_stands_below_its_parent_from_now_on(self, ministry, administrator):
        values = ORGANIZATION | {"oin": OIN, "kvk_number": KVK, "rsin": RSIN}

        made = add_organization(ministry.public_id, actor=administrator, **values)

        assert made.ancestor_ids == [ministry.pk]
        assert (made.oin, made.kvk_number, made.rsin) == (OIN, KVK, RSIN)
        stay = NodeParent.objects.get(node=made)
        assert (stay.parent_id, stay.valid_until) == (ministry.pk, None)
        assert stay.valid_from.microsecond == 0
        assert (last_entry().event, last_entry().actor_id) == ("node.created", administrator.pk)

    def test_a_project_stands_below_everything_above_its_parent(self, ministry, administrator):
        directorate = make_organization(ministry)

        made = add_project(directorate.public_id, actor=administrator, **PROJECT)

        assert made.lineage_ids == [ministry.pk, directorate.pk, made.pk]
        assert (made.protection_level, made.has_personal_data) == (None, None)

    def test_nothing_stands_below_a_project(self, ministry, administrator):
        project = make_project(ministry)

        with pytest.raises(InvalidInput):
            add_project(project.public_id, actor=administrator, **PROJECT)

    def test_nothing_is_added_to_what_has_ended(self, ministry, administrator):
        ended = make_organization(ministry)
        Node.objects.filter(pk=ended.pk).update(ended_at=now())

        with pytest.raises(NodeEnded):
            add_project(ended.public_id, actor=administrator, **PROJECT)

    @pytest.mark.parametrize("role", sorted(set(Role) - {Role.QUOTA_ADMINISTRATOR}))
    def test_other_roles_add_nothing_and_the_attempt_is_written_down(self, ministry, role):
        person = PersonFactory()
        grant(person, role, ministry)

        with pytest.raises(NotAllowed):
            add_project(ministry.public_id, actor=person, **PROJECT)

        assert not Node.objects.filter(parent=ministry).exists()
        entry = last_entry()
        assert (entry.event, entry.actor_id) == ("node.change_refused", person.pk)
        assert (entry.result, entry.code) == ("refused", "not_allowed")

    def test_an_administrator_of_another_branch_adds_nothing(self, ministry):
        stranger = administrator_of(make_organization())

        with pytest.raises(NotAllowed):
            add_project(ministry.public_id, actor=stranger, **PROJECT)


class TestBadInput:
    """What no form and no import may store."""

    LONG = "x" * 121

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("code", ""),
            ("code", "met spatie"),
            ("code", "<script>"),
            ("code", "a" * 41),
            ("code", "caf\u00e9"),
            ("code", "../x"),
            ("code", "a\x00b"),
            ("name", ""),
            ("name", "   "),
            ("name", LONG),
            ("name", "na\x00am"),
            ("name", "twee\nregels"),
            ("name", "\u202egespiegeld"),
            ("oin", "123"),
            ("oin", "0" * 20),
            ("oin", OIN + "0"),
            ("oin", "abcdefghijklmnopqrst"),
            ("kvk_number", "1234567"),
            ("kvk_number", "1234567a"),
            ("rsin", "123456789"),
            ("rsin", "12345678"),
            ("rsin", "\u0661" * 9),
        ],
    )
    def test_of_an_organization_is_said_at_the_field(self, ministry, administrator, field, value):
        with pytest.raises(InvalidInput) as refused:
            add_organization(
                ministry.public_id, actor=administrator, **(ORGANIZATION | {field: value})
            )

        assert list(refused.value.errors) == [field]
        assert not Node.objects.filter(parent=ministry).exists()

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("description", "x" * 301),
            ("description", "a\x07b"),
        ],
    )
    def test_of_a_project_is_said_at_the_field(self, ministry, administrator, field, value):
        with pytest.raises(InvalidInput) as refused:
            add_project(ministry.public_id, actor=administrator, **(PROJECT | {field: value}))

        assert list(refused.value.errors) == [field]

    def test_all_mistakes_come_in_one_answer(self, ministry, administrator):
        wrong = {"code": "?", "name": "", "oin": "1", "kvk_number": "1", "rsin": "1"}

        with pytest.raises(InvalidInput) as refused:
            add_organization(ministry.public_id, actor=administrator, **wrong)

        assert set(refused.value.errors) == set(wrong)

    def test_html_in_a_name_is_text_like_any_other(self, ministry, administrator):
        values = ORGANIZATION | {"name": "<b>Water</b> & Bodem"}

        made = add_organization(ministry.public_id, actor=administrator, **values)

        assert made.name == "<b>Water</b> & Bodem"

    def test_a_code_is_used_once_in_the_whole_tree(self, ministry, administrator):
        values = ORGANIZATION | {"code": make_project(make_organization()).code}

        with pytest.raises(InvalidInput) as refused:
            add_organization(ministry.public_id, actor=administrator, **values)

        assert list(refused.value.errors) == ["code"]

    def test_a_name_is_used_once_beside_each_other_whatever_its_capitals(
        self, ministry, administrator
    ):
        make_project(ministry, name="Meetnet")

        with pytest.raises(InvalidInput) as refused:
            add_project(ministry.public_id, actor=administrator, **(PROJECT | {"name": "MEETNET"}))

        assert list(refused.value.errors) == ["name"]
        elsewhere = make_organization(ministry)
        add_project(elsewhere.public_id, actor=administrator, **(PROJECT | {"name": "Meetnet"}))


@pytest.mark.parametrize(("field", "number"), NUMBERS.items())
class TestNumbers:
    """Each names one living organization, wherever in the tree that stands."""

    @pytest.fixture
    def holder(self, field, number):
        """An organization in another tree that has the number."""
        values = {"code": "elders", "name": "Elders", field: number}
        return create_organization(parent=None, actor=None, **values)

    def test_adding_with_what_another_has(self, ministry, administrator, holder, field, number):
        values = ORGANIZATION | {field: f" {number} "}

        with pytest.raises(InvalidInput) as refused:
            add_organization(ministry.public_id, actor=administrator, **values)

        assert list(refused.value.errors) == [field]
        assert not Node.objects.filter(parent=ministry).exists()

    def test_editing_to_what_another_has(self, ministry, administrator, holder, field, number):
        values = ORGANIZATION | {"code": ministry.code, "name": ministry.name, field: number}

        with pytest.raises(InvalidInput) as refused:
            edit_organization(ministry.public_id, actor=administrator, **values)

        assert list(refused.value.errors) == [field]
        assert getattr(Organization.objects.get(pk=ministry.pk), field) == ""

    def test_one_keeps_its_own(self, holder, field, number):
        values = ORGANIZATION | {field: number}

        edit_organization(holder.public_id, actor=administrator_of(holder), **values)

        holder.refresh_from_db()
        assert (holder.name, getattr(holder, field)) == (ORGANIZATION["name"], number)

    def test_one_that_ended_leaves_it_to_others(
        self, ministry, administrator, holder, field, number
    ):
        Node.objects.filter(pk=holder.pk).update(ended_at=now())
        values = ORGANIZATION | {field: number}

        made = add_organization(ministry.public_id, actor=administrator, **values)
        edited = values | {"name": "Anders"}
        edit_organization(made.public_id, actor=administrator, **edited)

        made.refresh_from_db()
        assert (made.name, getattr(made, field)) == ("Anders", number)

    def test_the_database_itself_refuses_a_second(self, ministry, holder, field, number):
        write = f"UPDATE identity_organization SET {field} = %s WHERE node_ptr_id = %s"

        execute(write, number, ministry.pk)
        confirm = (
            f"UPDATE identity_organization SET {field}_confirmed_at = now() WHERE {field} <> ''"
        )
        with refused_by(f"organization_one_living_per_{field}"):
            execute(confirm)

        Node.objects.filter(pk=holder.pk).update(ended_at=now())
        execute(confirm)


class TestEditing:
    def test_changes_are_written_down_with_what_was_there(self, ministry, administrator):
        project = make_project(ministry, name="Oud")
        values = PROJECT | {"name": "Nieuw", "code": project.code}

        edit_project(project.public_id, actor=administrator, **values)

        project.refresh_from_db()
        assert project.name == "Nieuw"
        assert (last_entry().event, last_entry().data) == (
            "node.changed",
            {"name": ["Oud", "Nieuw"]},
        )

    def test_saving_the_same_writes_nothing(self, ministry, administrator):
        project = make_project(ministry)
        before = AuditEntry.objects.count()

        values = PROJECT | {"name": project.name, "code": project.code}
        edit_project(project.public_id, actor=administrator, **values)

        assert AuditEntry.objects.count() == before

    def test_numbers_are_changed_from_above_only(self, ministry, administrator):
        directorate = make_organization(ministry)
        own = administrator_of(directorate)
        values = ORGANIZATION | {"code": directorate.code, "name": "Anders"}

        edit_organization(directorate.public_id, actor=own, **values)
        with pytest.raises(NotAllowed):
            edit_organization(directorate.public_id, actor=own, **(values | {"oin": OIN}))
        edit_organization(directorate.public_id, actor=administrator, **(values | {"oin": OIN}))

        directorate.refresh_from_db()
        assert (directorate.name, directorate.oin) == ("Anders", OIN)

    def test_of_a_root_its_own_administrator_changes_them(self, ministry, administrator):
        values = ORGANIZATION | {"code": ministry.code, "name": ministry.name, "rsin": RSIN}

        edit_organization(ministry.public_id, actor=administrator, **values)

        assert Organization.objects.get(pk=ministry.pk).rsin == RSIN

    def test_what_has_ended_stays_as_it_was(self, ministry, administrator):
        project = make_project(ministry, name="Oud")
        Node.objects.filter(pk=project.pk).update(ended_at=now())

        with pytest.raises(NodeEnded):
            edit_project(project.public_id, actor=administrator, **PROJECT)


class TestCommand:
    def test_it_adds_a_root(self, capsys):
        call_command("create_organization", "mwb", "Ministerie van Water", "--oin", OIN)

        made = Organization.objects.get(code="mwb")
        assert (made.parent, made.oin) == (None, OIN)
        assert str(made.public_id) in capsys.readouterr().out
        assert (last_entry().event, last_entry().actor_id) == ("node.created", None)

    def test_it_says_what_is_wrong(self):
        with pytest.raises(CommandError, match="rsin"):
            call_command("create_organization", "mwb", "Ministerie", "--rsin", "123456789")

        assert not Organization.objects.exists()

    def test_one_that_is_there_already_is_not_made_again(self):
        call_command("create_organization", "mwb", "Ministerie")

        with pytest.raises(CommandError, match="code"):
            call_command("create_organization", "mwb", "Ministerie")


def test_a_root_is_made_without_asking_for_a_role():
    made = create_organization(code="gemeente", name="Gemeente", parent=None, actor=None)

    assert made.ancestor_ids == []
    assert not NodeParent.objects.exists()
