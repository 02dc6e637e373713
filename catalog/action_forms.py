"""What the page of an action asks: the kind declares the questions, the services judge."""

from __future__ import annotations

from typing import Any

from catalog.forms import ParameterField
from catalog.kinds.base import Action
from catalog.models import Resource
from catalog.services.resources import questions_of
from portal.core.forms import RefusableForm


class ActionForm(RefusableForm):
    """The questions of one action on one resource."""

    def __init__(
        self, data: Any = None, *, resource: Resource, action: Action, **options: Any
    ) -> None:
        super().__init__(data, **options)
        self._questions = questions_of(resource, action)
        for question in self._questions:
            self.fields[question.name] = ParameterField(question)

    def answers(self) -> dict[str, Any]:
        """Of a valid form."""
        return {item.name: self.cleaned_data[item.name] for item in self._questions}
