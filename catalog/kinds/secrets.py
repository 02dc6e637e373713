"""Secrets that a step hands to who asked: what each is made of, and how it is shown, once.

What is stored is the values, encrypted; the words and files are made when it is shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.utils.translation import gettext_lazy as _

from catalog.kinds.parameters import Text


@dataclass(frozen=True)
class NewSecret:
    """What a step answers.

    Attributes:
        slot: tells the secrets of one resource apart; the newest in a slot is the one that works.
        form: key of a ``SecretForm``.
        values: by name; they are shown to nobody but the reader.
    """

    slot: str
    form: str
    values: Mapping[str, str] = field(repr=False)

    def text(self) -> str:
        return json.dumps(dict(self.values))


@dataclass(frozen=True)
class SecretFile:
    """A file that a program reads: ``write`` makes it of the values."""

    name: str
    label: Text
    write: Callable[[Mapping[str, str]], str]


@dataclass(frozen=True, kw_only=True)
class SecretForm:
    """One sort of secret.

    Args:
        label: what it is, e.g. "Credentials".
        terms: the values that a person reads, in this order, with their names.
        link: the value that is an address to open, if any.
        files: what it can be downloaded as.
    """

    label: Text
    terms: Sequence[tuple[str, Text]]
    link: str = ""
    files: Sequence[SecretFile] = ()


def _clouds_yaml(values: Mapping[str, str]) -> str:
    """For the ``openstack`` client and everything else on openstacksdk. JSON strings are YAML."""
    quoted = {name: json.dumps(value) for name, value in values.items()}
    return (
        "clouds:\n"
        f"  {quoted['name']}:\n"
        "    auth_type: v3applicationcredential\n"
        "    auth:\n"
        f"      auth_url: {quoted['auth_url']}\n"
        f"      application_credential_id: {quoted['id']}\n"
        f"      application_credential_secret: {quoted['secret']}\n"
        f"    region_name: {quoted['region']}\n"
        f"{_override(quoted)}"
        "    interface: public\n"
        "    identity_api_version: 3\n"
    )


def _override(quoted: Mapping[str, str]) -> str:
    """Where the storage is, when that is not in the project that somebody logs in to."""
    if "storage_url" not in quoted:
        return ""
    return f"    object_store_endpoint_override: {quoted['storage_url']}\n"


def _provider_tf(values: Mapping[str, str]) -> str:
    """For OpenTofu and Terraform. Of HCL's escapes a credential and an address need only these."""
    quoted = {
        name: json.dumps(value).replace("${", "$${").replace("%{", "%%{")
        for name, value in values.items()
    }
    return (
        'provider "openstack" {\n'
        f"  auth_url                      = {quoted['auth_url']}\n"
        f"  region                        = {quoted['region']}\n"
        f"  application_credential_id     = {quoted['id']}\n"
        f"  application_credential_secret = {quoted['secret']}\n"
        "}\n"
    )


APPLICATION_CREDENTIAL: Final = "application-credential"
PERSONAL_CREDENTIAL: Final = "personal-credential"
CONTAINER_CREDENTIAL: Final = "container-credential"
CONSOLE: Final = "console"
_LOGIN: Final[Sequence[tuple[str, Text]]] = [
    ("auth_url", _("Address to log in at")),
    ("region", _("Region")),
    ("id", _("Id of the application credential")),
    ("secret", _("Secret")),
]
_TOOLS: Final = [
    SecretFile("clouds.yaml", _("For the openstack client"), _clouds_yaml),
    SecretFile("provider.tf", _("For OpenTofu and Terraform"), _provider_tf),
]
FORMS: Final[Mapping[str, SecretForm]] = {
    APPLICATION_CREDENTIAL: SecretForm(label=_("Credentials"), terms=_LOGIN, files=_TOOLS),
    PERSONAL_CREDENTIAL: SecretForm(
        label=_("Credentials for you alone"), terms=_LOGIN, files=_TOOLS
    ),
    CONTAINER_CREDENTIAL: SecretForm(
        label=_("Credentials"),
        terms=[
            *_LOGIN,
            ("storage_url", _("Address of the storage")),
            ("container", _("Container")),
        ],
        files=_TOOLS[:1],
    ),
    CONSOLE: SecretForm(
        label=_("Console"), terms=[("url", _("Address of the console"))], link="url"
    ),
}
