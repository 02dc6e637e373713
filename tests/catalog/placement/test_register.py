"""The register of known use: a row for every project that has something, always."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localdate, now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.models import Price
from catalog.models import (
    Difference,
    PlacementConcern,
    Resource,
    SupplyProfile,
    WorkloadEvidence,
    WorkloadProfile,
)
from catalog.placement_words import Advised, EvidenceKind, Hosting
from catalog.services.adoption import adopt_by_itself
from catalog.services.placement import register
from catalog.services.placement.register import RegisterQuestion
from catalog.services.placement.register_files import COLUMNS, Summary, sheet_rows, use_json
from portal.cloud.models import CloudProject, CloudProjectPurpose
from portal.core.calendar import year_of
from portal.identity.models import DataOwner, Project, ProjectOwner, Role
from tests.factories import (
    CloudFactory,
    PersonFactory,
    assessed,
    classify,
    delivered,
    generous_limits,
    grant,
    make_organization,
    make_project,
    place,
    priced,
    unanswered,
    unassessed,
)
from tests.factories.drift import DISK, unordered

pytestmark = pytest.mark.django_db
LONG_AGO = now() - timedelta(days=800)


@pytest.fixture
def auditor(project):
    person = PersonFactory(name="Auditor")
    grant(person, Role.AUDITOR, project.parent)
    return person


@pytest.fixture
def server(requester, approver, project, version, sent_tasks):
    return delivered(place(requester, project, version), approver=approver)


def uses(person, **asked):
    return list(RegisterQuestion(person=person, at=now(), **asked).uses())


def projects(person, **asked):
    return [use.project for use in uses(person, **asked)]


def adopted(project, cloud):
    """A disk that nobody ordered, taken in by the clock."""
    if not Price.objects.exists():
        priced()
    number = Difference.objects.count()
    found = unordered(
        project, cloud, finding=DISK, openstack_id=f"disk-{number}", name=f"disk-{number}"
    )
    generous_limits(project)
    CloudProject.objects.get_or_create(
        project=project, cloud=cloud, purpose=CloudProjectPurpose.MANAGED
    )
    return adopt_by_itself(found.public_id)


@contextmanager
def as_superuser():
    """Inside no trigger hears of what is written, as nothing in the portal can do."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield
        cursor.execute("SET LOCAL session_replication_role = origin")


def retire(resource):
    Resource.objects.filter(pk=resource.pk).update(state="retiring", is_protected=False)
    Resource.objects.filter(pk=resource.pk).update(state="retired", retired_at=now())


def sheet(person, **asked):
    """The rows below the names of the columns, each by those names."""
    names, *rows = sheet_rows(uses(person, **asked))
    assert tuple(names) == COLUMNS
    return [dict(zip(names, row, strict=True)) for row in rows]


