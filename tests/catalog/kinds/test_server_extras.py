"""What may be chosen of a server beyond the usual: asked only where allowed, and checked."""

from __future__ import annotations

from email import message_from_string

import pytest
import yaml

from catalog.kinds import get_kind
from catalog.kinds.choices import clean_choices
from catalog.kinds.parameters import clean_spec
from catalog.kinds.server_extras import Extra
from catalog.kinds.steps.first_start import user_data
from catalog.models import Metric
from portal.cloud.models import Image
from portal.core.errors import InvalidInput
from tests.factories import reoffered
from tests.factories.catalog import SPEC

pytestmark = pytest.mark.django_db
SERVER = get_kind("server")
ASKED = {
    Extra.SYSTEM_VOLUME: {"system_gib"},
    Extra.USER_DATA: {"user_data"},
    Extra.SERVER_GROUP: {"group", "group_rule"},
    Extra.SECURITY_GROUPS: {"security_groups"},
    Extra.RESIZE_TRIAL: set(),
}


@pytest.fixture
def everything(version):
    return reoffered(version, extras=[extra.value for extra in Extra])


def cleaned(version, **changes):
    return clean_spec(SERVER.parameters(version), {**SPEC, **changes})


def message(version, **changes):
    with pytest.raises(InvalidInput) as refused:
        cleaned(version, **changes)
    ((name, (text,)),) = refused.value.errors.items()
    assert name in changes
    return text


def names(version):
    return {parameter.name for parameter in SERVER.parameters(version)}


def test_offering_from_before_there_were_extras_asks_nothing_more(version):
    assert "extras" not in version.choices
    assert not names(version) & set().union(*ASKED.values())


@pytest.mark.parametrize("extra", Extra)
def test_each_is_asked_only_where_it_is_allowed(version, extra):
    before = names(version)

    assert names(reoffered(version, extras=[extra.value])) - before == ASKED[extra]


def test_nothing_of_it_need_be_answered(everything):
    spec = cleaned(everything)

    assert {spec[name] for asked in ASKED.values() for name in asked} == {None}
    assert SERVER.quota_demand(everything, spec)[Metric.VOLUMES] == 1


def test_draft_may_leave_it_out(version):
    fields = SERVER.choice_fields(version.cloud)

    assert clean_choices(fields, version.choices) == version.choices
    assert clean_choices(fields, {**version.choices, "extras": []}) == version.choices
    with pytest.raises(InvalidInput):
        clean_choices(fields, {**version.choices, "extras": ["everything"]})


def test_disk_of_the_system_holds_every_image_and_is_no_larger_than_a_disk_may_be(everything):
    Image.objects.update(min_disk_gib=15)

    assert cleaned(everything, system_gib=15)["system_gib"] == 15
    assert "15" in message(everything, system_gib=14)
    assert "500" in message(everything, system_gib=501)


def test_summary_tells_of_the_disk_of_the_system(everything):
    assert SERVER.summary(cleaned(everything, system_gib=20)) == (
        "gp.small, Debian 12, systeem op 20 GiB, 40 GiB"
    )


@pytest.mark.parametrize("group", ["Web", "-web", "web server", "w" * 64])
def test_group_has_a_plain_name(everything, group):
    assert message(everything, group=group)


@pytest.mark.parametrize("groups", ["Web", "web;mail", "a b c d e f"])
def test_security_groups_have_plain_names_and_are_few(everything, groups):
    assert message(everything, security_groups=groups)


@pytest.mark.parametrize(
    "written",
    [
        "#!/bin/bash\nset -e\n\techo 'één'",
        "#cloud-config",
        "#cloud-config\npackages:\n  - nginx\n",
        "#cloud-config \nruncmd: [[ls, -l]]",
    ],
)
def test_what_cloud_init_reads_is_accepted(everything, written):
    assert cleaned(everything, user_data=written)["user_data"] == written.strip()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("packages: [nginx]", "#cloud-config"),
        ("#include https://example.nl/x", "#cloud-config"),
        ("#cloud-config\npackages: [nginx", "Regel 2"),
        ("#cloud-config\na: b\n  c: d: e", "Regel 3"),
        ("#cloud-config\n- nginx", "naam: waarde"),
        ("#cloud-config\nhallo", "naam: waarde"),
        ("#cloud-config\na: b\n---\nc: d", "Regel 3"),
        ("#cloud-config\n" + "[" * 20000, "YAML"),
        ("#!/bin/sh\n" + "x" * 46000, "te lang"),
        ("#!/bin/sh\n" + "é" * 18000, "te lang"),
        ("#!/bin/sh\necho \x00", "tekens"),
    ],
)
def test_what_it_cannot_read_is_said_in_words(everything, written, said):
    assert said in message(everything, user_data=written)


def test_line_endings_of_a_form_become_those_of_linux(everything):
    spec = cleaned(everything, user_data="#!/bin/sh\r\necho a\r\n")

    assert spec["user_data"] == "#!/bin/sh\necho a"


@pytest.mark.parametrize("written", [None, "#!/bin/sh\necho a"])
def test_key_is_read_as_it_was_given(written):
    """A comment beside a key may hold anything that has one line."""
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample Jan 😀 'x': \"y\""

    text = user_data(key, written)

    parts = message_from_string(text).get_payload() if written else None
    config = parts[1].get_payload(decode=True).decode() if parts else text
    assert yaml.safe_load(config)["ssh_authorized_keys"] == [key]
