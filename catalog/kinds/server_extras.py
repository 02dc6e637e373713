"""What an offering may allow for its servers beyond the usual; each asks more of who orders."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum
from typing import Final

import yaml
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from catalog.kinds.base import Kind, Spec
from catalog.kinds.choices import Ticks
from catalog.kinds.parameters import Option, Parameter, Text, Widget
from catalog.kinds.server_options import LONGEST_KEY
from catalog.kinds.steps import chosen_groups, server_group
from catalog.kinds.steps.first_start import CLOUD_CONFIG, LARGEST_USER_DATA, SCRIPT, fits
from catalog.kinds.steps.resize import ON_TRIAL
from catalog.models import OfferingVersion

MOST_GROUPS: Final = 5


class Extra(StrEnum):
    """What ``OfferingVersion.choices["extras"]`` names."""

    SYSTEM_VOLUME = "system_volume"
    USER_DATA = "user_data"
    SERVER_GROUP = "server_group"
    SECURITY_GROUPS = "security_groups"
    RESIZE_TRIAL = ON_TRIAL


def extras() -> Ticks:
    """Which of them an offering allows."""
    return Ticks(
        name="extras",
        label=_("What may be chosen as well"),
        hint=_("Tick nothing, and nothing of this is asked."),
        options=[
            Option(value=Extra.SYSTEM_VOLUME, label=_("The operating system on a disk of its own")),
            Option(value=Extra.USER_DATA, label=_("Instructions for the first start (cloud-init)")),
            Option(value=Extra.SERVER_GROUP, label=_("Servers together or apart")),
            Option(value=Extra.SECURITY_GROUPS, label=_("Security groups of the project")),
            Option(value=Extra.RESIZE_TRIAL, label=_("A day to try another size")),
        ],
        least=0,
    )


def allows(version: OfferingVersion, extra: Extra) -> bool:
    """Whether the version has it; those from before there were extras have none."""
    return extra in version.choices.get("extras", [])


# --- beside which other servers -----------------------------------------------------------------


def group_parameters(version: OfferingVersion) -> list[Parameter]:
    """The questions beside which servers it stands."""
    if not allows(version, Extra.SERVER_GROUP):
        return []
    rules = {
        "soft-anti-affinity": _("Apart, where there is room for that"),
        "anti-affinity": _("Always apart, each on a machine of its own"),
        "soft-affinity": _("Together, where there is room for that"),
        "affinity": _("Always together, on one machine"),
    }
    return [
        Parameter(
            name=server_group.NAME,
            label=_("Group of servers"),
            widget=Widget.TEXT,
            section=_("Server"),
            hint=_(
                "Servers of your project with the same group and rule stand together or apart. "
                "Leave it empty if that does not matter."
            ),
            required=False,
            pattern=Kind.name_pattern,
            pattern_hint=Kind.name_hint,
            max_length=63,
        ),
        Parameter(
            name=server_group.RULE,
            label=_("Rule of that group"),
            widget=Widget.SELECT,
            section=_("Server"),
            hint=_(
                "Without an answer: apart, where there is room for that. With “always” the server "
                "is not delivered when there is no such place."
            ),
            options=[Option(value=value, label=label) for value, label in rules.items()],
            required=False,
        ),
    ]


# --- who reaches it -----------------------------------------------------------------------------


def security_parameters(version: OfferingVersion) -> list[Parameter]:
    """The question which security groups it is in."""
    if not allows(version, Extra.SECURITY_GROUPS):
        return []
    return [
        Parameter(
            name=chosen_groups.PARAMETER,
            label=_("Security groups"),
            widget=Widget.TEXT,
            section=_("Access"),
            hint=_(
                "Names of security groups of your project, with a comma in between. They must run "
                "before the server is made. Within the project it is reached over SSH anyway."
            ),
            required=False,
            check=_checked_names,
            max_length=400,
        )
    ]


def other_security_parameters(version: OfferingVersion, spec: Spec) -> list[Parameter]:
    """The question in which security groups it must be from now on; of who was asked before."""
    if chosen_groups.PARAMETER not in spec:
        return []
    hint = _(
        "Names of security groups of your project that run, with a comma in between. Within the "
        "project it is reached over SSH anyway."
    )
    return [
        replace(asked, hint=hint, default=spec[asked.name])
        for asked in security_parameters(version)
    ]


def security_effects(before: Spec, after: Spec) -> list[Text]:
    """What other security groups mean for who reaches the server."""
    if before.get(chosen_groups.PARAMETER) == after.get(chosen_groups.PARAMETER):
        return []
    return [_("Other traffic reaches the server from then on. It does not restart for this.")]


def _checked_names(text: str) -> str:
    """The names as we write them ourselves."""
    names = chosen_groups.names_in(text)
    if len(names) > MOST_GROUPS:
        raise ValueError(gettext("Use at most {most} groups.").format(most=MOST_GROUPS))
    for name in names:
        if not re.fullmatch(Kind.name_pattern, name):
            raise ValueError(gettext("“{name}” is not a name of a group.").format(name=name))
    return ", ".join(names)


# --- what it does at its first start ------------------------------------------------------------


def first_start_parameters(version: OfferingVersion) -> list[Parameter]:
    """The question what it must do when it starts for the first time."""
    if not allows(version, Extra.USER_DATA):
        return []
    return [
        Parameter(
            name="user_data",
            label=_("Instructions for the first start"),
            widget=Widget.TEXTAREA,
            section=_("Access"),
            hint=_(
                "For cloud-init: begin with #cloud-config, or with #! for a script. It is kept "
                "with the order, and everybody who sees the order can read it. So put no "
                "passwords or secret keys in it."
            ),
            required=False,
            check=_checked_user_data,
            max_length=LARGEST_USER_DATA,
        )
    ]


def _checked_user_data(text: str) -> str:
    """The text with the line endings of Linux, which a script must have."""
    written = "\n".join(text.splitlines())
    first = written.split("\n", 1)[0].rstrip()
    if not (first == CLOUD_CONFIG or first.startswith(SCRIPT)):
        raise ValueError(gettext("Begin the first line with #cloud-config or with #!."))
    if not fits("k" * LONGEST_KEY, written):
        raise ValueError(gettext("This is too long. The cloud takes about 45 kB of it."))
    if first == CLOUD_CONFIG:
        _check_yaml(written)
    return written


def _check_yaml(text: str) -> None:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        message = gettext("Line {line} is not right: this is not YAML.")
        raise ValueError(message.format(line=line)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(gettext("This is not YAML.")) from error
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise ValueError(gettext("After #cloud-config come lines of the form “name: value”."))
