"""The package is one file that can be checked, and is the same when it is made again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from zipfile import ZipFile

import pytest

from catalog.exit_package.archive import SUMS, Member, Written, write_archive

AT = datetime(2026, 11, 28, 12, 30, 15, tzinfo=UTC)
MEMBERS = [
    Member("README.txt", ["Wat is dit?\n"]),
    Member("dns/loket.example.nl.zone", ["$TTL 3600\n", "café\n"]),
    Member("fetch.sh", ["#!/bin/sh\n"]),
]


@pytest.fixture
def written() -> Iterator[Written]:
    package = write_archive(MEMBERS, made_at=AT)
    with package.file:
        yield package


def test_every_file_is_as_its_sum_says(written):
    with ZipFile(written.file) as archive:
        sums = archive.read(SUMS).decode().splitlines()
        assert sums == sorted(sums, key=lambda line: line[66:])
        for line in sums:
            digest, path = line.split("  ")
            assert sha256(archive.read(path)).hexdigest() == digest
        assert tuple(archive.namelist()) == written.paths
        assert [line[66:] for line in sums] == sorted(set(written.paths) - {SUMS})


def test_the_sum_of_the_whole_is_told(written):
    content = written.file.read()
    assert (sha256(content).hexdigest(), len(content)) == (written.sha256, written.size)


def test_made_again_at_the_same_moment_it_is_the_same(written):
    again = write_archive(MEMBERS, made_at=AT)

    with again.file:
        assert again.sha256 == written.sha256


def test_scripts_can_be_carried_out_and_nothing_else(written):
    with ZipFile(written.file) as archive:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in archive.infolist()}

    assert modes["fetch.sh"] == 0o755
    assert set(modes.values()) == {0o644, 0o755}


@pytest.mark.parametrize("path", ["../a", "/a", "a//b", "a/./b", "a\\b", "", "README.txt", SUMS])
def test_a_path_stays_in_the_package_and_is_used_once(path):
    with pytest.raises(ValueError, match=r"stand in|are called"):
        write_archive([*MEMBERS, Member(path, [])], made_at=AT)
