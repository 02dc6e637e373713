"""The steps of an environment: a Keystone project of its own, and who comes in by themselves.

A credential step makes its credential anew each time that it runs: what has that name is deleted
first, so a lost answer leaves no secret that nobody has. Keystone is told no end of the term, for
that may be renewed and a credential cannot: the portal withdraws it when the term is over.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import Action, Done, Outcome, Plan, StepContext, StepDefinition
from catalog.kinds.secrets import APPLICATION_CREDENTIAL, PERSONAL_CREDENTIAL, NewSecret
from catalog.models import Metric
from portal.cloud.ports import (
    BACKUP_GIB,
    CloudMissing,
    CloudObject,
    CloudRefused,
    CloudUnavailable,
    IssuedCredential,
)
from portal.core.calendar import end_of_day

PART: Final = "project"
OWN: Final = "environment"  # the name of the credential that belongs to no person
_OF_A_PERSON: Final = "person-"
# Who leaves may keep what was handed to them, but not for longer than this.
PERSONAL_TERM: Final = timedelta(days=90)

# What is held by nothing is gone within minutes; what is stuck in use never goes.
CLEARING_PATIENCE: Final = timedelta(hours=2)
STORED: Final = "containers"  # in the cloud's words


def _run_project(context: StepContext) -> Outcome:
    """Make the Keystone project with exactly its quota. Its name is unique in the domain."""
    cloud, domain, name = context.cloud, context.domain, context.marker(PART, shared=True)
    project = context.project
    if not project:
        project = context.ensure(
            find=lambda: cloud.find_projects(domain_name=domain, name=name),
            create=lambda: cloud.create_project(
                domain_name=domain, name=name, description=context.name
            ),
            remove=lambda double: cloud.delete_project(double.id),
        ).id
        cloud.ensure_project_access(project)
    context.push_quota(project)
    return Done(external_id=project, project=project)


def _run_user(context: StepContext) -> Outcome:
    cloud, domain, name = context.cloud, context.domain, context.marker("user")
    user = context.ensure(
        find=lambda: cloud.find_users(domain_name=domain, name=name),
        create=lambda: cloud.create_user(domain_name=domain, name=name, project=context.project),
        remove=lambda double: cloud.delete_user(double.id),
    )
    return Done(external_id=user.id)


# --- credentials -------------------------------------------------------------------------------


def _run_own(context: StepContext) -> Outcome:
    return _renewed(context, OWN, None)


def _run_personal(context: StepContext) -> Outcome:
    return _renewed(context, _personal_name(context), now() + PERSONAL_TERM)


def _run_withdrawn(context: StepContext) -> Outcome:
    own = _personal_name(context)
    return _without(context, lambda name: name == own)


def _run_all_withdrawn(context: StepContext) -> Outcome:
    return _without(context, lambda name: name != OWN)


def _run_lapsed(context: StepContext) -> Outcome:
    """Withdraw what people have who may not get in any more, as that is now; or all, if over."""
    try:
        there = context.cloud.list_credentials(_user_of(context))
        people = {UUID(person) for item in there if (person := _person_in(item.name))}
        staying = {f"{_OF_A_PERSON}{person.hex}" for person in context.who_gets_in(people)}
        if is_over(context):
            return _without(context, lambda name: True)
        return _without(context, lambda name: name != OWN and name not in staying)
    except CloudMissing:  # nobody gets in without the user
        return Done(facts={"credentials": []}, ended=_known(context))


def _without(context: StepContext, is_meant: Callable[[str], bool]) -> Done:
    """Delete the credentials whose names are meant.

    Ended are those that we know of as well: a worker that died deleted some of them.
    """
    ended = {*_delete(context, is_meant), *filter(is_meant, _known(context))}
    return Done(facts=_facts(context), ended=ended)


def _known(context: StepContext) -> set[str]:
    """The names of the credentials that were there when we last wrote that down."""
    people = [item["person"] for item in context.facts.get("credentials", [])]
    return {f"{_OF_A_PERSON}{UUID(person).hex}" if person else OWN for person in people}


def _renewed(context: StepContext, name: str, expires_at: datetime | None) -> Done:
    """A credential of that name, whose secret goes to who asked; what had the name is gone.

    Raises:
        CloudRefused: its term is over, so that what there is would go and nothing come instead.
    """
    check_goes_on(context)
    user = _user_of(context)
    _delete(context, lambda there: there == name)
    # A user that was made by halves has no role yet, which a credential passes on.
    context.cloud.ensure_project_access(context.project, user=user)
    context.hold()
    issued = context.cloud.create_credential(
        context.project, user, name=name, expires_at=expires_at
    )
    return Done(facts=_facts(context), secret=_secret(context, name, issued))


def is_over(context: StepContext) -> bool:
    """True once the last day has passed that it is needed; then nobody gets in."""
    last_day = context.end_date
    return last_day is not None and end_of_day(last_day) <= now()


def check_goes_on(context: StepContext) -> None:
    """What is over hands out no credential: it would be withdrawn at once.

    Raises:
        CloudRefused: it is.
    """
    if is_over(context):
        raise CloudRefused("the term is over; new credentials come with a later end date")


def _delete(context: StepContext, is_meant: Callable[[str], bool]) -> list[str]:
    """Delete the credentials whose names are meant; return those names."""
    user = _user_of(context)
    meant = [item for item in context.cloud.list_credentials(user) if is_meant(item.name)]
    for credential in meant:
        context.hold()
        with suppress(CloudMissing):
            context.cloud.delete_credential(user, credential.id)
    return [credential.name for credential in meant]


def _facts(context: StepContext) -> dict[str, Any]:
    """Who can get in now, as the cloud has it; no secret is part of that."""
    return {
        "credentials": [
            {
                "person": _person_in(credential.name),
                "expires_at": credential.details["expires_at"],
            }
            for credential in context.cloud.list_credentials(_user_of(context))
        ]
    }


def _secret(context: StepContext, name: str, issued: IssuedCredential) -> NewSecret:
    values = {
        "name": context.name,
        "auth_url": issued.auth_url,
        "region": issued.region,
        "id": issued.id,
        "secret": issued.secret,
    }
    form = APPLICATION_CREDENTIAL if name == OWN else PERSONAL_CREDENTIAL
    return NewSecret(slot=name, form=form, values=values)


def _user_of(context: StepContext) -> str:
    if "user" not in context.cloud_ids:
        raise CloudRefused("the environment has no user")
    return context.cloud_ids["user"]


def _personal_name(context: StepContext) -> str:
    if context.asked_by is None:
        raise CloudRefused("nobody asked for a personal credential")
    return f"{_OF_A_PERSON}{context.asked_by.hex}"


def _person_in(name: str) -> str | None:
    if not name.startswith(_OF_A_PERSON):
        return None
    return str(UUID(name.removeprefix(_OF_A_PERSON)))


# --- another quota -----------------------------------------------------------------------------


def _run_quota(context: StepContext) -> Outcome:
    """Give it the quota of the spec, unless more than that is in use.

    Raises:
        CloudRefused: what stands there is more; its users remove some of it first.
    """
    used = context.cloud.fetch_usage(context.project)
    if over := [
        f"{metric}: {used[metric]} in use, {context.spec.get(metric, 0)} asked for"
        for metric in (*Metric, BACKUP_GIB)
        if used.get(metric, 0) > context.spec.get(metric, 0)
    ]:
        raise CloudRefused("; ".join(over))
    context.push_quota(context.project)
    return Done(spec={metric: context.spec[metric] for metric in Metric if metric in context.spec})


def _run_quota_again(context: StepContext) -> Outcome:
    """The quota of the spec, whatever the cloud has; what is in use stays.

    Cinder alone takes no limit below that. Backups of before there was a limit get no more room.
    """
    used = context.cloud.fetch_usage(context.project)
    context.push_quota(context.project, backup_gib=used[BACKUP_GIB])
    return Done(spec={metric: context.spec[metric] for metric in Metric if metric in context.spec})


def _run_counted(context: StepContext) -> Outcome:
    used = context.cloud.fetch_usage(context.project)
    return Done(facts={"used": used, "counted_at": now().isoformat()})


# --- cleaning up -------------------------------------------------------------------------------


def _run_locked(context: StepContext) -> Outcome:
    """Let nobody in any more: from now on nothing is added to what has to go."""
    for user in _users_left(context):
        with suppress(CloudMissing):
            context.cloud.delete_user(user)
    return Done(facts={"credentials": []}, ended=_known(context))


def _users_left(context: StepContext) -> set[str]:
    name = context.marker("user")
    found = context.cloud.find_users(domain_name=context.domain, name=name)
    return {user.id for user in found}


def _run_empty(context: StepContext) -> Outcome:
    """Remove whatever its users made, in turns: one thing holds another.

    Raises:
        CloudUnavailable: something is left for the next turn.
        CloudRefused: the same for hours: it does not go by itself. Stored objects may take as long.
    """
    if not context.project or not _projects_left(context):
        return Done()
    left = context.cloud.clear_project(context.project, before_each=context.hold)
    if left:
        things = ", ".join(f"{number} {name}" for name, number in sorted(left.items()))
        if STORED not in left and now() - context.began_at > CLEARING_PATIENCE:
            raise CloudRefused(
                f"not removed after hours of trying: {things}; see in the cloud what holds them, "
                "then try again"
            )
        raise CloudUnavailable(f"still being removed: {things}")
    return Done()


def _run_gone(context: StepContext) -> Outcome:
    for project in _projects_left(context):
        with suppress(CloudMissing):
            context.cloud.delete_project(project.id)
    return Done()


def _projects_left(context: StepContext) -> list[CloudObject]:
    name = context.marker(PART, shared=True)
    return context.cloud.find_projects(domain_name=context.domain, name=name)


PROJECT: Final = StepDefinition(name=PART, label=_("Room in the cloud"), run=_run_project)
USER: Final = StepDefinition(name="user", label=_("User in the cloud"), run=_run_user)
CREDENTIAL: Final = StepDefinition(name="credential", label=_("Credentials"), run=_run_own)
QUOTA: Final = StepDefinition(name="quota", label=_("Quota in the cloud"), run=_run_quota)
QUOTA_BACK: Final = replace(QUOTA, run=_run_quota_again)
LOCKED: Final = StepDefinition(name="user", label=_("Credentials withdrawn"), run=_run_locked)
LAPSED: Final = StepDefinition(name="withdrawn", label=_("Credentials withdrawn"), run=_run_lapsed)
EMPTY: Final = StepDefinition(name="contents", label=_("What is in it removed"), run=_run_empty)
GONE: Final = StepDefinition(name=PART, label=_("Environment removed"), run=_run_gone)


def _always(facts: Any) -> bool:
    return True


def _plan(name: str, label: Any, run: Callable[[StepContext], Outcome]) -> Plan:
    return Plan(version=1, steps=[StepDefinition(name=name, label=label, run=run)])


def _has_personal(facts: Any) -> bool:
    return any(item["person"] for item in facts.get("credentials", []))


QUOTA_AGAIN: Final = "quota"
ACTIONS: Final = {
    "rotate": Action(
        label=_("New credentials"),
        icon="refresh",
        consequence=_(
            "For the environment as a whole. The old ones stop working at once. You see the new "
            "ones once, and give them to the programs that need them."
        ),
        plan=Plan(version=1, steps=[CREDENTIAL]),
        is_offered=_always,
        gives_access=True,
    ),
    "credential": Action(
        label=_("Credentials for me"),
        icon="key",
        consequence=_(
            "For you alone, for at most 90 days. You see them once; older ones of yours stop "
            "working at once."
        ),
        plan=_plan("personal", _("Credentials"), _run_personal),
        is_offered=_always,
        gives_access=True,
    ),
    "withdraw": Action(
        label=_("Withdraw mine"),
        icon="x",
        consequence=_("The credentials that you made for yourself stop working at once."),
        plan=_plan("withdrawn", _("Credentials withdrawn"), _run_withdrawn),
        is_offered=_has_personal,
    ),
    "withdraw-all": Action(
        label=_("Withdraw those of persons"),
        icon="x",
        consequence=_(
            "All credentials that people made for themselves stop working at once. Those of the "
            "environment go on."
        ),
        plan=_plan("withdrawn", _("Credentials withdrawn"), _run_all_withdrawn),
        is_offered=_has_personal,
    ),
    "count": Action(
        label=_("Look what is in use"),
        icon="search",
        consequence=_("Nothing changes. The page then shows how much of the quota is in use."),
        plan=_plan("counted", _("Use looked up"), _run_counted),
        is_offered=_always,
    ),
    QUOTA_AGAIN: Action(
        label=_("Set the quota again"),
        icon="adjustments",
        consequence=_("For when somebody changed it in the cloud. What is in use stays."),
        plan=_plan("quota", _("Quota in the cloud"), _run_quota_again),
        is_offered=_always,
    ),
}
