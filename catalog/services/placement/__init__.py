"""Which data may stand where: what is known, what the rules say of it, and what was decided."""

from catalog.services.placement.judging import (
    Found,
    Opinion,
    check_goes_on,
    check_placement,
    decide_placement,
    note_found,
    opinion_on_place,
    opinions_at,
    opinions_on,
    worst,
)
from catalog.services.placement.profiles import (
    Answers,
    answer_questions,
    current_profile,
    write_profile,
)
from catalog.services.placement.reading import Judged, Place, places_of
from catalog.services.placement.supplies import (
    answers_of,
    begin_supply,
    drop_supply,
    edit_supply,
    write_supply,
)
from catalog.services.placement.supply_content import CsfAnswer, KnownDependency, SupplyChanges
from catalog.services.placement.supply_decisions import (
    confirm_supply,
    missing_of,
    propose_supply,
    refuse_supply,
    take_back_supply,
)
from catalog.services.placement.trying import Tried, try_answers, try_examples

__all__ = [
    "Answers",
    "CsfAnswer",
    "Found",
    "Judged",
    "KnownDependency",
    "Opinion",
    "Place",
    "SupplyChanges",
    "Tried",
    "answer_questions",
    "answers_of",
    "begin_supply",
    "check_goes_on",
    "check_placement",
    "confirm_supply",
    "current_profile",
    "decide_placement",
    "drop_supply",
    "edit_supply",
    "missing_of",
    "note_found",
    "opinion_on_place",
    "opinions_at",
    "opinions_on",
    "places_of",
    "propose_supply",
    "refuse_supply",
    "take_back_supply",
    "try_answers",
    "try_examples",
    "worst",
    "write_profile",
    "write_supply",
]
