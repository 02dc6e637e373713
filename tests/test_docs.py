"""The papers tell the truth: variables are those of the code, links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = re.compile(r"\bCLOUDLOKET_[A-Z]+(?:_[A-Z]+)*\b|\bOS_CLIENT_CONFIG_FILE\b")
ROW = re.compile(rf"^\| `({VARIABLE.pattern})` \|([^|]*)\|", re.MULTILINE)
LINK = re.compile(r"(?<!`)\[[^\]]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FOLDERS = ("docs", "deploy", "local", "portal", "tests")
SOURCES = ("portal", "catalog", "billing", "local", "tests", "benchmarks")


def documented() -> dict[str, str]:
    """Every variable in the tables, with the second cell of its row."""
    return {name: cell.strip() for name, cell in ROW.findall(read("docs/configuration.md"))}


def papers() -> list[Path]:
    below = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md")]
    return [*ROOT.glob("*.md"), *(path for path in below if "node_modules" not in path.parts)]


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def variables_of_the_code() -> set[str]:
    files = [path for folder in SOURCES for path in (ROOT / folder).rglob("*.py")]
    return {name for path in files for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}


def test_every_variable_of_the_code_is_documented_and_no_other():
    assert variables_of_the_code() == set(documented())


@pytest.mark.parametrize("name", [name for name, cell in documented().items() if cell == "yes"])
def test_without_a_variable_that_is_needed_nothing_starts(name):
    environment = {key: value for key, value in os.environ.items() if key != name}
    command = [sys.executable, "-c", "import portal.settings"]

    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert result.returncode == 1
    assert result.stderr == f"cloudloket: {name} is not set; see docs/configuration.md\n"


def test_the_examples_for_a_server_set_what_is_needed_and_nothing_unknown():
    examples = "".join(read(str(path)) for path in (ROOT / "deploy").rglob("*.env"))
    needed = {name for name, cell in documented().items() if cell == "yes"}

    assert needed <= set(VARIABLE.findall(examples)) <= set(documented())


def test_every_link_leads_somewhere():
    assert [f"{path.relative_to(ROOT)}: {link}" for path, link in broken_links()] == []


def broken_links() -> Iterator[tuple[Path, str]]:
    for path in papers():
        for link in LINK.findall(path.read_text(encoding="utf-8")):
            if not link.startswith(("https://", "mailto:")) and not leads_somewhere(path, link):
                yield path, link


def leads_somewhere(path: Path, link: str) -> bool:
    """True when the file exists, and has the heading that the link names."""
    name, _, anchor = link.partition("#")
    target = path.parent / name if name else path
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub and GitLab give to headings."""
    headings = HEADING.findall(path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_package_that_the_portal_runs_with_has_its_reason():
    packages = re.findall(r"^([A-Za-z][\w-]*)", read("requirements.in"), re.MULTILINE)
    reasons = read("docs/adr/0002-dependencies.md")

    assert [
        name for name in packages if not re.search(rf"^\|.*\b{name}\b.*\|", reasons, re.M)
    ] == []
