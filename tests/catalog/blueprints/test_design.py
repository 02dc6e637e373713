"""What a design may say, and in which order its parts come. No database."""

import re
from copy import deepcopy

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from catalog.blueprints.design import Part, Wired, filled_in, in_order, read_design, write_design
from portal.web.demo.catalogue import WEB_APPLICATION


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


def part(key, *, after=(), **spec):
    return Part(key=key, offering="disk", name="{name}-" + key, spec=spec, after=tuple(after))


@st.composite
def graphs(draw):
    """Parts in any order, of which each needs some of those before it in a hidden order."""
    keys = [f"part-{number}" for number in range(draw(st.integers(1, 12)))]
    made = []
    for number, key in enumerate(keys):
        needed = draw(st.sets(st.sampled_from(keys[:number]))) if number else set()
        wired = {name for name in sorted(needed) if draw(st.booleans())}
        wires = {f"p{i}": Wired(f"{{{name}.address}}") for i, name in enumerate(sorted(wired))}
        made.append(part(key, after=sorted(needed - wired), **wires))
    return draw(st.permutations(made))


class TestOrder:
    @given(graphs())
    def test_every_part_comes_once_and_after_all_that_it_needs(self, parts):
        ordered = in_order(parts)

        assert sorted(item.key for item in ordered) == sorted(item.key for item in parts)
        for number, item in enumerate(ordered):
            assert item.needs <= {earlier.key for earlier in ordered[:number]}

    @given(graphs(), st.data())
    def test_parts_that_wait_for_each_other_are_refused(self, parts, data):
        first = data.draw(st.sampled_from(parts))
        ring = [part("a", after=["b"]), part("b", after=["c", first.key]), part("c", after=["a"])]

        with pytest.raises(ValueError, match="a, b, c"):
            in_order([*parts, *ring])

    def test_what_needs_nothing_keeps_its_place(self):
        names = [item.key for item in in_order([part("b"), part("c", after=["a"]), part("a")])]

        assert names == ["b", "a", "c"]


def design(**changes):
    return {**deepcopy(WEB_APPLICATION), **changes}


def with_part(which, /, **changes):
    raw = design()
    for item in raw["parts"]:
        if item["key"] == which:
            item |= changes
    return raw


def test_what_is_read_is_written_the_same():
    assert write_design(read_design(WEB_APPLICATION)) == WEB_APPLICATION


def test_what_is_taken_of_a_part_makes_it_needed():
    needs = {item.key: set(item.needs) for item in read_design(WEB_APPLICATION).parts}

    assert needs == {
        "network": set(),
        "database": set(),
        "web": set(),
        "web-1": {"network", "web"},
        "web-2": {"network", "web"},
        "entrance": {"network", "web-1", "web-2"},
        "domain": {"entrance"},
    }


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("{", "Write an object"),
        (design(parts="no"), "Write lists"),
        (design(parts=[]), "1 to 20 parts"),
        (design(parts=[{"key": "a"}]), "“key”, “offering” and “name”"),
        (with_part("network", key="A b"), "“A b” is no key"),
        (with_part("network", name="fixed"), "{name}-web"),
        (with_part("network", colour="red"), "no “colour”"),
        (with_part("network", after=["nowhere"]), "network: there is no part “nowhere”."),
        (with_part("network", after=["domain"]), "wait for each other: network, web-1"),
        (with_part("network", key="database"), "a name of its own"),
        (with_part("network", spec={"cidr": {"ask": "colour"}}), "“colour” is no parameter"),
        (with_part("network", spec={"cidr": {"wire": "{web-1}"}}), "{part.result}"),
        (with_part("network", spec={"cidr": {"wire": "10.0.0.1"}}), "{part.result}"),
        (with_part("network", spec={"cidr": 1.5}), "text, a whole number"),
        (with_part("network", spec={"cidr": True}), "text, a whole number"),
        (with_part("domain", spec={"email": "a@b.nl"}), "No part uses the parameter “zone”."),
        (design(parameters=[{"name": "x"}]), "label_nl"),
    ],
)
def test_what_is_wrong_is_said(raw, problem):
    with pytest.raises(ValueError, match=re.escape(problem)):
        read_design(raw)


def test_everything_that_does_not_fit_is_said_at_once():
    raw = with_part("domain", after=["nowhere"], spec={"zone": {"ask": "colour"}})

    with pytest.raises(ValueError, match=r"colour.*email.*zone.*nowhere"):
        read_design(raw)


def test_a_wire_is_filled_in_with_what_the_parts_have():
    results = {("web-1", "address"): "10.0.0.4", ("web-2", "address"): "10.0.0.5"}

    text = filled_in("{web-1.address}:80\n{web-2.address}:80", results)

    assert text == "10.0.0.4:80\n10.0.0.5:80"