class TestWhatIsInIt:
    def test_a_project_with_all_that_is_known_of_it(self, server, project, auditor):
        owner, answerer = PersonFactory(name="Eigenaar"), PersonFactory(name="Projectleider")
        DataOwner.objects.create(node=project.parent, owner=owner, valid_from=LONG_AGO)
        ProjectOwner.objects.create(project=project, owner=answerer, valid_from=LONG_AGO)

        (use,) = uses(auditor)

        assert use.project == project
        assert use.path == (project.parent.name, project.name)
        assert (use.data_owner, use.project_owner) == (owner, answerer)
        assert use.profile.personal_data == "some"
        (there,) = use.places
        assert (there.cloud, there.resources, there.found) == (
            server.cloud_project.cloud.name,
            1,
            0,
        )
        assert there.offerings == ("virtual-server",)
        assert there.opinion.is_admissible

    def test_a_project_without_answers_owner_or_assessed_place(self, server, project, auditor):
        unanswered(project)
        unassessed(server.cloud_project.cloud)

        (use,) = uses(auditor)

        assert (use.profile, use.data_owner, use.project_owner) == (None, None, None)
        assert use.places[0].opinion.judged.supply is None
        assert use.places[0].opinion.advice.verdict == Advised.PROHIBITED
        assert not use.is_admissible

    def test_what_was_found_in_the_cloud(self, project, version, auditor, sent_tasks):
        found = adopted(project, version.cloud)

        (use,) = uses(auditor)

        assert found.is_unmanaged
        assert (use.places[0].resources, use.places[0].found) == (1, 1)
        assert use.places[0].offerings == ()

    def test_a_project_where_everything_was_cleaned_up_is_not_in_it(self, server, auditor):
        retire(server)

        assert uses(auditor) == []

    def test_a_row_for_each_place(self, server, project, auditor):
        other = CloudFactory(key="elders", name="Elders")
        adopted(project, other)

        assert {row["cloud"] for row in sheet(auditor)} == {
            server.cloud_project.cloud.name,
            "Elders",
        }
        assert len(uses(auditor)) == 1

    def test_the_last_thing_may_go_away_while_it_is_read(self, server, auditor, monkeypatch):
        monkeypatch.setattr(register, "_stands", lambda resources: {})

        (row,) = sheet(auditor)

        assert (row["project"], row["cloud"], row["verdict"]) == (server.project.name, "", "")
        assert row["personal_data"] == "some"

    def test_what_waits_on_its_owner_comes_first(self, server, project, auditor):
        grant(auditor, Role.AUDITOR, (later := make_project(name="Zzz")))
        adopted(later, server.cloud_project.cloud)
        PlacementConcern.objects.create(
            project=later,
            cloud=server.cloud_project.cloud,
            advised=Advised.PROHIBITED,
            clauses=[],
            first_seen_at=now(),
            due_on=localdate(),
        )

        first, second = uses(auditor)

        assert (first.project, second.project) == (later, project)
        assert first.places[0].due_on == localdate()
        assert second.places[0].due_on is None


class TestWhoReadsIt:
    @pytest.mark.parametrize("role", list(Role))
    def test_who_answers_checks_or_pays(self, server, project, role):
        person = PersonFactory()
        grant(person, role, project.parent)

        reads = role in {Role.QUOTA_ADMINISTRATOR, Role.AUDITOR, Role.FINANCE}
        assert projects(person) == ([project] if reads else [])

    def test_nobody_reads_of_another_tenant(self, server, auditor):
        stranger = PersonFactory()
        grant(stranger, Role.AUDITOR, make_organization())

        assert uses(stranger) == []

    def test_one_part_of_what_one_reads(self, server, project, auditor):
        grant(auditor, Role.AUDITOR, (other := make_project()))
        adopted(other, server.cloud_project.cloud)

        assert set(projects(auditor)) == {project, other}
        assert projects(auditor, node=project.parent) == [project]
        assert projects(auditor, node=other) == [other]

    def test_words_are_of_a_project_or_what_it_stands_below(self, server, project, auditor):
        assert projects(auditor, words=project.name[1:].upper()) == [project]
        assert projects(auditor, words=project.parent.name) == [project]
        assert projects(auditor, words="iets anders") == []


class TestYear:
    def test_what_stood_there_at_any_moment_of_it(self, server, project, auditor):
        this_year = year_of(now())
        before = year_of(this_year.start - timedelta(days=1))

        assert projects(auditor, period=this_year) == [project]
        assert projects(auditor, period=before) == []
        retire(server)
        assert projects(auditor) == []
        assert projects(auditor, period=this_year) == [project]

    def test_what_was_gone_before_it_began_is_not_of_that_year(self, server, auditor):
        this_year = year_of(now())
        retire(server)
        Resource.objects.filter(pk=server.pk).update(
            created_at=this_year.start - timedelta(days=9),
            retired_at=this_year.start - timedelta(days=1),
        )

        assert projects(auditor, period=this_year) == []
        assert len(projects(auditor, period=year_of(this_year.start - timedelta(days=1)))) == 1


