"""The steps of a credential that opens one container and nothing else.

A role in the project's own Keystone project would open everything there. So who comes in by such
a credential is a user with an empty project of its own, without any quota, and the container lets
that user in (an access list of Swift). Its credential says besides which path it opens (access
rules of Keystone): else it makes whatever no quota limits, e.g. images.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, urlsplit

from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import Action, Done, Outcome, Plan, StepContext, StepDefinition
from catalog.kinds.parts import name_fact
from catalog.kinds.secrets import CONTAINER_CREDENTIAL, NewSecret
from catalog.kinds.steps.container import PART, container_name, find_container
from catalog.kinds.steps.environment import check_goes_on, is_over
from catalog.models import Metric
from portal.cloud.ports import BACKUP_GIB, CloudMissing, CloudObject, CloudUnavailable

OWN: Final = "container"
_METRICS: Final = [metric.value for metric in Metric if metric != Metric.MONTHLY_COST_EUR]
_NOTHING: Final = dict.fromkeys([*_METRICS, BACKUP_GIB], 0)


def _run_hall(context: StepContext) -> Outcome:
    """The empty project of the user."""
    check_goes_on(context)
    _make_hall(context)
    return Done()


def _make_hall(context: StepContext) -> CloudObject:
    return context.cloud.create_project(
        domain_name=context.domain, name=context.marker("entrance"), description=context.name
    )


def _run_bounds(context: StepContext) -> Outcome:
    """It may hold nothing."""
    halls = _halls(context) or [_make_hall(context)]  # it was withdrawn since
    context.cloud.set_quota(halls[0].id, _NOTHING)
    return Done()


def _run_entrance(context: StepContext) -> Outcome:
    """The user, and the container open for it."""
    check_goes_on(context)
    if not _halls(context):
        _run_bounds(context)
    cloud = context.cloud
    (hall,) = _halls(context)
    user = cloud.create_user(
        domain_name=context.domain, name=context.marker("user"), project=hall.id
    )
    name = find_container(context).id
    cloud.open_container(context.project, name, of_project=hall.id, user=user.id)
    return Done()


def _run_credential(context: StepContext) -> Outcome:
    """Made anew each time: what has its name is deleted first, so that no answer is lost."""
    cloud = context.cloud
    if not _users(context):
        _run_entrance(context)  # all was withdrawn since
    (hall,) = _halls(context)
    (user,) = _users(context)
    for credential in cloud.list_credentials(user.id):
        context.hold()
        with suppress(CloudMissing):
            cloud.delete_credential(user.id, credential.id)
    context.hold()
    name, storage_url = container_name(context), cloud.fetch_storage_url(context.project)
    issued = cloud.create_credential(
        hall.id,
        user.id,
        name=OWN,
        expires_at=None,
        storage_path=f"{urlsplit(storage_url).path.rstrip('/')}/{quote(name, safe='')}",
    )
    values = {
        "name": context.name,
        "auth_url": issued.auth_url,
        "region": issued.region,
        "id": issued.id,
        "secret": issued.secret,
        "storage_url": storage_url,
        "container": name,
    }
    facts = {"credentials": [{"person": None, "expires_at": None}]}
    return Done(facts=facts, secret=NewSecret(slot=OWN, form=CONTAINER_CREDENTIAL, values=values))


def _run_locked(context: StepContext) -> Outcome:
    """Nobody gets in any more; what was never handed out is not there."""
    for user in _users(context):
        with suppress(CloudMissing):
            context.cloud.delete_user(user.id)
    return Done(facts={"credentials": []}, ended=[OWN])


def _run_lapsed(context: StepContext) -> Outcome:
    """Nobody gets in once the term is over; who renewed it meanwhile keeps what there is."""
    return _run_locked(context) if is_over(context) else Done()


def _run_empty(context: StepContext) -> Outcome:
    """Some of what a user may make no quota limits, e.g. images, and outlives its project.

    Raises:
        CloudUnavailable: that is still being removed.
    """
    for hall in _halls(context):
        with suppress(CloudMissing):
            context.cloud.ensure_project_access(hall.id)
            if context.cloud.clear_project(hall.id, before_each=context.hold):
                raise CloudUnavailable("what was made with the credentials is being removed")
    return Done()


def _run_gone(context: StepContext) -> Outcome:
    _run_locked(context)  # once more: the cloud may have made the user late
    for hall in _halls(context):
        with suppress(CloudMissing):
            context.cloud.delete_project(hall.id)
    return Done()


def _run_at_once(context: StepContext) -> Outcome:
    """All three, for which older versions of the plans had one step."""
    locked = _run_locked(context)
    _run_empty(context)
    _run_gone(context)
    return locked


def _run_lapsed_at_once(context: StepContext) -> Outcome:
    return _run_at_once(context) if is_over(context) else Done()


def _if_abandoned(step: StepDefinition) -> StepDefinition:
    """The same, but nothing where somebody gets in: its term was renewed."""
    return replace(step, run=lambda context: Done() if _users(context) else step.run(context))


def _users(context: StepContext) -> list[CloudObject]:
    return context.cloud.find_users(domain_name=context.domain, name=context.marker("user"))


def _halls(context: StepContext) -> list[CloudObject]:
    return context.cloud.find_projects(domain_name=context.domain, name=context.marker("entrance"))


LOCKED: Final = StepDefinition(name="user", label=_("Credentials withdrawn"), run=_run_locked)
EMPTY: Final = StepDefinition(
    name="contents", label=_("What was made with them removed"), run=_run_empty
)
GONE: Final = StepDefinition(name="entrance", label=_("User in the cloud removed"), run=_run_gone)
AT_ONCE: Final = replace(LOCKED, name="withdrawn", run=_run_at_once)
# Once the term is over.
LAPSED: Final = (replace(LOCKED, run=_run_lapsed), _if_abandoned(EMPTY), _if_abandoned(GONE))
LAPSED_AT_ONCE: Final = replace(AT_ONCE, run=_run_lapsed_at_once)


def _can_stand_in_a_rule(facts: Mapping[str, Any]) -> bool:
    """What others called it may hold signs by which the credential would open nothing.

    keystonemiddleware takes a rule for a pattern, and compares it with a path that has these as
    they are.
    """
    return not set(facts.get(name_fact(PART), "")) & set("!$&'()*+,;=:@")


def _has_credential(facts: Mapping[str, Any]) -> bool:
    return bool(facts.get("credentials"))


ACTIONS: Final = {
    "rotate": Action(
        label=_("New credentials"),
        icon="key",
        consequence=_(
            "For this storage alone. You see them once; older ones stop working at once."
        ),
        plan=Plan(
            version=2,
            steps=[
                StepDefinition(name="hall", label=_("Room in the cloud"), run=_run_hall),
                StepDefinition(name="bounds", label=_("Quota in the cloud"), run=_run_bounds),
                StepDefinition(name="entrance", label=_("User in the cloud"), run=_run_entrance),
                StepDefinition(name="credential", label=_("Credentials"), run=_run_credential),
            ],
        ),
        is_offered=_can_stand_in_a_rule,
        gives_access=True,
    ),
    "withdraw": Action(
        label=_("Withdraw the credentials"),
        icon="x",
        consequence=_("Whoever uses them does not get in any more. What is stored stays."),
        plan=Plan(
            version=2,
            steps=[LOCKED, EMPTY, GONE],
            former=[AT_ONCE],
        ),
        is_offered=_has_credential,
    ),
}
