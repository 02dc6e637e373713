"""The EU Cloud Sovereignty Framework in plain words. The numbers are in ``csf``.

These are short paraphrases: the words of the European Commission's own workbook were not to be had.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from catalog.placement.csf import Framework
from catalog.placement.csf_words.criterion import CriterionWords, Text
from catalog.placement.csf_words.sov_1_to_4 import SOV_1_TO_4
from catalog.placement.csf_words.sov_5_to_8 import SOV_5_TO_8

CRITERION_WORDS: Final[Mapping[str, CriterionWords]] = {**SOV_1_TO_4, **SOV_5_TO_8}

FRAMEWORK_NAMES: Final[Mapping[Framework, Text]] = {
    Framework.V1_2_1: _("version 1.2.1 of October 2025"),
    Framework.GUIDANCE_2026_06: _("guidance of June 2026"),
}

_SEAL_NAMES: Final[Mapping[int, Text]] = {
    0: _("No sovereignty"),
    1: _("Jurisdictional sovereignty"),
    2: _("Data sovereignty"),
    3: _("Technological sovereignty"),
    4: _("Full digital sovereignty"),
}
_OLDER_SEAL_NAMES: Final[Mapping[int, Text]] = {**_SEAL_NAMES, 3: _("Digital resilience")}

SEAL_MEANINGS: Final[Mapping[int, Text]] = {
    0: _("Parties outside the EU have all control, under their own law."),
    1: _("The law of the EU holds on paper, but can hardly be enforced."),
    2: _("The law of the EU can be enforced. Much still depends on parties outside the EU."),
    3: _("Parties outside the EU have hardly any control left."),
    4: _("All control is in the EU. Nothing critical comes from outside it."),
}


def seal_name(seal: int, framework: Framework) -> Text:
    """How a SEAL is called; the guidance gave SEAL-3 another name."""
    names = _OLDER_SEAL_NAMES if framework == Framework.V1_2_1 else _SEAL_NAMES
    return names[seal]
