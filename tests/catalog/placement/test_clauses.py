"""The decision table of RBCLOUD-2026: of each clause where it applies, and where just not."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils.translation import override

from catalog.placement import RULESET, Link, advise, source_of, text_of
from catalog.placement.clauses import CLAUSES
from catalog.placement_words import (
    FACT_WORDS,
    Advised,
    BaseRegister,
    EvidenceKind,
    Hosting,
    Keys,
    Objective,
    PersonalData,
    Rubricering,
    Score,
)
from tests.catalog.placement.facts import (
    MILD,
    PUBLIC,
    SOUND,
    TODAY,
    sealed,
    service,
    workload,
)

YESTERDAY = TODAY - timedelta(days=1)
CORE = workload(is_core_task=True)
FOREIGN = (Link(name="x", jurisdiction="NL"), Link(name="y", jurisdiction="US"))
SWISS = (Link(name="x", jurisdiction="CH"),)
PERSONAL_CORE = workload(is_core_task=True, personal_data=PersonalData.SOME)


def place(**facts):
    return replace(SOUND, **facts)


def public(**facts):
    return replace(PUBLIC, **facts)


def marked(marking: Rubricering):
    return workload(rubricering=marking)


def scored(fact: str, score: Score):
    return workload(**{fact: score})


# clause: the pairs where it applies, and the nearest ones where it does not
TABLE = {
    "state_secret": (
        [(marked(Rubricering.STG_CONFIDENTIEEL), PUBLIC)],
        [
            (marked(Rubricering.DEP_VERTROUWELIJK), PUBLIC),
            (marked(Rubricering.STG_ZEER_GEHEIM), SOUND),
        ],
    ),
    "interest_public": (
        [
            (scored("availability", Score.MIDDLE), PUBLIC),
            (scored("integrity", Score.MIDDLE), PUBLIC),
            (scored("confidentiality", Score.MIDDLE), PUBLIC),
            (marked(Rubricering.STG_CONFIDENTIEEL), PUBLIC),
        ],
        [
            (MILD, PUBLIC),
            (marked(Rubricering.DEP_VERTROUWELIJK), PUBLIC),
            (scored("integrity", Score.VERY_HIGH), place(hosting=Hosting.PRIVATE)),
        ],
    ),
    "register_source": (
        [(workload(base_register=BaseRegister.SOURCE), PUBLIC)],
        [
            (workload(base_register=BaseRegister.COPY), PUBLIC),
            (workload(base_register=BaseRegister.SOURCE), SOUND),
        ],
    ),
    "register_copy": (
        [
            (workload(base_register=BaseRegister.COPY), PUBLIC),
            (workload(base_register=BaseRegister.SOURCE), PUBLIC),
        ],
        [(MILD, PUBLIC), (workload(base_register=BaseRegister.COPY), SOUND)],
    ),
    "workplace": (
        [(workload(is_workplace=True), PUBLIC)],
        [(MILD, PUBLIC), (workload(is_workplace=True), SOUND)],
    ),
    "risk_analysis": (
        [(CORE, PUBLIC), (workload(personal_data=PersonalData.LARGE_SCALE), PUBLIC)],
        [(workload(personal_data=PersonalData.SOME), PUBLIC), (CORE, SOUND)],
    ),
    "prescan": (
        [(PERSONAL_CORE, PUBLIC)],
        [
            (CORE, PUBLIC),
            (PERSONAL_CORE, SOUND),
            (workload(personal_data=PersonalData.SOME), PUBLIC),
        ],
    ),
    "dpia": (
        [
            (workload(personal_data=PersonalData.LARGE_SCALE), PUBLIC),
            (replace(PERSONAL_CORE, has_special_data=True), PUBLIC),
        ],
        [
            (PERSONAL_CORE, PUBLIC),
            (workload(personal_data=PersonalData.SOME, has_special_data=True), PUBLIC),
            (replace(PERSONAL_CORE, has_special_data=True), SOUND),
        ],
    ),
    "dtia": (
        [
            (PERSONAL_CORE, public(chain=FOREIGN)),
            (PERSONAL_CORE, public(locations=("NL", "BQ"))),
        ],
        [
            (PERSONAL_CORE, public(chain=SWISS, locations=("NO", "CH"))),
            (CORE, public(chain=FOREIGN)),
            (workload(personal_data=PersonalData.SOME), public(chain=FOREIGN)),
            (PERSONAL_CORE, place(chain=FOREIGN)),
        ],
    ),
    "exit_plan": ([(CORE, PUBLIC)], [(MILD, PUBLIC), (CORE, SOUND)]),
    "notice": ([(CORE, PUBLIC)], [(MILD, PUBLIC), (CORE, SOUND)]),
    "instruction": (
        [(workload(is_instructed_against=True), PUBLIC)],
        [(MILD, PUBLIC), (workload(is_instructed_against=True), SOUND)],
    ),
    "vital_supplier": (
        [
            (workload(is_vital=True), place(chain=FOREIGN)),
            (workload(is_vital=True), place(chain=SWISS)),
            (workload(is_vital=True), place(dependencies=(service("US"),))),
        ],
        [
            (workload(is_vital=True), SOUND),
            (workload(is_vital=True), place(chain=(Link(name="x", jurisdiction="IS"),))),
            (workload(is_vital=True), place(dependencies=(service("US", is_critical=False),))),
            (workload(is_vital=True), place(dependencies=(service("US", kind="software"),))),
            (MILD, place(chain=FOREIGN)),
        ],
    ),
    "location": (
        [(MILD, public(locations=("NL", "US"))), (MILD, public(locations=("BQ",)))],
        [(MILD, public(locations=("CH", "LI", "IT"))), (MILD, place(locations=("US",)))],
    ),
    "encryption": (
        [
            (MILD, public(is_encrypted_at_rest=False)),
            (MILD, public(is_encrypted_in_transit=False)),
        ],
        [(MILD, PUBLIC), (MILD, place(is_encrypted_at_rest=False))],
    ),
    "keys": (
        [(MILD, public(keys=Keys.SHARED)), (MILD, public(keys=Keys.PROVIDER))],
        [(MILD, PUBLIC), (MILD, place(keys=Keys.PROVIDER))],
    ),
    "special_data": (
        [(workload(personal_data=PersonalData.SOME, has_special_data=True), PUBLIC)],
        [
            (workload(personal_data=PersonalData.SOME), PUBLIC),
            (workload(personal_data=PersonalData.SOME, has_special_data=True), SOUND),
        ],
    ),
    "place_not_assessed": (
        [(MILD, place(valid_until=YESTERDAY)), (MILD, public(valid_until=YESTERDAY))],
        [(MILD, SOUND)],
    ),
    "interest_too_high": (
        [
            (scored("integrity", Score.MIDDLE), place(highest_protection_level=4)),
            (scored("integrity", Score.HIGH), place(highest_protection_level=3)),
            (scored("integrity", Score.VERY_HIGH), place(highest_protection_level=2)),
        ],
        [
            (MILD, place(highest_protection_level=4)),
            (scored("integrity", Score.MIDDLE), place(highest_protection_level=3)),
            (scored("integrity", Score.HIGH), place(highest_protection_level=2)),
            (scored("integrity", Score.VERY_HIGH), SOUND),
        ],
    ),
    "rubricering_too_high": (
        [
            (marked(Rubricering.DEP_VERTROUWELIJK), place(highest_rubricering=Rubricering.NONE)),
            (
                marked(Rubricering.STG_ZEER_GEHEIM),
                place(highest_rubricering=Rubricering.STG_GEHEIM),
            ),
        ],
        [
            (MILD, place(highest_rubricering=Rubricering.NONE)),
            (marked(Rubricering.STG_GEHEIM), place(highest_rubricering=Rubricering.STG_GEHEIM)),
        ],
    ),
    "no_personal_data_there": (
        [(workload(personal_data=PersonalData.SOME), place(admits_personal_data=False))],
        [(MILD, place(admits_personal_data=False))],
    ),
    "no_special_data_there": (
        [
            (
                workload(personal_data=PersonalData.SOME, has_special_data=True),
                place(admits_special_data=False),
            )
        ],
        [(workload(personal_data=PersonalData.SOME), place(admits_special_data=False))],
    ),
    "seal_too_low": (
        [
            (MILD, place(seals=sealed(4, SOV_5=1))),
            (scored("integrity", Score.MIDDLE), place(seals=sealed(4, SOV_5=2))),
            (scored("integrity", Score.HIGH), place(seals=sealed(4, SOV_5=3))),
            (scored("integrity", Score.VERY_HIGH), place(seals=sealed(4, SOV_8=1))),
        ],
        [
            (MILD, place(seals=sealed(2))),
            (scored("integrity", Score.MIDDLE), place(seals=sealed(3, SOV_8=2))),
            (scored("integrity", Score.VERY_HIGH), place(seals=sealed(4, SOV_8=2))),
        ],
    ),
    "review_overdue": (
        [(workload(review_on=YESTERDAY), SOUND)],
        [(workload(review_on=TODAY), SOUND)],
    ),
    "material_use": (
        [(CORE, SOUND), (workload(personal_data=PersonalData.LARGE_SCALE), SOUND)],
        [(workload(personal_data=PersonalData.SOME), SOUND), (workload(is_core_task=None), SOUND)],
    ),
    "known_use": ([(MILD, SOUND)], []),
    "publish": ([(CORE, PUBLIC)], [(CORE, SOUND), (MILD, PUBLIC)]),
}
APPLIES = [(clause, *pair) for clause, (found, _) in TABLE.items() for pair in found]
DOES_NOT = [(clause, *pair) for clause, (_, others) in TABLE.items() for pair in others]


def by_clause(facts, supply):
    return {fired.clause: fired for fired in advise(facts, supply, at=TODAY).fired}


def test_every_clause_stands_in_the_table_in_the_order_of_the_rules():
    assert list(TABLE) == [clause.id for clause in CLAUSES]


@pytest.mark.parametrize(("clause", "facts", "supply"), APPLIES)
def test_clause_applies_with_its_own_verdict(clause, facts, supply):
    fired = by_clause(facts, supply)[clause]
    expected = next(known for known in CLAUSES if known.id == clause)

    assert (fired.verdict, fired.missing) == (expected.verdict, ())
    assert [need.kind for need in fired.needs] == [wanted.kind for wanted in expected.needs]


@pytest.mark.parametrize(("clause", "facts", "supply"), DOES_NOT)
def test_clause_does_not_apply_just_beside_it(clause, facts, supply):
    assert clause not in by_clause(facts, supply)


def test_what_is_mild_and_sound_is_allowed():
    advice = advise(MILD, SOUND, at=TODAY)

    assert [fired.clause for fired in advice.fired] == ["known_use"]
    assert (advice.verdict, advice.ruleset) == (Advised.ALLOWED, "RBCLOUD-2026/1")
    assert advice.is_admissible(is_permitted=False)


MISSING = [
    ("is_core_task", {"risk_analysis", "exit_plan", "notice"}),
    ("personal_data", {"prescan", "dpia", "no_personal_data_there", "no_special_data_there"}),
    ("has_special_data", {"special_data", "no_special_data_there"}),
    ("availability", {"interest_public", "interest_too_high", "seal_too_low"}),
    ("integrity", {"interest_public", "interest_too_high", "seal_too_low"}),
    ("confidentiality", {"interest_public", "interest_too_high", "seal_too_low"}),
    ("rubricering", {"state_secret", "interest_public", "rubricering_too_high"}),
    ("base_register", {"register_source", "register_copy"}),
    ("is_workplace", {"workplace"}),
    ("is_vital", {"vital_supplier"}),
    ("review_on", {"review_overdue"}),
]
WORST = replace(
    PUBLIC,
    chain=FOREIGN,
    highest_protection_level=4,
    highest_rubricering=Rubricering.NONE,
    admits_personal_data=False,
    admits_special_data=False,
    seals=sealed(2),
)


@pytest.mark.parametrize(("fact", "clauses"), MISSING)
def test_fact_that_lacks_of_a_workload_is_prohibited_and_named(fact, clauses):
    known = workload(
        is_core_task=fact == "personal_data",
        personal_data=PersonalData.SOME,
        has_special_data=True,
    )
    fired = by_clause(replace(known, **{fact: None}), WORST)

    assert {
        clause for clause, found in fired.items() if f"workload.{fact}" in found.missing
    } >= clauses
    assert all(fired[clause].verdict == Advised.PROHIBITED for clause in clauses)
    assert all(fired[clause].needs == () for clause in clauses)


@pytest.mark.parametrize(
    ("fact", "value", "clauses"),
    [
        ("hosting", None, {"state_secret", "interest_public", "register_copy", "workplace"}),
        ("chain", (), {"vital_supplier"}),
        ("chain", (Link(name="x", jurisdiction=""),), {"vital_supplier"}),
        ("locations", (), {"location", "dtia"}),
        ("keys", None, {"keys"}),
        ("is_encrypted_at_rest", None, {"encryption"}),
        ("is_encrypted_in_transit", None, {"encryption"}),
        ("highest_protection_level", None, {"interest_too_high"}),
        ("highest_rubricering", None, {"rubricering_too_high"}),
        ("admits_personal_data", None, {"no_personal_data_there"}),
        ("admits_special_data", None, {"no_special_data_there"}),
        ("valid_until", None, {"place_not_assessed"}),
        ("dependencies", None, {"vital_supplier"}),
    ],
)
def test_fact_that_lacks_of_a_place_is_prohibited_and_named(fact, value, clauses):
    worst = workload(
        is_core_task=True,
        personal_data=PersonalData.LARGE_SCALE,
        has_special_data=True,
        integrity=Score.VERY_HIGH,
        rubricering=Rubricering.STG_GEHEIM,
        base_register=BaseRegister.SOURCE,
        is_workplace=True,
        is_vital=True,
    )
    fired = by_clause(worst, public(**{fact: value}))

    assert {clause for clause, found in fired.items() if f"supply.{fact}" in found.missing} >= (
        clauses
    )
    assert all(fired[clause].verdict == Advised.PROHIBITED for clause in clauses)


def test_objective_without_proof_is_named_and_others_are_not():
    fired = by_clause(MILD, place(seals=sealed(4, SOV_5=None)))["seal_too_low"]

    assert (fired.missing, fired.about) == (("supply.SOV-5",), ("SOV-5",))


def test_only_facts_that_matter_are_asked():
    advice = advise(
        workload(is_core_task=None, base_register=None, is_workplace=None, is_vital=None),
        replace(SOUND, locations=(), keys=None, highest_protection_level=None),
        at=TODAY,
    )

    assert advice.verdict == Advised.ALLOWED


def test_of_a_place_that_nobody_assessed_nothing_is_allowed():
    advice = advise(MILD, None, at=TODAY)

    assert advice.verdict == Advised.PROHIBITED
    assert advice.is_undecided
    assert "supply.valid_until" in advice.missing
    assert not advice.is_admissible(is_permitted=True)


ALL_EVIDENCE = dict.fromkeys(EvidenceKind, TODAY)


@pytest.mark.parametrize("kind", [kind for clause in CLAUSES for kind in clause.needs])
def test_each_need_is_met_by_evidence_of_its_kind_only(kind):
    facts = {"is_core_task": True, "personal_data": PersonalData.LARGE_SCALE}
    facts |= {"has_special_data": True, "base_register": BaseRegister.COPY, "is_workplace": True}
    others = {known: day for known, day in ALL_EVIDENCE.items() if known != kind.kind}
    without = workload(**facts, evidence=others)
    supply = public(chain=FOREIGN)

    advice = advise(without, supply, at=TODAY)
    complete = advise(workload(**facts, evidence=ALL_EVIDENCE), supply, at=TODAY)

    expected = () if kind.instead else (kind.kind,)
    assert advice.unmet == expected
    assert advice.verdict == complete.verdict == Advised.CONDITIONAL
    assert complete.may_be_permitted
    assert complete.is_admissible(is_permitted=True)
    assert not complete.is_admissible(is_permitted=False)
    assert not advice.is_admissible(is_permitted=True) or kind.instead


@pytest.mark.parametrize(("days", "is_met"), [(365, True), (366, False)])
def test_test_of_an_exit_plan_is_good_for_a_year(days, is_met):
    tested = TODAY - timedelta(days=days)
    facts = workload(
        is_core_task=True, evidence={**ALL_EVIDENCE, EvidenceKind.EXIT_TEST_PLANNED: tested}
    )

    needs = {need.kind: need for need in by_clause(facts, PUBLIC)["exit_plan"].needs}

    need = needs[EvidenceKind.EXIT_TEST_PLANNED]
    assert need.is_met is is_met
    assert need.lapsed_on == (None if is_met else YESTERDAY)


def test_all_clauses_are_told_worst_first_and_then_in_their_order():
    facts = workload(integrity=Score.HIGH, is_core_task=True, is_vital=True)
    advice = advise(facts, public(chain=FOREIGN, keys=Keys.SHARED), at=TODAY)

    order = [clause.id for clause in CLAUSES]
    seen = [
        (-list(Advised).index(fired.verdict), order.index(fired.clause)) for fired in advice.fired
    ]
    assert advice.verdict == Advised.PROHIBITED
    assert seen == sorted(seen)
    assert {"interest_public", "exit_plan", "vital_supplier", "known_use"} <= set(
        by_clause(facts, public(chain=FOREIGN, keys=Keys.SHARED))
    )


@override("en")
def test_clause_tells_in_words_what_lacks_and_what_it_is_about():
    fired = by_clause(MILD, place(seals=sealed(4, SOV_5=1)))["seal_too_low"]
    unknown = by_clause(workload(review_on=None), SOUND)["review_overdue"]

    assert text_of(fired) == "The place is less sovereign than this data asks: Supply chain."
    assert text_of(unknown).endswith("Not known yet: date of the next look.")
    assert str(source_of("state_secret")) == "Rijksbreed cloudbeleid 2026, § 5.2"


def test_every_fact_that_can_lack_has_words():
    nothing = advise(
        replace(MILD, **{name: None for name in vars(MILD) if name != "evidence"}), None, at=TODAY
    )

    assert set(nothing.missing) <= set(FACT_WORDS)
    assert {f"supply.{objective}" for objective in Objective} <= set(nothing.missing)


def test_ruleset_is_named_anew_when_a_clause_changes():
    """A clause that means something else is another rule set: give RULESET a new name."""
    contract = [
        (
            clause.id,
            str(clause.source),
            clause.verdict.value,
            [f"{need.kind}:{need.within_days}:{need.instead}" for need in clause.needs],
        )
        for clause in CLAUSES
    ]
    with override("en"):
        digest = hashlib.sha256(repr(contract).encode()).hexdigest()[:16]

    assert (RULESET, digest) == ("RBCLOUD-2026/1", "28eca3986c8e8b4b")