class TestPastYear:
    """Of a year that is over what was known at its end counts, however late the report is made."""

    @pytest.fixture
    def last_year(self, server):
        """The server stood there all of it; what is known of it was known before."""
        year = year_of(year_of(now()).start - timedelta(days=1))
        long_before = year.start - timedelta(days=9)
        with as_superuser():
            Resource.objects.filter(pk=server.pk).update(created_at=long_before)
            WorkloadProfile.objects.update(answered_at=long_before)
            SupplyProfile.objects.update(proposed_at=long_before, decided_at=long_before)
        return year

    def test_answers_given_since_do_not_count(self, server, project, auditor, last_year):
        classify(project, is_core_task=True, review_on=localdate())

        (then,), (today,) = uses(auditor, period=last_year), uses(auditor)

        assert (then.profile.is_core_task, today.profile.is_core_task) == (False, True)
        assert (then.workload.is_core_task, today.workload.is_core_task) == (False, True)

    def test_nor_what_was_forgotten_since(self, server, project, auditor, last_year):
        unanswered(project)
        unassessed(server.cloud_project.cloud)

        (then,), (today,) = uses(auditor, period=last_year), uses(auditor)

        assert then.profile is not None
        assert then.places[0].opinion.judged.supply is not None
        assert (today.profile, today.places[0].opinion.judged.supply) == (None, None)

    def test_what_was_not_known_then_is_not_known(self, server, project, auditor, last_year):
        with as_superuser():
            WorkloadProfile.objects.update(answered_at=now())
            SupplyProfile.objects.update(decided_at=now())

        (then,) = uses(auditor, period=last_year)

        assert (then.profile, then.workload.personal_data) == (None, None)
        assert then.places[0].opinion.judged.supply is None
        assert (
            RegisterQuestion(person=auditor, at=now(), period=last_year).totals()["unanswered"] == 1
        )

    def test_owners_and_concerns_are_those_of_then(self, server, project, auditor, last_year):
        then, today = PersonFactory(name="Toen"), PersonFactory(name="Nu")
        turn = last_year.end + timedelta(hours=1)
        DataOwner.objects.create(node=project, owner=then, valid_from=LONG_AGO, valid_until=turn)
        DataOwner.objects.create(node=project, owner=today, valid_from=turn)
        PlacementConcern.objects.create(
            project=project,
            cloud=server.cloud_project.cloud,
            offering=server.order_line.offering_version.offering,
            advised=Advised.PROHIBITED,
            clauses=[],
            first_seen_at=last_year.start,
            due_on=localdate(),
            settled_at=turn,
        )

        (before,), (after,) = uses(auditor, period=last_year), uses(auditor)

        assert (before.data_owner, after.data_owner) == (then, today)
        assert (before.places[0].due_on, after.places[0].due_on) == (localdate(), None)

    def test_the_running_year_has_what_is_known_now(self, server, project, auditor):
        unanswered(project)

        (use,) = uses(auditor, period=year_of(now()))

        assert use.profile is None


