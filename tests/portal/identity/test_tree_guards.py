"""What the database itself refuses about the tree, whoever asks and in which way."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.utils.timezone import now

from portal.core.errors import InvalidInput
from portal.identity.models import Node, Organization, Role
from portal.identity.services.tree import (
    create_organization,
)
from tests.constraints import execute, refused_by
from tests.factories import PersonFactory, grant, make_organization, make_project

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NUMBERS = {"oin": "00000001003214345000", "kvk_number": "12345678", "rsin": "003214345"}


@pytest.fixture
def ministry():
    return make_organization()


class TestDatabase:
    """By SQL, past every service."""

    def refuses(self, name, statement, *parameters):
        with refused_by(name):
            execute(statement, *parameters)

    def test_the_form_of_numbers(self, ministry):
        for column, name, value in (
            ("oin", "organization_oin_has_20_digits", "12"),
            ("oin", "organization_oin_has_20_digits", "a" * 20),
            ("kvk_number", "organization_kvk_number_has_8_digits", "1234567x"),
            ("rsin", "organization_rsin_has_9_digits", "12345678"),
        ):
            self.refuses(
                name,
                f"UPDATE identity_organization SET {column} = %s WHERE node_ptr_id = %s",
                value,
                ministry.pk,
            )

    def test_names(self, ministry):
        one, two = make_project(ministry, name="Een"), make_project(ministry, name="Twee")
        rename = "UPDATE identity_node SET name = %s WHERE id = %s"

        self.refuses("node_name_unique_among_living_siblings", rename, "EEN", two.pk)
        self.refuses("node_has_a_name", rename, "", one.pk)

    def test_two_roots_with_one_name(self, ministry):
        other = make_organization(name="Anders")
        rename = "UPDATE identity_node SET name = %s WHERE id = %s"

        self.refuses("node_name_unique_among_living_siblings", rename, ministry.name, other.pk)

    def test_a_parent_that_is_a_project_or_has_ended(self, ministry):
        one, two = make_project(ministry), make_project(ministry)
        ended = make_organization(ministry)
        Node.objects.filter(pk=ended.pk).update(ended_at=now())
        for parent in (one, ended):
            self.refuses(
                "node_lives_below_a_living_organization",
                "UPDATE identity_node SET parent_id = %s, ancestor_ids = %s WHERE id = %s",
                parent.pk,
                parent.lineage_ids,
                two.pk,
            )

    def test_ending_before_what_stands_below(self, ministry):
        make_project(ministry)
        end = "UPDATE identity_node SET ended_at = now() WHERE id = %s"

        self.refuses("node_ends_after_everything_below_it", end, ministry.pk)

    def test_coming_back_from_the_end(self, ministry):
        project = make_project(ministry)
        Node.objects.filter(pk=project.pk).update(ended_at=now())

        for value in ("NULL", "now() + interval '1 day'"):
            revive = f"UPDATE identity_node SET ended_at = {value} WHERE id = %s"
            self.refuses("node_that_ended_stays_ended", revive, project.pk)

    def test_becoming_another_kind(self, ministry):
        change = "UPDATE identity_node SET kind = 'project' WHERE id = %s"

        self.refuses("node_keeps_its_kind", change, make_organization(ministry).pk)

    def test_ancestors_that_do_not_follow_from_the_parents(self, ministry):
        directorate = make_organization(ministry)
        project = make_project(directorate)
        write = "UPDATE identity_node SET ancestor_ids = %s WHERE id = %s"

        rule = "node_ancestors_follow_from_parents"
        self.refuses(rule, write, [directorate.pk], project.pk)
        self.refuses(rule, write, [directorate.pk, ministry.pk, directorate.pk], project.pk)

    def test_a_circle(self, ministry):
        directorate = make_organization(ministry)
        self.refuses(
            "node_ancestors_follow_from_parents",
            "UPDATE identity_node SET parent_id = %s, ancestor_ids = %s WHERE id = %s",
            directorate.pk,
            directorate.lineage_ids,
            ministry.pk,
        )

    def test_a_role_on_what_has_ended(self, ministry):
        project = make_project(ministry)
        Node.objects.filter(pk=project.pk).update(ended_at=now())

        with refused_by("role_granted_on_a_living_node"):
            grant(PersonFactory(), Role.REQUESTER, project)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("field", "number"), NUMBERS.items())
def test_of_two_at_the_same_moment_one_gets_the_number(field, number):
    both = Barrier(2)

    def add(code):
        values = {"code": code, "name": code, field: number}
        both.wait(timeout=10)
        try:
            create_organization(parent=None, actor=None, **values)
        except InvalidInput as refused:
            return list(refused.errors)
        finally:
            connection.close()
        return []

    with ThreadPoolExecutor(2) as threads:
        answers = sorted(threads.map(add, ("een", "twee")))

    assert answers == [[], [field]]
    assert Organization.objects.get(**{field: number}).code in {"een", "twee"}
