"""The commands that fetch what is kept: a shell reads each as it was meant."""

from __future__ import annotations

import subprocess

import pytest

from catalog.exit_package.fetching import (
    CloudFetches,
    Fetch,
    backup_commands,
    container_commands,
    free_disk_commands,
    image_commands,
    script,
    server_commands,
    snapshot_commands,
    used_disk_commands,
)

# Stands in for the OpenStack client: says with which words it was called, and that all is ready.
CLIENT = """
openstack() {
    case "$*" in
        *" show "*image*|"image show "*) echo active ;;
        *" show "*) echo available ;;
        *) for word in "$@"; do printf '[%s]' "$word"; done; echo ;;
    esac
}
"""


def calls(commands: list[str], folder: str) -> list[str]:
    """What the client is asked for when a shell carries out the commands."""
    done = subprocess.run(
        ["/bin/sh", "-c", "\n".join(["set -eu", CLIENT, *commands])],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        timeout=20,
    )
    return done.stdout.splitlines()


def test_an_image_is_saved(tmp_path):
    assert calls(image_commands("abc"), str(tmp_path)) == [
        "[image][save][--file][images/abc.img][abc]"
    ]


def test_a_server_goes_on_while_its_disk_is_copied(tmp_path):
    assert calls(server_commands("abc"), str(tmp_path)) == [
        "[server][image][create][--wait][--name][exit-abc][abc]",
        "[image][save][--file][disks/abc.img][exit-abc]",
    ]


def test_a_free_disk_is_saved_by_way_of_an_image(tmp_path):
    assert calls(free_disk_commands("abc"), str(tmp_path)) == [
        "[image][create][--volume][abc][exit-abc]",
        "[image][save][--file][disks/abc.img][exit-abc]",
    ]


def test_a_disk_in_use_is_saved_by_way_of_a_snapshot(tmp_path):
    assert calls(used_disk_commands("abc", 40), str(tmp_path)) == [
        "[volume][snapshot][create][--force][--volume][abc][exit-abc]",
        "[volume][create][--snapshot][exit-abc][--size][40][exit-abc]",
        "[image][create][--volume][exit-abc][exit-abc]",
        "[image][save][--file][disks/abc.img][exit-abc]",
    ]


def test_a_snapshot_becomes_a_disk_first(tmp_path):
    assert calls(snapshot_commands("abc", 40), str(tmp_path))[0] == (
        "[volume][create][--snapshot][abc][--size][40][exit-abc]"
    )


def test_a_backup_is_put_back_on_a_disk_first(tmp_path):
    assert calls(backup_commands("abc", 40), str(tmp_path))[:2] == [
        "[volume][create][--size][40][exit-abc]",
        "[volume][backup][restore][--force][abc][exit-abc]",
    ]


@pytest.mark.parametrize("name", ["foto's", "$(touch gevaar)", "a b; touch gevaar", "--all"])
def test_whatever_a_container_is_called_it_is_one_word(name, tmp_path):
    assert calls(container_commands(name), str(tmp_path)) == [f"[container][save][--][{name}]"]
    assert not list(tmp_path.rglob("gevaar"))


def test_the_script_fetches_all_in_the_right_project(tmp_path):
    fetch = Fetch(
        kind="volume",
        name="data\n# touch gevaar",
        cloud_id="abc",
        size_gib=40,
        file="disks/abc.img",
        commands=free_disk_commands("abc"),
    )
    text = script([CloudFetches("Noord", "p1", [fetch]), CloudFetches("Zuid", "p2", [])])

    body = text.removeprefix("#!/bin/sh\n")
    assert calls([body, 'echo "$OS_PROJECT_ID"'], str(tmp_path)) == [
        "[image][create][--volume][abc][exit-abc]",
        "[image][save][--file][disks/abc.img][exit-abc]",
        "p2",
    ]
    assert text.index("OS_PROJECT_ID=p1") < text.index("disks/abc.img")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disks", "images", "objects"]


def test_a_row_says_what_comes_where():
    fetch = Fetch(
        kind="server", name="web", cloud_id="abc", size_gib=None, file="a", commands=["b", "c"]
    )

    assert fetch.row() == ("server", "web", "abc", "", "a", "b && c")
