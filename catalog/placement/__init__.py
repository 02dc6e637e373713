"""Which data may stand in which place. Pure: facts in, advice out."""

from catalog.placement.rules import (
    RULESET,
    Advice,
    Fired,
    Need,
    advise,
    advise_all,
    source_of,
    text_of,
)
from catalog.placement.supply import DEFAULT_MINIMUMS, Dependency, Link, Minimums, Supply
from catalog.placement.workload import Workload, effective_tbb, is_material

__all__ = [
    "DEFAULT_MINIMUMS",
    "RULESET",
    "Advice",
    "Dependency",
    "Fired",
    "Link",
    "Minimums",
    "Need",
    "Supply",
    "Workload",
    "advise",
    "advise_all",
    "effective_tbb",
    "is_material",
    "source_of",
    "text_of",
]
