"""Designs that nobody should have written: refused with a reason, before they are stored."""

from copy import deepcopy

import pytest

from catalog.kinds.designs import DesignField
from portal.web.demo.catalogue import WEB_APPLICATION
from tests.factories import reoffered

pytestmark = pytest.mark.django_db


@pytest.fixture
def field(blueprint):
    return DesignField(name="design", label="Design", cloud=blueprint.cloud)


@pytest.fixture
def design():
    return deepcopy(WEB_APPLICATION)


def refused(field, value):
    with pytest.raises(ValueError, match=r"\S") as refusal:
        field.clean(value)
    return str(refusal.value)


def test_the_design_itself_is_accepted(field, design):
    assert field.clean(design)["parts"]


def test_what_is_nested_too_deep_is_no_design(field):
    refused(field, field.read("[" * 100_000))


def test_half_a_character_is_no_text(field):
    typed = r'{"parameters": [], "parts": [{"key": "\ud800", "offering": "a", "name": "{name}"}]}'

    assert field.read(typed) == typed


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b", "a\u202eb", "a\nb", "  ", 7, None, ["a"]])
def test_a_label_can_be_shown(field, design, text):
    design["parameters"][0]["label_nl"] = text

    refused(field, design)


def test_what_is_wired_can_be_stored(field, design):
    wired = next(part for part in design["parts"] if part["key"] == "domain")
    wired["spec"]["records"]["wire"] += "\0"

    assert refused(field, design).startswith("domain: ")


def test_no_wire_decides_whether_there_is_a_step(version, blueprint, design):
    reoffered(version, extras=["server_group", "security_groups"])
    field = DesignField(name="design", label="Design", cloud=blueprint.cloud)
    server = next(part for part in design["parts"] if part["offering"] == "virtual-server")
    server["spec"]["group"] = "samen"
    server["spec"]["group_rule"] = "anti-affinity"
    field.clean(design)

    server["spec"]["group"] = {"wire": "{network.network}"}

    said = f"{server['key']}, group: dit kan niet van een ander onderdeel komen."
    assert said in refused(field, design)


@pytest.mark.parametrize("name", ["name", "project", "purpose", "end_date", "idempotency_key"])
def test_what_every_order_asks_is_not_asked_twice(field, design, name):
    asked = next(item for item in design["parameters"] if item["name"] == "email")
    asked["name"] = name

    assert f"“{name}”" in refused(field, design)


def test_two_servers_have_no_one_name(field, design):
    for part in design["parts"]:
        if part["key"].startswith("web-"):
            part["name"] = "{name}-web"

    assert refused(field, design).count("web-1: ") == 1
