"""The refusals about leaving."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from portal.core.errors import DomainError


class ExitTestRuns(DomainError):
    code = "exit_test_runs"
    message = _("A test of this kind runs already. Go on with that one, or end it first.")


class ExitTestEnded(DomainError):
    code = "exit_test_ended"
    message = _("This test is over. Begin another one.")


class ExitStepDone(DomainError):
    code = "exit_step_done"
    message = _("This step was done already. What it shows stays as it is.")


class ExitStepsLeft(DomainError):
    """``steps``: their labels, as shown."""

    code = "exit_steps_left"
    message = _("A test is passed when every step is done. Still to do: {steps}.")
