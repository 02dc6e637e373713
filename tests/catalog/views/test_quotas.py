"""The page of quotas: the tree that a person reaches, one metric at a time."""

import pytest
from django.urls import reverse
from django.utils.timezone import now

from catalog.models import Quota
from catalog.services.approvals import approve_order
from portal.identity.models import Role
from tests.catalog.views.ordering import text_of
from tests.factories import (
    UNKNOWN_ID,
    PersonFactory,
    generous_limits,
    grant,
    make_organization,
    make_project,
    place,
)
from tests.logins import log_in

pytestmark = pytest.mark.django_db

ADDRESS = "/quotas"


@pytest.fixture
def administrator(project):
    person = PersonFactory()
    grant(person, Role.QUOTA_ADMINISTRATOR, project.parent)
    return person


def rows(client, person, **query):
    response = log_in(client, person).get(ADDRESS, query)
    assert response.status_code == 200
    return {row.node.name: row for row in response.context["rows"]}


def test_nobody_gets_in_without_a_login(client):
    assert client.get(ADDRESS).headers["Location"].startswith(reverse("identity:login"))


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("language", ["nl", "en"])
def test_every_role_sees_its_own_part(client, project, role, language):
    person = PersonFactory()
    grant(person, role, project)
    client.cookies["cloudloket-language"] = language

    assert list(rows(client, person)) == [project.name]


def test_another_tenant_is_not_there(client, project):
    other = make_project(name="Ander project")
    generous_limits(other)
    person = PersonFactory()
    grant(person, Role.REQUESTER, other)

    assert list(rows(client, person)) == ["Ander project"]
    assert client.get(ADDRESS, {"node": str(project.public_id)}).status_code == 404


def test_reserved_becomes_used_when_it_is_approved(
    client, administrator, requester, approver, project, version, sent_tasks
):
    order = place(requester, project, version)
    row = rows(client, administrator, metric="vcpus")[project.name]
    assert (row.used, row.reserved) == (0, 2)

    approve_order(order.public_id, approver=approver, reason="")
    for name in (project.name, project.parent.name):
        row = rows(client, administrator, metric="vcpus")[name]
        assert (row.used, row.reserved) == (2, 0)


def test_three_levels_at_once_and_deeper_by_link(client):
    top = make_organization(name="Top")
    second = make_organization(top, name="Tweede")
    third = make_organization(second, name="Derde")
    fourth = make_project(third, name="Vierde")
    generous_limits(fourth)
    person = PersonFactory()
    grant(person, Role.AUDITOR, top)

    assert [row.level for row in rows(client, person).values()] == [0, 1, 2]
    assert "Derde 1 onderdeel eronder" in text_of(client.get(reverse("catalog:quotas")))
    assert list(rows(client, person, node=str(second.public_id))) == ["Tweede", "Derde", "Vierde"]


def test_no_limit_at_all_and_no_row_differ(client, administrator, project):
    Quota.objects.filter(node=project, metric="vcpus").update(limit_now=None)
    make_project(project.parent, name="Nieuw project")

    found = rows(client, administrator, metric="vcpus")
    assert found[project.name].free_text == "Onbeperkt"
    assert found["Nieuw project"].limit_text == "0"


def test_passed_limit_is_said_in_words(client, administrator, project):
    Quota.objects.filter(node=project, metric="volume_gib").update(
        claimed=120, limit_now=80, over_since=now()
    )

    log_in(client, administrator)
    text = client.get(ADDRESS, {"metric": "volume_gib"}).content.decode()
    assert "gebruikt 40\xa0GiB meer dan de limiet" in text


def test_without_limits_the_page_says_what_that_means(client):
    person = PersonFactory()
    grant(person, Role.REQUESTER, make_project())

    text = log_in(client, person).get(ADDRESS).content.decode()
    assert "Er zijn nog geen limieten" in text


@pytest.mark.parametrize("query", ["metric=onzin", "metric=%00", "page=x", "page=-1"])
def test_nonsense_in_the_address_shows_the_first_metric(client, administrator, project, query):
    response = log_in(client, administrator).get(f"{ADDRESS}?{query}")

    assert response.status_code == 200
    assert response.context["metric"].value == "servers"


@pytest.mark.parametrize("node", ["x", "%00", "1", UNKNOWN_ID])
def test_unknown_part_is_not_found(client, administrator, node):
    assert log_in(client, administrator).get(f"{ADDRESS}?node={node}").status_code == 404


def test_queries_do_not_depend_on_the_size_of_the_tree(
    client, administrator, project, django_assert_max_num_queries
):
    log_in(client, administrator)
    counts = []
    for more in (0, 5):
        for _number in range(more):
            make_project(project.parent)
        with django_assert_max_num_queries(28) as captured:
            client.get(ADDRESS)
        counts.append(len(captured))

    assert counts[0] == counts[1]
