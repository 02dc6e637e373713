"""The exit package of a project: every file of it, and that somebody took it along."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog.exit_package import fetching
from catalog.exit_package.archive import Member, Written, write_archive
from catalog.exit_package.network_facts import network_facts
from catalog.exit_package.things import Thing
from catalog.exit_package.tofu import as_tf_json
from catalog.exit_policies import may_take_exit, visible_exits
from catalog.kinds import get_kind
from catalog.models import ExitPackage, Resource
from catalog.services.exit_contents import CloudContents, ExitContents, read_contents
from catalog.services.exit_readme import readme
from catalog.services.exit_records import (
    audit_lines,
    cost_rows,
    exit_plan,
    placement_decisions,
)
from portal.audit.services import record
from portal.core.errors import NotAllowed
from portal.core.sheets import Rows, as_csv
from portal.core.text import on_one_line
from portal.identity.models import Person

_INVENTORY: Final = ("name", "kind", "summary", "state", "cloud", "addresses", "end_date", "id")


def make_exit_package(project_id: UUID, *, actor: Person) -> tuple[ExitPackage, IO[bytes]]:
    """Write the package, and down that the actor has it; whoever gets the file closes it.

    Raises:
        Project.DoesNotExist: the actor does not reach it.
        NotAllowed: the actor may not take it along.
    """
    project = visible_exits(actor).get(public_id=project_id)
    if not may_take_exit(actor, project):
        raise NotAllowed()
    contents = read_contents(project, actor=actor, at=now())
    written = write_archive(_members(contents), made_at=contents.at)
    try:
        return _note(contents, written), written.file
    except BaseException:
        written.file.close()
        raise


@transaction.atomic(durable=True)
def _note(contents: ExitContents, written: Written) -> ExitPackage:
    in_all = sum(len(place.things.things) for place in contents.clouds)
    left_out = sum(len(place.not_described) for place in contents.clouds)
    package = ExitPackage.objects.create(
        project=contents.project,
        made_by=contents.actor,
        made_at=contents.at,
        sha256=written.sha256,
        size=written.size,
        counts={
            "resources": len(contents.living),
            "described": in_all - left_out,
            "files": len(written.paths),
        },
    )
    record(
        "exit_package.made",
        package,
        actor=contents.actor,
        node_id=contents.project.pk,
        data={
            "sha256": written.sha256,
            "costs": contents.shows_costs,
            "audit": contents.shows_audit,
        },
    )
    return package


def _members(contents: ExitContents) -> Iterator[Member]:
    fetches = [place.fetches() for place in contents.clouds]
    yield Member("README.txt", [readme(contents)])
    yield _json("inventory.json", [_inventory_of(item) for item in contents.living])
    yield Member("inventory.csv", as_csv(_inventory_rows(contents)))
    yield Member("images-and-volumes.csv", as_csv(_fetch_rows(fetches)))
    yield Member("fetch.sh", [fetching.script(fetches)])
    for place in contents.clouds:
        yield from _members_of_cloud(place)
    if contents.shows_costs:
        yield Member("costs.csv", as_csv(cost_rows(contents)))
    if contents.shows_audit:
        yield Member("audit.jsonl", audit_lines(contents))
    yield _json("placement-decisions.json", placement_decisions(contents.project))
    yield _json("exit-plan.json", exit_plan(contents.project))


def _members_of_cloud(place: CloudContents) -> Iterator[Member]:
    folder, blocks = place.cloud.key, place.blocks
    yield _json(f"{folder}/tofu/main.tf.json", as_tf_json(blocks))
    yield Member(f"{folder}/tofu/NOT-DESCRIBED.txt", _not_described(place))
    yield _json(f"{folder}/network.json", network_facts(blocks, place.things))
    files = {
        path: text
        for thing in place.things
        for path, text in get_kind(thing.kind).exit_files(thing).items()
    }
    for path, text in sorted(files.items()):
        yield Member(f"{folder}/{path}", [text])


def _json(path: str, content: Any) -> Member:
    text = json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
    return Member(path, [text, "\n"])


def _inventory_of(resource: Resource) -> dict[str, Any]:
    return {
        "id": resource.public_id,
        "kind": resource.kind,
        "name": resource.name,
        "state": resource.state,
        "cloud": resource.cloud_project.cloud.key,
        "openstack_project": resource.cloud_project.openstack_project_id,
        "openstack_ids": resource.cloud_ids,
        "spec": resource.spec,
        "addresses": resource.facts.get("addresses", []),
        "ordered_at": resource.created_at,
        "runs_since": resource.activated_at,
        "end_date": resource.end_date,
        "was_found": resource.is_unmanaged,
        "placement_decision": resource.placement.public_id,
    }


def _inventory_rows(contents: ExitContents) -> Rows:
    yield _INVENTORY
    for resource in contents.living:
        kind, addresses = get_kind(resource.kind), resource.facts.get("addresses", [])
        yield (
            resource.name,
            str(kind.label),
            kind.summary(resource.spec),
            resource.get_state_display(),
            resource.cloud_project.cloud.name,
            " ".join(str(found["address"]) for found in addresses),
            resource.end_date.isoformat() if resource.end_date else "",
            str(resource.public_id),
        )


def _fetch_rows(places: Iterable[fetching.CloudFetches]) -> Rows:
    yield ("cloud", *fetching.COLUMNS)
    for place in places:
        for fetch in place.fetches:
            yield (place.cloud, *fetch.row())


def _not_described(place: CloudContents) -> Iterator[str]:
    left_out = place.not_described
    if not left_out:
        yield _("Everything that runs here is described in main.tf.json.") + "\n"
    for thing in left_out:
        yield _not_described_line(thing)


def _not_described_line(thing: Thing) -> str:
    kind = get_kind(thing.kind)
    return f"{on_one_line(thing.name)} ({kind.label}): {kind.not_described}\n"
