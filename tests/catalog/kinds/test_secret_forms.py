"""What a secret is written as must be read back by the programs that it is for."""

from __future__ import annotations

import re

import pytest
from openstack.config import OpenStackConfig

from catalog.kinds.secrets import APPLICATION_CREDENTIAL, FORMS, NewSecret

VALUES = {
    "name": "proeftuin",
    "auth_url": "https://identity.example.nl/v3",
    "region": "nl-west-1",
    "id": "8f6c",
    "secret": 'a"b: ${c} #%{d} \\e',
}


def written(name: str) -> str:
    (file,) = [file for file in FORMS[APPLICATION_CREDENTIAL].files if file.name == name]
    return file.write(VALUES)


def test_clouds_yaml_is_read_back_as_it_was_issued(tmp_path):
    path = tmp_path / "clouds.yaml"
    path.write_text(written("clouds.yaml"), encoding="utf-8")

    region = OpenStackConfig(config_files=[str(path)], load_envvars=False).get_one("proeftuin")

    auth = region.config["auth"]
    assert region.config["auth_type"] == "v3applicationcredential"
    assert region.get_region_name() == "nl-west-1"
    assert auth["auth_url"] == VALUES["auth_url"]
    assert auth["application_credential_id"] == VALUES["id"]
    assert auth["application_credential_secret"] == VALUES["secret"]


def test_provider_escapes_what_opentofu_would_fill_in():
    """HCL, "Quoted templates": backslash escapes, and a doubled sign for ${ and %{."""
    (line,) = re.findall(r"application_credential_secret = (.*)", written("provider.tf"))

    assert line == r'"a\"b: $${c} #%%{d} \\e"'


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_form_shows_what_it_names(form):
    assert form.terms
    assert not form.link or form.link in [name for name, _label in form.terms]


def test_secret_is_not_told_by_its_representation():
    secret = NewSecret(slot="own", form=APPLICATION_CREDENTIAL, values=VALUES)

    assert VALUES["secret"] not in repr(secret)
