"""The tree as a page, and the pages on which a part of it moves or ends."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils.timezone import now

from billing.meters import Meter
from billing.services.metering import UsageTime, end_metering, start_metering
from billing.services.term_reading import still_due
from catalog.models import Metric, Quota
from catalog.services.approvals import approve_order
from catalog.services.limits import set_limit
from portal.core.calendar import last_day_before
from portal.core.formats import day
from portal.identity.models import Node, NodeParent, Role
from tests.factories import (
    CloudFactory,
    PersonFactory,
    administrator_of,
    grant,
    make_organization,
    make_project,
    place,
)
from tests.factories.billing import set_price
from tests.logins import log_in

pytestmark = pytest.mark.django_db

LIST = "/organizations"


@pytest.fixture
def administrator(project):
    return administrator_of(project.parent)


def address(node, *rest):
    return "/".join([LIST, str(node.public_id), *rest])


def text_of(response):
    return response.content.decode()


def rows(client, person, **query):
    response = log_in(client, person).get(LIST, query)
    assert response.status_code == 200
    return {row.node.name: row for row in response.context["rows"]}


class TestList:
    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize("language", ["nl", "en"])
    def test_it_is_for_who_administers_or_audits(self, client, project, role, language):
        client.cookies["cloudloket-language"] = language
        person = PersonFactory()
        grant(person, role, project)

        response = log_in(client, person).get(LIST)

        is_for = role in {Role.QUOTA_ADMINISTRATOR, Role.AUDITOR}
        assert response.status_code == (200 if is_for else 403)
        assert (f'href="{LIST}"' in text_of(client.get("/"))) is is_for

    def test_a_stranger_logs_in_first(self, client):
        assert client.get(LIST).headers["Location"].startswith("/login")

    def test_only_what_those_roles_reach(self, client, project):
        other = make_project(make_organization(name="Elders"), name="Ander project")
        person = administrator_of(project.parent)
        grant(person, Role.REQUESTER, other)

        found = rows(client, person)

        assert list(found) == [project.parent.name, project.name]
        assert [row.level for row in found.values()] == [0, 1]

    def test_counts_are_of_everything_below(
        self, client, project, administrator, requester, approver, version, sent_tasks
    ):
        for _number in range(2):
            approve_order(place(requester, project, version).public_id, approver=approver)
        part = make_organization(project.parent, name="Afdeling")
        make_project(make_organization(part, name="Bureau"), name="Diep")

        found = rows(client, administrator)

        counted = {name: (row.counts.projects, row.counts.resources) for name, row in found.items()}
        assert counted[project.parent.name] == (2, 2)
        assert counted["Afdeling"] == (1, 0)
        assert counted[project.name] == (1, 2)
        assert "Diep" not in counted  # the fourth level: by way of its organization

    def test_search_is_by_name_and_code_at_any_depth(self, client, project, administrator):
        deep = make_organization(make_organization(project.parent))
        make_project(deep, name="Grondwater")

        assert list(rows(client, administrator, q="gronDWAter")) == ["Grondwater"]
        assert list(rows(client, administrator, q=project.code)) == [project.name]
        assert not rows(client, administrator, q="onvindbaar")
        assert "Niets voldoet hieraan" in text_of(client.get(LIST, {"q": "onvindbaar"}))

    @pytest.mark.parametrize("query", ["q=%00", "q=%25", "page=x", "page=-1", "state=onzin"])
    def test_nonsense_in_the_address(self, client, administrator, query):
        assert log_in(client, administrator).get(f"{LIST}?{query}").status_code == 200

    def test_what_has_ended_is_asked_for(self, client, project, administrator):
        assert not rows(client, administrator, state="ended")
        Node.objects.filter(pk=project.pk).update(ended_at=now())

        assert project.name not in rows(client, administrator)
        assert list(rows(client, administrator, state="ended")) == [project.name]

    def test_queries_do_not_depend_on_the_size_of_the_tree(
        self, client, project, administrator, django_assert_max_num_queries
    ):
        log_in(client, administrator)
        counts = []
        for more in (0, 5):
            for _number in range(more):
                make_project(make_organization(project.parent))
            with django_assert_max_num_queries(20) as captured:
                client.get(LIST)
            counts.append(len(captured))

        assert counts[0] == counts[1]


@pytest.fixture
def ordered(requester, project, version):
    return place(requester, project, version)


@pytest.fixture
def elsewhere(project):
    """A directorate beside it, with room for everything."""
    part = make_organization(project.parent, name="Andere directie")
    for metric in Metric:
        set_limit(part, metric, Decimal(10_000), valid_from=now(), actor=None)
    return part


class TestMove:
    def move(self, client, node, parent, **rest):
        return client.post(address(node, "move"), {"parent": str(parent.public_id)}, **rest)

    def test_the_choice_is_what_the_person_administers(
        self, client, project, elsewhere, administrator
    ):
        strange = make_organization(name="Vreemd")
        log_in(client, administrator)

        page = client.get(address(project, "move"))

        assert [one.pk for one in page.context["parents"]] == [elsewhere.pk]
        assert "Vreemd" not in text_of(page)
        assert self.move(client, project, strange).status_code == 422

    def test_the_effect_is_shown_before_anything_happens(
        self, client, project, elsewhere, administrator, ordered
    ):
        set_limit(elsewhere, Metric.VCPUS, Decimal(1), valid_from=now(), actor=None)
        log_in(client, administrator)

        page = client.get(address(project, "move"), {"parent": str(elsewhere.public_id)})

        effects = {row["effect"].metric: row for row in page.context["rows"]}
        assert not effects[Metric.VCPUS]["effect"].fits
        assert effects[Metric.SERVERS]["effect"].fits
        assert "Te weinig" in text_of(page)
        assert f'name="parent" value="{elsewhere.public_id}"' not in text_of(page)
        assert Node.objects.get(pk=project.pk).parent_id == project.parent_id

    def test_it_moves(self, client, project, elsewhere, administrator, ordered):
        log_in(client, administrator)
        preview = client.get(address(project, "move"), {"parent": str(elsewhere.public_id)})
        assert f'name="parent" value="{elsewhere.public_id}"' in text_of(preview)

        response = self.move(client, project, elsewhere)

        assert (response.status_code, response.headers["Location"]) == (303, address(project))
        assert Node.objects.get(pk=project.pk).parent_id == elsewhere.pk
        page = text_of(client.get(address(project)))
        assert "Waar het eerder stond" in page

    @pytest.fixture
    def below(self, project):
        """A project in another part than ``elsewhere``."""
        return make_project(make_organization(project.parent, name="Eerste directie"))

    def test_who_gets_and_who_loses_a_role_is_named_before(
        self, client, below, elsewhere, administrator
    ):
        grant(PersonFactory(name="Wint Recht"), Role.OPERATOR, elsewhere)
        grant(PersonFactory(name="Raakt Kwijt"), Role.FINANCE, below.parent)
        log_in(client, administrator)

        page = client.get(address(below, "move"), {"parent": str(elsewhere.public_id)})

        gained, lost = (text_of(page).index(f'id="{key}"') for key in ("gained", "lost"))
        assert gained < text_of(page).index("Wint Recht") < lost
        assert lost < text_of(page).index("Raakt Kwijt")

    def test_special_rights_come_along_by_somebody_from_above(self, client, below, elsewhere):
        beside = PersonFactory()
        for node in (below.parent, elsewhere):
            grant(beside, Role.QUOTA_ADMINISTRATOR, node)
        grant(PersonFactory(name="Vriend"), Role.OPERATOR, elsewhere)
        log_in(client, beside)

        page = client.get(address(below, "move"), {"parent": str(elsewhere.public_id)})
        assert f'name="parent" value="{elsewhere.public_id}"' not in text_of(page)
        response = self.move(client, below, elsewhere)

        assert response.status_code == 403
        assert "Vriend" in text_of(response)
        assert Node.objects.get(pk=below.pk).parent_id == below.parent_id

    def test_too_little_quota_names_level_and_metric(
        self, client, project, elsewhere, administrator, ordered
    ):
        set_limit(elsewhere, Metric.VCPUS, Decimal(1), valid_from=now(), actor=None)
        log_in(client, administrator)

        response = self.move(client, project, elsewhere)

        assert response.status_code == 409
        assert str(response.context["error"].context["node"]) == "Andere directie"
        assert "Andere directie" in text_of(response)
        assert Node.objects.get(pk=project.pk).parent_id == project.parent_id

    @pytest.mark.parametrize("chosen", ["", "x", "%00", "5f0f7c9e-3c1b-4d3a-9a55-0a8f5a1f9a01"])
    def test_a_place_that_is_none(self, client, project, elsewhere, administrator, chosen):
        log_in(client, administrator)

        assert client.post(address(project, "move"), {"parent": chosen}).status_code == 422
        status = client.get(address(project, "move"), {"parent": chosen}).status_code
        assert status == (422 if chosen else 200)

    def test_nowhere_to_go_is_said(self, client, project, administrator):
        page = log_in(client, administrator).get(address(project, "move"))

        assert "nergens" in text_of(page)

    def test_an_old_login_comes_back_to_the_preview(
        self, client, project, elsewhere, administrator
    ):
        log_in(client, administrator, age_seconds=3600)

        response = self.move(client, project, elsewhere)

        assert response.status_code == 302
        assert Node.objects.get(pk=project.pk).parent_id == project.parent_id
        token = client.session["kept_input"]["token"]
        back = client.get(address(project, "move"), {"kept": token})
        assert back.context["parent"].pk == elsewhere.pk


def used_for_a_month(project):
    """A disk of 100 GiB that is gone by now, of which a year is due: 10 euros a month."""
    NodeParent.objects.update(valid_from=now() - timedelta(days=90))
    begun, gone = (now() - timedelta(days=days) for days in (60, 30))
    disk = start_metering(
        public_id=uuid4(),
        project=project,
        cloud=CloudFactory(),
        kind="volume",
        name="zaak-data",
        openstack_id="cinder-1",
        meters=[Meter("volume.standard", Decimal(100))],
        time=UsageTime(cloud=begun, intended=begun, observed=begun),
        agreed_months={"volume.standard": 12},
    )
    end_metering(disk.public_id, time=UsageTime(cloud=gone, intended=gone, observed=gone))
    return disk


class TestEnd:
    def end(self, client, node, confirmation=None):
        typed = node.name if confirmation is None else confirmation
        return client.post(address(node, "end"), {"confirmation": typed})

    def test_what_is_in_the_way_has_a_link(
        self, client, project, administrator, requester, approver, version, sent_tasks
    ):
        waiting, approved = (place(requester, project, version) for _ in range(2))
        approve_order(approved.public_id, approver=approver)
        resource = approved.lines.get().resource
        log_in(client, administrator)

        for response in (client.get(address(project, "end")), self.end(client, project)):
            page = text_of(response)
            assert f"/orders/{waiting.public_id}" in page
            assert f"/resources/{resource.public_id}" in page
            assert 'name="confirmation"' not in page
        assert response.status_code == 409
        page = text_of(client.get(address(project.parent, "end")))
        assert address(project) in page

    def test_it_says_how_much_stays_due_until_when(self, client, project, administrator):
        log_in(client, administrator)
        assert "minimale looptijd" not in text_of(client.get(address(project, "end")))
        set_price("0.1", sku="volume.standard", unit="gib_month", minimum_months=12)
        disks = [used_for_a_month(project) for _ in range(2)]
        one, other = (still_due(disk.public_id, at=now())[0] for disk in disks)
        last_end = max(one.ends_at, other.ends_at)  # they began in the same second, or did not

        for node in (project, project.parent):
            response = client.get(address(node, "end"))
            (due,) = response.context["still_due"]
            assert abs(due.amount - 2 * one.amount) <= Decimal("0.02")
            assert (due.sku, due.ends_at, due.monthly) == (one.sku, last_end, 20)
            page = text_of(response)
            assert "minimale looptijd" in page
            assert day(last_day_before(due.ends_at)) in page.replace("\N{NO-BREAK SPACE}", " ")
            assert self.end(client, node).status_code == 303

    def test_it_names_who_loses_a_role(self, client, project, administrator, requester):
        page = text_of(log_in(client, administrator).get(address(project, "end")))

        assert f"{requester.name} (Aanvrager)" in page

    def test_it_ends(self, client, project, administrator):
        log_in(client, administrator)

        response = self.end(client, project)

        assert (response.status_code, response.headers["Location"]) == (303, address(project))
        assert Node.objects.get(pk=project.pk).ended_at is not None
        assert Quota.objects.filter(node=project, limit_now=0).exists()
        again = client.get(address(project, "end"))
        assert again.headers["Location"] == address(project)
        assert self.end(client, project).status_code == 409

    def test_who_ends_the_place_of_the_own_role_goes_home(self, client):
        organization = make_organization()
        log_in(client, administrator_of(organization))

        assert self.end(client, organization).headers["Location"] == "/"

    def test_another_name_ends_nothing(self, client, project, administrator):
        log_in(client, administrator)

        response = self.end(client, project, "iets <b>anders</b>")

        assert response.status_code == 422
        assert "iets &lt;b&gt;anders" in text_of(response)
        assert Node.objects.get(pk=project.pk).ended_at is None

    def test_an_old_login_comes_back_to_what_was_typed(self, client, project, administrator):
        log_in(client, administrator, age_seconds=3600)

        assert self.end(client, project).status_code == 302

        assert Node.objects.get(pk=project.pk).ended_at is None
        token = client.session["kept_input"]["token"]
        back = client.get(address(project, "end"), {"kept": token})
        assert back.context["confirmation"] == project.name
