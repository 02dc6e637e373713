"""The steps of a server group: which servers of a project stand together, and which apart.

Servers whose specs name the same group and rule share one. It goes with the last of them.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import Done, Outcome, Spec, StepContext, StepDefinition
from catalog.models import Resource, ResourceState
from portal.cloud.ports import CloudMissing

PART: Final = "server_group"
NAME: Final = "group"
RULE: Final = "group_rule"
_LEAVING: Final = (ResourceState.RETIRING, ResourceState.RETIRED)


def _run(context: StepContext) -> Outcome:
    project, cloud, marker = context.project, context.cloud, _marker(context)
    group = context.ensure(
        find=lambda: cloud.find_server_groups(project, marker),
        create=lambda: cloud.create_server_group(project, rule_of(context.spec), marker),
        remove=lambda double: cloud.delete_server_group(project, double.id),
        shared=True,
    )
    return Done(external_id=group.id)


def rule_of(spec: Spec) -> str:
    """The rule that was chosen, or the one that never keeps a server from being made."""
    return spec.get(RULE) or "soft-anti-affinity"


def _marker(context: StepContext) -> str:
    """Of the group's name and rule: two groups of one name with another rule are two groups."""
    text = f"{context.spec[NAME]} {rule_of(context.spec)}"
    return context.marker(f"group-{sha256(text.encode()).hexdigest()[:10]}", shared=True)


def _run_gone(context: StepContext) -> Outcome:
    """Remove it unless another server needs it, or is about to: that one waits for this step."""
    if not context.project or _is_needed(context):
        return Done()
    for group in context.cloud.find_server_groups(context.project, _marker(context)):
        try:
            context.cloud.delete_server_group(context.project, group.id)
        except CloudMissing:
            continue
    return Done()


def _is_needed(context: StepContext) -> bool:
    of_that_name = Resource.objects.filter(
        cloud_project__public_id=context.cloud_project_id,
        **{f"spec__{NAME}": context.spec[NAME]},
    )
    others = of_that_name.exclude(public_id=context.resource_id).exclude(state__in=_LEAVING)
    rules = map(rule_of, others.values_list("spec", flat=True))
    return rule_of(context.spec) in rules


SERVER_GROUP: Final = StepDefinition(
    name=PART, label=_("Group of servers"), run=_run, exclusive=True, only_with=NAME
)
SERVER_GROUP_GONE: Final = StepDefinition(
    name=PART, label=_("Group of servers left"), run=_run_gone, exclusive=True, only_with=NAME
)
