"""The files that the local OpenStack reads."""

from __future__ import annotations

import base64
import json
import sys
from configparser import RawConfigParser
from dataclasses import replace
from pathlib import Path

import pytest

from local.layout import PORT_NAMES, Layout
from local.openstack.configuration import clouds, keystone, nova
from local.openstack.configuration.files import write_ini
from local.openstack.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    shipped = tmp_path / "venv" / "etc" / "nova"
    shipped.mkdir(parents=True)
    (shipped / "api-paste.ini").write_text("[composite:osapi_compute]\n")
    layout = Layout(
        checkout=Path(__file__).parents[2],
        home=tmp_path / "home",
        ports={name: 20000 + number for number, name in enumerate(PORT_NAMES)},
        python=Path(sys.executable),
        openstack_python=tmp_path / "venv" / "bin" / "python",
    )
    return Site(layout)


def read(path: Path) -> RawConfigParser:
    parser = RawConfigParser()
    parser.read(path)
    return parser


def test_values_reach_oslo_config_as_they_are(tmp_path):
    write_ini(tmp_path / "a.conf", {"one": {"flag": True, "price": "$5", "path": tmp_path}})

    options = dict(read(tmp_path / "a.conf")["one"])

    assert options == {"flag": "true", "price": "$$5", "path": str(tmp_path)}


def test_files_with_passwords_are_closed_to_others(site):
    keystone.write(site)
    clouds.write(site)

    file = site.configuration("keystone") / keystone.FILE
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0
    assert site.layout.clouds_file.stat().st_mode & 0o077 == 0


def test_keys_of_tokens_are_made_once_and_are_fernet_keys(site):
    keystone.write(site)
    folder = site.state("keystone") / "fernet"
    first = {file.name: file.read_text() for file in folder.iterdir()}

    keystone.write(site)

    assert {file.name: file.read_text() for file in folder.iterdir()} == first
    assert [len(base64.urlsafe_b64decode(key)) for key in first.values()] == [32, 32]
    assert folder.stat().st_mode & 0o077 == 0


def test_compute_host_keeps_its_name_tag(site):
    nova.write(site)
    tag = (site.state("nova") / "compute_id").read_text()

    nova.write(site)

    assert (site.state("nova") / "compute_id").read_text() == tag


def test_portal_and_operator_have_accounts_of_their_own(site):
    clouds.write(site)

    written = json.loads(site.layout.clouds_file.read_text())["clouds"]

    assert {name: cloud["auth"]["username"] for name, cloud in written.items()} == {
        "sovereign": "cloudloket",
        "sovereign-admin": "admin",
    }
    assert {cloud["region_name"] for cloud in written.values()} == {"nl-west-1"}
    passwords = {cloud["auth"]["password"] for cloud in written.values()}
    assert len(passwords) == 2


@pytest.mark.parametrize("home", ["home", "two words", "één"])
def test_database_address_has_no_percent_sign_that_alembic_would_read(site, tmp_path, home):
    there = Site(replace(site.layout, home=tmp_path / home))

    url = there.database_url("keystone")

    assert "%" not in url
    assert url.startswith("postgresql+psycopg2://openstack:")
