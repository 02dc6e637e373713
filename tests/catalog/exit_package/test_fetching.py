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
mv() { :; }
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
        "[image][save][--file][images/abc.img.part][abc]"
    ]


def test_a_server_goes_on_while_its_disk_is_copied(tmp_path):
    assert calls(server_commands("abc"), str(tmp_path)) == [
        "[server][image][create][--wait][--name][exit-abc][abc]",
        "[image][save][--file][disks/abc.img.part][exit-abc]",
    ]


def test_a_free_disk_is_saved_by_way_of_an_image(tmp_path):
    assert calls(free_disk_commands("abc"), str(tmp_path)) == [
        "[image][create][--volume][abc][exit-abc]",
        "[image][save][--file][disks/abc.img.part][exit-abc]",
    ]


def test_a_disk_in_use_is_saved_by_way_of_a_snapshot(tmp_path):
    assert calls(used_disk_commands("abc", 40), str(tmp_path)) == [
        "[volume][snapshot][create][--force][--volume][abc][exit-abc]",
        "[volume][create][--snapshot][exit-abc][--size][40][exit-abc]",
        "[image][create][--volume][exit-abc][exit-abc]",
        "[image][save][--file][disks/abc.img.part][exit-abc]",
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


@pytest.mark.parametrize("name", ["foto's", "$(touch gevaar)", "a b; touch gevaar", "--all", ".."])
def test_whatever_a_container_is_called_it_is_one_word(name, tmp_path):
    assert calls(container_commands(name), str(tmp_path)) == [f"[container][save][--][{name}]"]
    assert not list(tmp_path.rglob("gevaar"))
    (folder,) = (tmp_path / "objects").iterdir()
    assert folder.is_dir()


def test_the_script_fetches_all_in_the_right_project(tmp_path):
    fetch = Fetch(
        kind="volume",
        name="data\n# touch gevaar",
        cloud_id="abc",
        size_gib=40,
        file="disks/abc.img",
        commands=free_disk_commands("abc"),
    )
    elsewhere = Fetch(
        kind="container",
        name="foto",
        cloud_id="foto",
        size_gib=None,
        file="objects/foto/",
        commands=container_commands("foto"),
    )
    places = [("Noord", "p1", [fetch]), ("Leeg", "", []), ("Zuid", "p2", [elsewhere])]
    text = script([CloudFetches(*place) for place in places])

    body = text.removeprefix("#!/bin/sh\n")
    assert calls([body, 'echo "$OS_PROJECT_ID"'], str(tmp_path)) == [
        "[image][create][--volume][abc][exit-abc]",
        "[image][save][--file][disks/abc.img.part][exit-abc]",
        "[container][save][--][foto]",
        "p2",
    ]
    assert "OS_PROJECT_ID=''" not in text
    assert text.index("OS_PROJECT_ID=p1") < text.index("disks/abc.img")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disks", "images", "objects"]


def test_a_script_that_is_run_again_skips_what_it_has(tmp_path):
    fetch = Fetch(
        kind="server_image",
        name="basis",
        cloud_id="abc",
        size_gib=None,
        file="images/abc.img",
        commands=image_commands("abc"),
    )
    body = script([CloudFetches("Noord", "p1", [fetch])]).removeprefix("#!/bin/sh\n")
    saved = "[image][save][--file][images/abc.img.part][abc]"

    assert calls([body], str(tmp_path)) == [saved]
    (tmp_path / "images" / "abc.img").touch()
    assert calls([body], str(tmp_path)) == []


@pytest.mark.parametrize("answer", ["echo error", "echo error_restoring", "return 1"])
def test_what_fails_in_the_cloud_is_not_waited_for(answer, tmp_path):
    client = f'openstack() {{ case "$*" in *show*) {answer} ;; *save*) touch saved ;; esac; }}'
    commands = ["set -eu", client, *free_disk_commands("abc")]

    done = subprocess.run(["/bin/sh", "-c", "\n".join(commands)], cwd=tmp_path, timeout=20)

    assert done.returncode == 1
    assert not list(tmp_path.iterdir())


def test_half_a_file_is_no_file(tmp_path):
    """What a client that fails left behind is fetched anew."""
    failing = "openstack() { touch images/abc.img.part; return 1; }"
    commands = ["set -eu", "mkdir images", failing, *image_commands("abc")]

    done = subprocess.run(["/bin/sh", "-c", "\n".join(commands)], cwd=tmp_path, timeout=20)

    assert done.returncode == 1
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["abc.img.part"]


def test_a_row_says_what_comes_where():
    fetch = Fetch(
        kind="server", name="web", cloud_id="abc", size_gib=None, file="a", commands=["b", "c"]
    )

    assert fetch.row() == ("server", "web", "abc", "", "a", "b && c")
