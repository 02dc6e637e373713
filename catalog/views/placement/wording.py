"""Answers and advice in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.placement import Advice, Fired, source_of, text_of
from catalog.placement_forms import WorkloadForm
from catalog.placement_words import Advised, label_of
from catalog.services.placement import Answers
from portal.core.formats import day

TONES: Final[Mapping[Advised, str]] = {
    Advised.ALLOWED: "success",
    Advised.DISCOURAGED: "warning",
    Advised.CONDITIONAL: "warning",
    Advised.PROHIBITED: "error",
}
_HOURS_A_DAY: Final = 24


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A clause that applies, in words; ``needs``: evidence, and whether it is there."""

    text: str
    source: str
    label: str
    tone: str
    is_information: bool
    needs: list[tuple[str, bool]]


def findings_of(advice: Advice) -> list[Finding]:
    """All clauses that apply, the worst first."""
    return [
        Finding(
            text=text_of(fired),
            source=str(source_of(fired.clause)),
            label=_("For information") if fired.is_information else _label_of(fired),
            tone=_tone_of(fired),
            is_information=fired.is_information,
            needs=[(str(label_of(need.kind)), need.is_met) for need in fired.needs],
        )
        for fired in advice.fired
    ]


def _label_of(fired: Fired) -> str:
    return _("Cannot be told yet") if fired.missing else str(label_of(fired.verdict))


def _tone_of(fired: Fired) -> str:
    return "neutral" if fired.missing else TONES[fired.verdict]


def answers_in_words(answers: Answers) -> list[tuple[str, str]]:
    """Each question with its answer, in the order of the form."""
    fields = WorkloadForm.base_fields
    return [(str(fields[name].label), _answer(name, getattr(answers, name))) for name in fields]


def _answer(name: str, value: Any) -> str:
    if value is None:
        return _("Not known yet")
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, StrEnum):
        return str(label_of(value))
    return _outage(value) if name == "longest_outage_hours" else day(value)


def _outage(hours: int) -> str:
    days, rest = divmod(hours, _HOURS_A_DAY)
    if rest:
        return ngettext("%d hour", "%d hours", hours) % hours
    return ngettext("%d day", "%d days", days) % days
