"""Workloads and places to judge, with all facts known, and every way to draw some."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from catalog.placement import Dependency, Link, Supply, Workload
from catalog.placement_words import (
    BaseRegister,
    DependencyKind,
    EvidenceKind,
    Hosting,
    Keys,
    Objective,
    PersonalData,
    Rubricering,
    Score,
)

TODAY = date(2026, 9, 1)

# all known, and nothing asks for anything
MILD = Workload(
    is_core_task=False,
    personal_data=PersonalData.NONE,
    has_special_data=False,
    availability=Score.LOW,
    integrity=Score.LOW,
    confidentiality=Score.LOW,
    rubricering=Rubricering.NONE,
    base_register=BaseRegister.NO,
    is_workplace=False,
    is_vital=False,
    review_on=TODAY,
)

# all known, and everything is in order
SOUND = Supply(
    hosting=Hosting.GOVERNMENT,
    chain=(Link(name="Dienst", jurisdiction="NL", is_operator=True),),
    locations=("NL",),
    keys=Keys.CUSTOMER,
    is_encrypted_at_rest=True,
    is_encrypted_in_transit=True,
    highest_protection_level=1,
    highest_rubricering=Rubricering.STG_ZEER_GEHEIM,
    admits_personal_data=True,
    admits_special_data=True,
    seals=tuple((objective, 4) for objective in Objective),
    valid_until=TODAY,
    dependencies=(),
)
PUBLIC = replace(SOUND, hosting=Hosting.PUBLIC)


def workload(**facts: Any) -> Workload:
    """MILD, but for ``facts``; ``evidence`` as a mapping of kinds to dates."""
    if "evidence" in facts:
        facts["evidence"] = tuple(sorted(facts["evidence"].items()))
    return replace(MILD, **facts)


def sealed(seal: int | None, **others: int | None) -> tuple[tuple[Objective, int | None], ...]:
    """``seal`` for all objectives, but for ``others`` such as SOV_5=1."""
    return tuple((objective, others.get(objective.name, seal)) for objective in Objective)


def service(jurisdiction: str, **facts: Any) -> Dependency:
    known = {
        "key": "mail",
        "name": "Mail",
        "kind": DependencyKind.SERVICE,
        "supplier": "Post BV",
        "is_critical": True,
    }
    return Dependency(jurisdiction=jurisdiction, **{**known, **facts})


def _maybe(values: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.sampled_from(list(values)))


_BOOLEANS = (False, True)
_COUNTRIES = ("NL", "NO", "CH", "US", "BQ", "")
_DAYS = [TODAY + timedelta(days=days) for days in (-400, -366, -365, -1, 0, 1, 365)]

links = st.builds(
    Link, name=st.just("x"), jurisdiction=st.sampled_from(_COUNTRIES), is_operator=st.booleans()
)
dependencies = st.builds(
    service,
    st.sampled_from(_COUNTRIES),
    kind=st.sampled_from(list(DependencyKind)),
    is_critical=st.booleans(),
)
evidence = st.dictionaries(st.sampled_from(list(EvidenceKind)), st.sampled_from(_DAYS[:5]))

workloads = st.builds(
    Workload,
    is_core_task=_maybe(_BOOLEANS),
    personal_data=_maybe(PersonalData),
    has_special_data=_maybe(_BOOLEANS),
    availability=_maybe(Score),
    integrity=_maybe(Score),
    confidentiality=_maybe(Score),
    rubricering=_maybe(Rubricering),
    base_register=_maybe(BaseRegister),
    is_workplace=_maybe(_BOOLEANS),
    is_vital=_maybe(_BOOLEANS),
    review_on=_maybe(_DAYS),
    evidence=evidence.map(lambda found: tuple(sorted(found.items()))),
    is_instructed_against=st.booleans(),
)

supplies = st.builds(
    Supply,
    hosting=_maybe(Hosting),
    chain=st.lists(links, max_size=3).map(tuple),
    locations=st.lists(st.sampled_from(_COUNTRIES), max_size=3).map(tuple),
    keys=_maybe(Keys),
    is_encrypted_at_rest=_maybe(_BOOLEANS),
    is_encrypted_in_transit=_maybe(_BOOLEANS),
    highest_protection_level=_maybe(range(1, 5)),
    highest_rubricering=_maybe(Rubricering),
    admits_personal_data=_maybe(_BOOLEANS),
    admits_special_data=_maybe(_BOOLEANS),
    seals=st.dictionaries(st.sampled_from(list(Objective)), _maybe(range(5))).map(
        lambda found: tuple(sorted(found.items()))
    ),
    valid_until=_maybe(_DAYS),
    dependencies=st.one_of(st.none(), st.lists(dependencies, max_size=2).map(tuple)),
)
