"""The package of a project, whole: made from what really runs, and checked as who gets it does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Any
from zipfile import ZipFile

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from django.utils.translation import override

from catalog.exit_package.plan_steps import Scenario
from catalog.exit_package.tofu_rules import find_problems
from catalog.models import ExitPackage, Resource, WorkloadEvidence
from catalog.services.approvals import approve_order
from catalog.services.exit_files import make_exit_package
from catalog.services.exit_tests import begin_exit_test, do_exit_step
from portal.audit.models import AuditEntry
from portal.core.calendar import day_of, whole_second
from portal.core.errors import NotAllowed
from portal.identity.models import Project, Role
from tests.catalog.kinds.test_as_code import NOT_DESCRIBED
from tests.catalog.kinds.test_every_kind import EXAMPLES, version_of
from tests.catalog.placement.test_guards import ask, confirm, decide, draft_of, propose
from tests.catalog.test_move_node import Tree
from tests.constraints import execute, refused_by
from tests.factories import PersonFactory, grant, make_project, place, unassessed

pytestmark = pytest.mark.django_db
Files = dict[str, str]


@contextmanager
def opened(project, actor) -> Iterator[tuple[ExitPackage, Files]]:
    """The package, and its files by path."""
    package, file = make_exit_package(project.public_id, actor=actor)
    with file, ZipFile(file) as archive:
        yield package, {path: archive.read(path).decode() for path in archive.namelist()}


def taken_by(project, actor) -> Files:
    with opened(project, actor) as (_package, files):
        return files


def somebody(project, *roles: Role):
    person = PersonFactory()
    for role in roles:
        grant(person, role, project)
    return person


@pytest.fixture
def running(engine, requester, approver, project) -> Callable[..., Resource]:
    """Order something, and let it run."""

    def deliver(kind: str, spec: dict[str, Any] | None = None) -> Resource:
        example = EXAMPLES[kind]
        order = place(
            requester, project, version_of(kind), name="eerste", spec=spec or example.spec
        )
        engine.call(approve_order, order.public_id, approver=approver)
        engine.run()
        resource = Resource.objects.get(order_line__order=order)
        assert resource.state == "active"
        return resource

    return deliver


@pytest.fixture
def everything(running) -> dict[str, Resource]:
    """One of every kind, by kind."""
    made: dict[str, Resource] = {}
    for kind in sorted(EXAMPLES, key=lambda kind: EXAMPLES[kind].made_from != ("", "")):
        question, source = EXAMPLES[kind].made_from
        made[kind] = running(kind, {question: str(made[source].public_id)} if question else None)
    return made


def test_one_of_every_kind_is_in_it(everything, project, requester):
    with opened(project, requester) as (package, files):
        for line in files["SHA256SUMS"].splitlines():
            digest, path = line.split("  ")
            assert sha256(files[path].encode()).hexdigest() == digest

        code = json.loads(files["sovereign/tofu/main.tf.json"])
        assert find_problems(code) == []
        assert "openstack_compute_instance_v2" in code["resource"]
        inventory = json.loads(files["inventory.json"])
        assert {row["kind"] for row in inventory} == set(EXAMPLES)
        assert len(files["inventory.csv"].splitlines()) == len(EXAMPLES) + 1
        left_out = files["sovereign/tofu/NOT-DESCRIBED.txt"].splitlines()
        assert len(left_out) == len(NOT_DESCRIBED)
        assert "www IN CNAME" in files["sovereign/dns/loket.example.nl.zone"]
        network = json.loads(files["sovereign/network.json"])
        assert {row["cidr"] for row in network["subnets"]} == {"10.20.4.0/24", "192.168.10.0/24"}
        assert {row["kind"] for row in network["addresses"]} >= {"server", "floating_ip"}
        held = {
            cloud_id
            for kind in ("server", "volume", "volume_snapshot", "volume_backup", "server_image")
            for part, cloud_id in everything[kind].cloud_ids.items()
            if part in {"server", "volume", "volume_snapshot", "volume_backup", "server_image"}
        }
        assert all(cloud_id in files["fetch.sh"] for cloud_id in held)
        assert everything["server"].cloud_project.openstack_project_id in files["fetch.sh"]

    assert package.counts == {
        "resources": len(EXAMPLES),
        "described": len(EXAMPLES) - len(NOT_DESCRIBED),
        "files": len(files),
    }


def test_a_project_without_anything_has_a_package_too(project, requester):
    files = taken_by(project, requester)

    assert json.loads(files["inventory.json"]) == []
    assert "README.txt" in files


def test_the_readme_names_every_file(everything, project):
    reader = somebody(project, Role.REQUESTER, Role.AUDITOR)

    files = taken_by(project, reader)

    told = files["README.txt"]
    missing = [path for path in files if path.split("/")[0] not in told]
    assert missing == ["README.txt"]


@override("en")
def test_costs_and_trail_are_only_for_who_sees_them(running, project, requester):
    running("server")
    auditor = somebody(project, Role.AUDITOR)

    of_requester, of_auditor = taken_by(project, requester), taken_by(project, auditor)

    assert {"costs.csv", "audit.jsonl"} & of_requester.keys() == set()
    assert "your role does not see the costs" in of_requester["README.txt"].replace("\n  ", " ")
    header, *months = of_auditor["costs.csv"].splitlines()
    assert (header.lstrip("\ufeff"), len(months)) == ("month,eur,is_billed,is_price_missing", 1)
    told = [json.loads(line)["event"] for line in of_auditor["audit.jsonl"].splitlines()]
    assert "order.approved" in told
    actors = {json.loads(line)["actor"] for line in of_auditor["audit.jsonl"].splitlines()}
    assert str(requester.public_id) in actors
    assert requester.name not in of_auditor["audit.jsonl"]


def test_what_was_before_a_move_is_for_who_had_it_then(monkeypatch):
    """Whoever gets a project reads of the time after that, as in the trail."""
    tree = Tree()
    auditor = somebody(tree.ministry, Role.AUDITOR)
    assert "node.created" in taken_by(tree.project, auditor)["audit.jsonl"]
    moved_at = whole_second(now()) + timedelta(days=1)
    monkeypatch.setattr("catalog.services.tree.now", lambda: moved_at)
    monkeypatch.setattr("catalog.services.exit_files.now", lambda: moved_at + timedelta(hours=1))

    tree.move()

    assert taken_by(tree.project, auditor)["audit.jsonl"] == ""


def test_what_it_asks_does_not_grow_with_what_there_is(running, project):
    reader = somebody(project, Role.AUDITOR)
    running("server")
    with CaptureQueriesContext(connection) as of_one:
        taken_by(project, reader)

    running("dns_zone")
    running("floating_ip")

    with CaptureQueriesContext(connection) as of_three:
        taken_by(project, reader)
    assert len(of_three) == len(of_one)


def test_of_other_projects_there_is_nothing(running, project, requester):
    server = running("server")
    other = make_project()
    stranger = somebody(other, *Role)

    with pytest.raises(Project.DoesNotExist):
        make_exit_package(project.public_id, actor=stranger)
    assert str(server.public_id) not in str(taken_by(other, stranger))


@pytest.mark.parametrize("role", [Role.APPROVER, Role.FINANCE, Role.OPERATOR])
def test_who_only_decides_pays_or_repairs_takes_nothing_along(project, role):
    person = somebody(project, role)

    with pytest.raises(NotAllowed):
        make_exit_package(project.public_id, actor=person)


def test_what_is_cleaned_up_is_not_in_it(running, retire, engine, project, requester):
    retire(running("server"))
    engine.run()

    assert json.loads(taken_by(project, requester)["inventory.json"]) == []


def test_tests_of_the_plan_are_in_it(project, requester):
    test = begin_exit_test(project.public_id, scenario=Scenario.PLANNED, actor=requester)
    do_exit_step(test.public_id, key="users_told", evidence="Per mail", actor=requester)

    plan = json.loads(taken_by(project, requester)["exit-plan.json"])

    (told,) = plan["tests"]
    assert (told["scenario"], told["outcome"]) == ("planned", "")
    (step,) = told["steps"]
    assert (step["key"], step["evidence"]) == ("users_told", "Per mail")
    assert step["done_by"] == str(requester.public_id)
    assert plan["evidence"] == []


def test_where_the_plan_is_is_in_it(project, requester):
    for kind in ("exit_plan", "risk_analysis"):
        WorkloadEvidence.objects.create(
            project=project,
            kind=kind,
            reference="Zaak 12",
            dated_on=day_of(now()),
            recorded_by=requester,
            recorded_at=now(),
        )

    (told,) = json.loads(taken_by(project, requester)["exit-plan.json"])["evidence"]

    assert (told["kind"], told["reference"]) == ("exit_plan", "Zaak 12")


def test_why_the_data_stands_there_is_in_it(running, project, requester):
    running("server")

    decisions = json.loads(taken_by(project, requester)["placement-decisions.json"])

    assert {decision["verdict"] for decision in decisions} == {"allowed"}
    assert all(decision["ruleset"] and decision["facts"] for decision in decisions)


def test_a_decision_with_conditions_tells_who_permitted_it(project, requester, version):
    """What it fired, the data owner's words, and of people only their ids."""
    cloud = version.cloud
    unassessed(cloud)
    answered = project.workload_profiles.get(ended_at=None)
    supply = confirm(propose(draft_of(cloud)))
    clauses = [{"id": "dtia", "verdict": "conditional", "missing": [], "needs": ["dtia"]}]
    permission = confirm(ask(answered, supply, clauses=clauses))
    facts = {"workload": {"is_core_task": True}}
    decided = decide(
        project,
        cloud,
        workload=answered,
        supply=supply,
        permission=permission,
        advised="conditional",
        clauses=clauses,
        facts=facts,
    )

    text = taken_by(project, requester)["placement-decisions.json"]

    (told,) = json.loads(text)
    assert (told["id"], told["advised"]) == (str(decided.public_id), "conditional")
    assert (told["clauses"], told["facts"]) == (clauses, facts)
    assert told["permission"]["decided_by"] == str(permission.decided_by.public_id)
    assert told["permission"]["motivation"] == "Het moet"
    assert permission.decided_by.name not in text


