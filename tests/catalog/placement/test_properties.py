"""Whatever is known: stricter facts and facts that lack never give a milder advice."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.placement import (
    Link,
    Supply,
    Workload,
    advise,
    advise_all,
    source_of,
    text_of,
)
from catalog.placement_words import (
    BaseRegister,
    EvidenceKind,
    Hosting,
    Keys,
    PersonalData,
    Rubricering,
    Score,
    severity,
)
from tests.catalog.placement.facts import TODAY, service, supplies, workloads

# facts in order, mildest first
WORKLOAD_ORDER = {
    "is_core_task": [False, True],
    "personal_data": list(PersonalData),
    "has_special_data": [False, True],
    "availability": list(Score),
    "integrity": list(Score),
    "confidentiality": list(Score),
    "rubricering": list(Rubricering),
    "base_register": list(BaseRegister),
    "is_workplace": [False, True],
    "is_vital": [False, True],
    "is_instructed_against": [False, True],
    "review_on": [TODAY + timedelta(days=days) for days in (365, 1, 0, -1, -365, -366, -400)],
}
SUPPLY_ORDER = {
    "hosting": [Hosting.GOVERNMENT, Hosting.PUBLIC],
    "keys": list(Keys),
    "is_encrypted_at_rest": [True, False],
    "is_encrypted_in_transit": [True, False],
    "highest_protection_level": [1, 2, 3, 4],
    "highest_rubricering": list(reversed(Rubricering)),
    "admits_personal_data": [True, False],
    "admits_special_data": [True, False],
    "valid_until": [TODAY + timedelta(days=days) for days in (365, 1, 0, -1, -365, -366, -400)],
}
NOTHING = {"chain": (), "locations": (), "seals": ()}


def stricter(facts, name, order):
    """The same with each value of ``name`` that is stricter than the one it has."""
    value = getattr(facts, name)
    if value is None or value not in order:
        return []
    return [replace(facts, **{name: other}) for other in order[order.index(value) + 1 :]]


def assert_not_milder(first, second):
    """``first``, ``second``: pairs of workload and supply."""
    before, after = advise(*first, at=TODAY), advise(*second, at=TODAY)
    assert severity(after.verdict) >= severity(before.verdict)
    for is_permitted in (False, True):
        if after.is_admissible(is_permitted=is_permitted):
            assert before.is_admissible(is_permitted=is_permitted)


def stricter_workloads(facts: Workload) -> list[Workload]:
    return [
        other for name, order in WORKLOAD_ORDER.items() for other in stricter(facts, name, order)
    ]


def stricter_supplies(facts: Supply) -> list[Supply]:
    found = [
        other for name, order in SUPPLY_ORDER.items() for other in stricter(facts, name, order)
    ]
    if facts.chain:
        abroad = Link(name="y", jurisdiction="US")
        found.append(replace(facts, chain=(*facts.chain, abroad)))
    if facts.locations:
        found.append(replace(facts, locations=(*facts.locations, "US")))
    if facts.dependencies is not None:
        found.append(replace(facts, dependencies=(*facts.dependencies, service("US"))))
    for index, (objective, seal) in enumerate(facts.seals):
        if seal:
            lower = (objective, seal - 1)
            seals = (*facts.seals[:index], lower, *facts.seals[index + 1 :])
            found.append(replace(facts, seals=seals))
    return found


@given(workloads, supplies, st.data())
@settings(max_examples=400, deadline=None)
def test_stricter_fact_never_gives_a_milder_advice(workload, supply, data):
    others = [(other, supply) for other in stricter_workloads(workload)]
    others += [(workload, other) for other in stricter_supplies(supply)]
    if others:
        assert_not_milder((workload, supply), data.draw(st.sampled_from(others)))


@given(workloads, supplies, st.data())
@settings(max_examples=400, deadline=None)
def test_fact_that_lacks_never_gives_a_milder_advice_than_knowing_it(workload, supply, data):
    of_workload = [field.name for field in fields(Workload) if field.name in WORKLOAD_ORDER]
    of_workload.remove("is_instructed_against")  # not an answer: there is an instruction or not
    name = data.draw(st.sampled_from([*of_workload, *(field.name for field in fields(Supply))]))
    if name in of_workload:
        without = (replace(workload, **{name: None}), supply)
    else:
        without = (workload, replace(supply, **{name: NOTHING.get(name)}))

    assert_not_milder((workload, supply), without)


@settings(deadline=None)
@given(workloads, supplies, st.sampled_from(list(EvidenceKind)))
def test_evidence_never_changes_the_verdict_and_without_it_nothing_more_is_admitted(
    workload, supply, kind
):
    without = replace(
        workload, evidence=tuple(pair for pair in workload.evidence if pair[0] != kind)
    )

    assert advise(without, supply, at=TODAY).verdict == advise(workload, supply, at=TODAY).verdict
    assert_not_milder((workload, supply), (without, supply))


@settings(deadline=None)
@given(st.lists(workloads, max_size=4), st.lists(supplies, max_size=3))
def test_many_at_once_are_judged_as_one_by_one(many, places):
    # twice, so that what is remembered is asked for too
    found = list(advise_all([*many, *many], [*places, *places], at=TODAY))

    assert found == [
        (workload, tuple(advise(workload, supply, at=TODAY) for supply in [*places, *places]))
        for workload in [*many, *many]
    ]


@settings(deadline=None)
@given(workloads, supplies)
def test_whatever_fires_can_be_told(workload, supply):
    for fired in advise(workload, supply, at=TODAY).fired:
        assert "{" not in text_of(fired)
        assert str(source_of(fired.clause))
