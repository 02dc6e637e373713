"""Acts about placement that bind somebody else."""

from __future__ import annotations

from catalog.services.placement import answer_questions
from tests.authorisation.rows.placement import ANSWERS
from tests.factories import answers
from tests.portal.identity.doors import Doors, Get


def classifying_a_project(get: Get) -> Doors:
    administrator, project = get("administrator"), get("project")
    return Doors(
        actor=administrator,
        service=lambda: answer_questions(project.public_id, answers(), actor=administrator),
        page=f"/placement/projects/{project.public_id}/answer",
        form=ANSWERS,
    )
