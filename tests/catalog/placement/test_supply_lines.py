"""Lists that are typed as lines: what was typed comes back the same."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.utils.translation import override
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.placement import Link
from catalog.placement_words import DependencyKind
from catalog.services.placement import KnownDependency, SupplyChanges, edit_supply
from catalog.supply_forms import ChainForm, DependenciesForm, GeneralForm
from catalog.supply_lines import line_of, read_lines
from tests.factories import drafted_supply

PART = st.lists(st.sampled_from(';" ,\u2028aé'), max_size=8).map("".join).map(str.strip)
NAMES = ("A; B", '"De Ster" BV', 'x"; "y', '"', ";", 'a "b" c')


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(PART, min_size=2, max_size=9), max_size=4))
def test_parts_come_back_from_their_lines(lines):
    text = "\r\n".join(line_of(parts) for parts in lines)

    assert read_lines(text, range(2, 10)) == lines


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("Datacentrum BV; NL", ["Datacentrum BV", "NL"]),
        ('  "A; B" ;NL', ["A; B", "NL"]),
        ('"De Ster" BV; NL', ['"De Ster" BV', "NL"]),
        ('Bouw "De Ster"; NL', ['Bouw "De Ster"', "NL"]),
        ('"zo ""echt"""; NL', ['zo "echt"', "NL"]),
        ("; NL", ["", "NL"]),
        ('"Half; NL', ['"Half', "NL"]),
    ],
)
def test_quotes_hold_a_part_together(line, parts):
    assert read_lines(line, {2}) == [parts]


@override("en")
def test_a_line_with_too_many_parts_is_told_with_what_to_do():
    with pytest.raises(ValidationError, match=r"Line 2 .*between quotes"):
        read_lines("A; NL\nB; C; NL", {2})


@pytest.mark.django_db
def test_a_section_sent_back_as_it_was_shown_changes_nothing(platform, version):
    draft = drafted_supply(version.cloud, by=platform.drafter)
    chain = [Link(name=name, jurisdiction="NL", is_operator=name == NAMES[0]) for name in NAMES]
    dependencies = [
        KnownDependency(
            key=f"d{number}",
            name=name,
            kind=DependencyKind.SERVICE,
            supplier=name,
            jurisdiction="",
            is_critical=True,
        )
        for number, name in enumerate(NAMES)
    ]
    certificates = [{"name": name, "valid_until": "2027-01-31"} for name in NAMES]
    said = SupplyChanges(
        chain=chain, dependencies=dependencies, facts={"certifications": certificates}
    )
    edit_supply(draft.public_id, said, actor=platform.drafter)

    assert _sent_back(ChainForm, draft).chain == [
        Link(name=link.name, jurisdiction="NL") for link in chain
    ]
    assert _sent_back(DependenciesForm, draft).dependencies == dependencies
    shown = _sent_back(GeneralForm, draft).facts["certifications"]
    assert [each["name"] for each in shown] == list(NAMES)


def _sent_back(form, draft):
    draft.refresh_from_db()
    shown = form(draft)
    again = form(draft, {bound.html_name: bound.value() for bound in shown})
    assert again.is_valid(), again.errors
    return again.changes()