class TestSheets:
    def test_cells_say_what_programs_read(self, server, project, auditor):
        (use,) = uses(auditor)
        told, (row,) = use_json(use), sheet(auditor)

        (there,) = told["places"]
        assert (row["project"], row["id"]) == (project.name, str(project.public_id))
        assert row["organization"] == project.parent.name
        assert (row["verdict"], row["is_admissible"]) == ("allowed", "yes")
        assert (row["hosting"], row["operator"]) == (there["hosting"], "Overheidsdatacenter")
        assert (row["owners"], row["locations"]) == ("Overheidsdatacenter (NL)", "NL")
        assert (row["protection_level"], row["seal"]) == (3, 3)
        assert row["clauses"].split("; ") == [clause["id"] for clause in there["clauses"]]
        assert (row["is_material"], row["data_owner"]) == ("no", "")

    def test_the_newest_evidence_of_each_kind(self, server, project, auditor):
        for days in (40, 3):
            WorkloadEvidence.objects.create(
                project=project,
                kind=EvidenceKind.RISK_ANALYSIS,
                reference="Zaak 12",
                dated_on=localdate() - timedelta(days=days),
                recorded_by=auditor,
                recorded_at=now(),
            )

        (row,) = sheet(auditor)

        assert row["risk_analysis"] == (localdate() - timedelta(days=3)).isoformat()
        assert row["dpia"] == ""

    def test_what_a_year_comes_to(self, server, project, auditor):
        classify(project, is_core_task=True)
        assessed(server.cloud_project.cloud, hosting=Hosting.PUBLIC)
        summary = Summary()

        list(summary.watch(uses(auditor)))

        told = summary.as_json()
        assert (told["projects"], told["places"], told["places_prohibited"]) == (1, 1, 1)
        assert told["projects_material_in_public_cloud_without_risk_analysis"] == 1
        assert (told["projects_without_answers"], told["projects_without_data_owner"]) == (0, 1)
        assert told["projects_by_operator"] == {"Overheidsdatacenter": 1}


def test_totals(server, project, auditor):
    adopted((other := make_project(project.parent)), server.cloud_project.cloud)
    unanswered(other)

    assert RegisterQuestion(person=auditor, at=now()).totals() == {
        "projects": 2,
        "unanswered": 1,
        "with_found": 1,
        "with_concern": 0,
    }


def test_queries_for_each_chunk_are_always_as_many(server, project, auditor, monkeypatch):
    monkeypatch.setattr(register, "AT_A_TIME", 4)

    def count():
        with CaptureQueriesContext(connection) as queries:
            uses(auditor)
        return len(queries)

    of_one = count()
    for _ in range(3):
        adopted(make_project(project.parent), server.cloud_project.cloud)
    assert count() == of_one
    adopted(make_project(project.parent), server.cloud_project.cloud)
    assert len(uses(auditor)) == 5
    assert count() <= 2 * of_one


# --- always ------------------------------------------------------------------------------------

ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            ("order", "find", "retire", "answer", "forget", "assess", "unassess", "own", "disown")
        ),
        st.integers(0, 2),
        st.integers(0, 1),
    ),
    max_size=12,
)


@given(ACTS)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_happens_it_has_every_project_that_has_something(db, history):
    ministry = make_organization()
    auditor = PersonFactory()
    grant(auditor, Role.AUDITOR, ministry)
    own = [make_project(ministry) for _ in range(3)]
    clouds = [CloudFactory(key=key) for key in ("noord", "west")]

    for act, which, where in history:
        _do(act, own[which], clouds[where])

    living = Resource.objects.filter(project__in=own).exclude(state="retired")
    has_something = set(living.values_list("project", flat=True))
    assert {use.project.pk for use in uses(auditor)} == has_something
    assert {row["id"] for row in sheet(auditor)} == {
        str(project.public_id) for project in own if project.pk in has_something
    }
    for use in uses(auditor):
        there = living.filter(project=use.project)
        assert sum(place.resources for place in use.places) == there.count()


def _do(act, project: Project, cloud):
    match act:
        case "order" | "find":
            adopted(project, cloud)
        case "retire":
            for resource in Resource.objects.filter(project=project).exclude(state="retired")[:1]:
                retire(resource)
        case "answer":
            classify(project)
        case "forget":
            unanswered(project)
        case "assess":
            assessed(cloud)
        case "unassess":
            unassessed(cloud)
        case "own":
            if not ProjectOwner.objects.filter(project=project, valid_until=None).exists():
                ProjectOwner.objects.create(
                    project=project, owner=PersonFactory(), valid_from=now()
                )
        case "disown":
            ProjectOwner.objects.filter(project=project, valid_until=None).update(valid_until=now())
