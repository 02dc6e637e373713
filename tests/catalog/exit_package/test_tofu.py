"""Blocks become a document that OpenTofu reads, and text in it stays text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from catalog.exit_package.things import Thing
from catalog.exit_package.tofu import (
    Block,
    Ref,
    Variable,
    as_tf_json,
    block_name,
    distinct,
    local_name,
)
from catalog.exit_package.tofu_rules import find_problems


def network(key: str, /, **attributes: object) -> Block:
    return Block("openstack_networking_network_v2", key, attributes)


def unescaped(text: str) -> str:
    """What OpenTofu reads in a text without expressions."""
    return text.replace("$${", "${").replace("%%{", "%{")


def test_references_and_variables_become_expressions():
    outside = Block(
        "openstack_networking_network_v2",
        "outside",
        {"name": Variable("external_network")},
        is_data=True,
    )
    router = Block(
        "openstack_networking_router_v2", "router", {"external_network_id": outside.ref()}
    )

    document = as_tf_json([router, outside])

    assert document["resource"]["openstack_networking_router_v2"]["router"] == {
        "external_network_id": "${data.openstack_networking_network_v2.outside.id}"
    }
    assert document["data"]["openstack_networking_network_v2"]["outside"] == {
        "name": "${var.external_network}"
    }
    assert document["variable"].keys() == {"external_network"}


def test_what_is_not_known_is_left_out():
    document = as_tf_json([network("a", name=None)])

    assert document["resource"]["openstack_networking_network_v2"] == {"a": {}}


def test_what_must_come_first_is_said():
    first = network("a")
    second = Block(
        "openstack_networking_network_v2", "b", {}, after=[first.ref(), first.ref("name")]
    )

    document = as_tf_json([first, second])

    assert document["resource"]["openstack_networking_network_v2"]["b"] == {
        "depends_on": ["openstack_networking_network_v2.a"]
    }


def test_a_name_that_looks_like_an_expression_stays_text():
    document = as_tf_json([network("a", name="${file('/etc/passwd')} %{if true}")])

    written = document["resource"]["openstack_networking_network_v2"]["a"]["name"]
    assert written == "$${file('/etc/passwd')} %%{if true}"
    assert find_problems(document) == []


@given(st.text(alphabet="$%{}~a \\\"'"))
def test_no_text_ever_becomes_an_expression(text: str):
    document = as_tf_json([network("a", name=text)])

    written = document["resource"]["openstack_networking_network_v2"]["a"]["name"]
    assert unescaped(written) == text
    assert find_problems(document) == []


def test_of_what_things_share_the_first_holds():
    shared = [network("shared", name="intern"), network("shared", name="other")]

    assert distinct(shared) == [network("shared", name="intern")]


def test_a_document_does_not_depend_on_the_order_of_the_blocks():
    blocks = [network("b"), network("a"), Block("openstack_networking_router_v2", "a", {})]

    assert str(as_tf_json(blocks)) == str(as_tf_json(blocks[::-1]))


def test_two_texts_never_become_one_name():
    names = {local_name("image", called) for called in ("Debian 12", "Debian_12", "Debian.12")}

    assert len(names) == 3
    assert local_name("image", "Debian-12") == "image_Debian-12"


@given(st.text(max_size=20))
def test_every_name_is_one_that_opentofu_takes(name: str):
    thing = Thing(public_id="0" * 36, kind="server", name=name, spec={})

    assert find_problems(as_tf_json([network(block_name(thing), name=name)])) == []


def test_a_reference_says_where_it_leads():
    assert str(Ref("openstack_networking_port_v2", "web")) == (
        "${openstack_networking_port_v2.web.id}"
    )
