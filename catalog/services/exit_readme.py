"""What stands in an exit package, in words: the first file that somebody opens."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill
from typing import Final

from django.utils.translation import gettext as _

from catalog.services.exit_contents import ExitContents
from portal.core.calendar import day_of
from portal.core.formats import clock, day

WIDTH: Final = 78  # characters


def readme(contents: ExitContents) -> str:
    """In the language of who makes the package."""
    title = _("Exit package of {project}").format(project=contents.project.name)
    heading = f"{title}\n{'=' * len(title)}"
    paragraphs = [heading, *_beginning(contents), *_files(contents)]
    return "\n\n".join(paragraphs) + "\n"


def _beginning(contents: ExitContents) -> Iterator[str]:
    made = _("Made on {moment}. This is what Cloudloket knew then. No cloud was asked.")
    at = f"{day(day_of(contents.at))}, {clock(contents.at)}"  # never "today": it is kept for years
    yield fill(made.format(moment=at), WIDTH)
    yield fill(_("Check first that nothing changed: sha256sum --check SHA256SUMS"), WIDTH)


def _files(contents: ExitContents) -> Iterator[str]:
    yield _entry("inventory.csv, inventory.json", _("What there is, for people and for programs."))
    yield _entry(
        "fetch.sh, images-and-volumes.csv",
        _(
            "How to fetch images, disks and stored objects. Whoever runs fetch.sh needs access to "
            "the project in OpenStack. Ask whoever runs the platform for that. The files come in "
            "the folders images, disks and objects."
        ),
    )
    for place in contents.clouds:
        yield _entry(
            f"{place.cloud.key}/",
            _(
                "What runs in {cloud}. tofu/main.tf.json describes it for OpenTofu and Terraform: "
                "run “tofu init” and “tofu plan” in that folder, with access to the new cloud. It "
                "makes disks without content. tofu/NOT-DESCRIBED.txt says what you make yourself. "
                "network.json has the networks, rules and addresses, and dns the zones."
            ).format(cloud=place.cloud.name),
        )
    yield _entry("costs.csv", _costs(contents))
    yield _entry("audit.jsonl", _audit(contents))
    yield _entry("placement-decisions.json", _("Why the data was allowed to stand where it is."))
    yield _entry("exit-plan.json", _("The steps of the exit plan, and what tests of it showed."))


def _costs(contents: ExitContents) -> str:
    if contents.shows_costs:
        return _("What each month cost.")
    return _("Not in this package: your role does not see the costs.")


def _audit(contents: ExitContents) -> str:
    if contents.shows_audit:
        return _("What the audit trail tells of this project.")
    return _("Not in this package: only an auditor reads the audit trail.")


def _entry(name: str, text: str) -> str:
    return f"{name}\n{fill(text, WIDTH, initial_indent='  ', subsequent_indent='  ')}"