HOSTILE = '../../x/${file("/etc/passwd")} %{if}\n# rm -rf ~\n\'; echo'


def test_no_name_leads_out_of_the_package_or_into_its_code(running, project):
    """Names of found things are typed in the cloud, where much more is allowed than here."""
    auditor = somebody(project, Role.AUDITOR)
    running("server")
    Resource.objects.update(name=HOSTILE[:63])
    Project.objects.filter(pk=project.pk).update(name=HOSTILE)

    files = taken_by(project, auditor)

    assert all(len(path.split("/")) <= 3 and ".." not in path for path in files)
    code = json.loads(files["sovereign/tofu/main.tf.json"])
    assert find_problems(code) == []
    (server,) = code["resource"]["openstack_compute_instance_v2"].values()
    assert server["name"] == HOSTILE[:63].replace("${", "$${").replace("%{", "%%{")
    assert "\n# rm" not in files["fetch.sh"]


def test_that_it_was_made_is_written_down(project, requester):
    with opened(project, requester) as (package, _files):
        pass

    entry = AuditEntry.objects.get(event="exit_package.made")
    assert (entry.subject_public_id, entry.node_id) == (package.public_id, project.pk)
    assert entry.data == {"sha256": package.sha256, "costs": False, "audit": False}


@pytest.mark.parametrize("statement", ["UPDATE {} SET size = 1", "DELETE FROM {}"])
def test_that_it_was_made_never_changes(project, requester, statement):
    taken_by(project, requester)

    with refused_by("exit_package_never_changes"):
        execute(statement.format("catalog_exitpackage"))
