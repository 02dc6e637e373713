"""The extension point: what a kind of resource declares. Adding a kind is one new file here.

The engine, quotas, billing, pages and API know kinds only through this class.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing.meters import Meter
from catalog.exit_package.fetching import Fetch
from catalog.exit_package.things import Surroundings, Thing
from catalog.exit_package.tofu import Block
from catalog.kinds.choices import ChoiceField
from catalog.kinds.parameters import Parameter, Text
from catalog.kinds.parts import Finding, Part
from catalog.kinds.secrets import NewSecret
from catalog.loads import Evidence
from catalog.models import Metric, OfferingVersion, Resource
from portal.cloud.models import Cloud as CloudRecord
from portal.cloud.models import CloudProjectPurpose
from portal.cloud.ports import Cloud, CloudObject, Listing

if TYPE_CHECKING:
    from catalog.kinds.idle import Idle

Spec = Mapping[str, Any]


@dataclass(frozen=True)
class Done:
    """The step is finished.

    Attributes:
        external_id: id in the cloud of what the step made, if anything.
        facts: merged into ``Resource.facts``, JSON-ready.
        project: the Keystone project's id, from the step that made or found it.
        spec: parameters as the cloud has them from now on; of a step that changes something.
        secret: what only the person who asked may see, once; it is stored with this outcome.
        ended: slots of secrets that work no longer; what nobody read of them is forgotten.
    """

    external_id: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    project: str = ""
    spec: Mapping[str, Any] = field(default_factory=dict)
    secret: NewSecret | None = None
    ended: Collection[str] = ()


@dataclass(frozen=True)
class Wait:
    """Not yet: the poll of the cloud project looks again. ``external_id`` is kept."""

    external_id: str = ""


@dataclass(frozen=True)
class Pause:
    """Nothing is to be done before then: the step runs again at that moment, without a poll."""

    until: datetime


@dataclass(frozen=True)
class Broken:
    """What was made is in ERROR. The engine removes it and makes it again, at most twice."""

    fault: str


# One look at a cloud project: what the lists that somebody waits for returned, by id.
Look = Mapping[Listing, Mapping[str, CloudObject]]
Outcome = Done | Wait | Pause | Broken


class StepContext(ABC):
    """What a step may know and do. The engine implements it; ``ensure`` is its heart.

    Attributes:
        resource_id: our public id; every marker derives from it.
        operation_id: our public id of the work, to know again what was asked for by it.
        began_at: when the step was begun for the first time.
        name: as the person typed it.
        spec: validated parameters; in a change those that it must come to.
        settings: ``OfferingVersion.choices``, e.g. the address range of a network.
        cloud_project_id: our public id of the CloudProject.
        domain: name of the Keystone domain that holds every project of this installation.
        project: the Keystone project's id ("" before the step that makes it).
        cloud_ids: what earlier steps made, by step name.
        facts: what earlier steps learned, also those of earlier work.
        answers: what a person answered to the questions of the action.
        is_unmanaged: nobody ordered it: it carries no mark of ours, and is known by its id.
    """

    resource_id: UUID
    operation_id: UUID
    began_at: datetime
    name: str
    spec: Spec
    settings: Mapping[str, Any]
    cloud_project_id: UUID
    domain: str
    project: str
    cloud_ids: Mapping[str, str]
    facts: Mapping[str, Any]
    answers: Mapping[str, Any]
    is_unmanaged: bool
    cloud: Cloud

    @property
    @abstractmethod
    def end_date(self) -> date | None:
        """The last business day that it is needed, as that is now: work goes on while it is
        renewed. Read anew each time."""

    @property
    def asked_by(self) -> UUID | None:
        """Public id of who asked for this, or (of a delivery) ordered it; None is the clock."""
        return None

    @abstractmethod
    def cloud_ids_of(self, public_id: str) -> Mapping[str, str]:
        """``cloud_ids`` of another resource of the same cloud project.

        Raises:
            CloudMissing: there is none any more.
        """

    @abstractmethod
    def marker(self, part: str, *, shared: bool = False) -> str:
        """The marker of one part: of this resource, or (shared) of its whole cloud project."""

    @abstractmethod
    def ensure(
        self,
        *,
        find: Callable[[], list[CloudObject]],
        create: Callable[[], CloudObject],
        remove: Callable[[CloudObject], None],
        shared: bool = False,
    ) -> CloudObject:
        """Return the one thing with this marker: adopt what is there, else create it.

        Writes the intent first; after an unknown outcome looks with back-off before it creates
        again; of two it keeps the oldest and removes the rest, with an audit entry. What is
        shared may be there already, so it is always looked for first.
        """

    @abstractmethod
    def hold(self) -> None:
        """Go on only as who has the step, which nobody else takes before a whole lease is over.

        For what is not created by ``ensure``: call it before each request that changes something.
        """

    @abstractmethod
    def who_gets_in(self, people: Collection[UUID]) -> set[UUID]:
        """Those of the people, by public id, who may have a credential of their own now."""

    @abstractmethod
    def push_quota(self, project: str, *, backup_gib: int = 0) -> None:
        """Make the Keystone project's quota what all resources in it need, this one included.

        Args:
            backup_gib: room for backups where people work by themselves.
        """


@dataclass(frozen=True, kw_only=True)
class StepDefinition:
    """One step of a plan.

    Args:
        name: stored in the step's row; a contract while an operation is unfinished.
        label: what the page says, e.g. "Server".
        run: does the work; may be repeated at any time.
        settle: for a step that answered Wait: judges a fresh look at the cloud project.
        clear: removes what the step made, after Broken. It is repeated until it raises
            CloudMissing (what was made is gone); then the step runs again. A step that has one has
            a ``settle``, which judges what was made when a person has it tried again after it took
            too long.
        exclusive: at most one such step at a time per cloud project (it makes shared things).
        alike: what it makes for one part of an order serves the others in the same cloud project
            that have the same answers to these: they go without the step. None: no other.
        reads: the lists that ``settle`` looks at.
        timeout: how long the cloud may be busy with it before a person must look. A step that
            cannot be done because the cloud does not answer is tried for a day.
        parameter: what the step is about, in a change: one that leaves that parameter as it is
            goes without the step.
        only_with: a parameter of which a resource that leaves it empty goes without the step.
        extra: what the offering must allow, in its choice ``extras``, for the step to be there.
        uses: the parameters that it reads, and it is given no others; None is all. In a whole, the
            first steps that use nothing of other parts are done before those are there.
        question: of a step that pauses for people: what they judge meanwhile. Who finds it well
            has the step end at once; who does not has the work stopped.
    """

    name: str
    label: Text
    run: Callable[[StepContext], Outcome]
    settle: Callable[[StepContext, str, Look], Outcome] | None = None
    clear: Callable[[StepContext, str], None] | None = None
    exclusive: bool = False
    alike: frozenset[str] | None = None
    reads: frozenset[Listing] = frozenset()
    timeout: timedelta = timedelta(hours=1)
    parameter: str = ""
    only_with: str = ""
    extra: str = ""
    uses: frozenset[str] | None = None
    question: Text = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The ordered steps of one operation. A changed list is a new version.

    Args:
        former: steps that only operations begun by an older version have, or have otherwise; kept
            for one release, so that those are finished.
    """

    version: int
    steps: Sequence[StepDefinition]
    former: Sequence[StepDefinition] = ()


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something that a person may have done to a running resource, without another order.

    Args:
        label: on the button, e.g. "Stop".
        consequence: what it means for who uses the resource, in one sentence.
        plan: the steps; each may be repeated, so it looks before it asks.
        is_offered: judges ``Resource.facts``, whether it makes sense now.
        loses: what is gone for good by it, in one sentence; who asks for it types the name first.
        parameters: what is asked first; without questions one click is enough.
        gives_access: it ends with a secret for who asked, so only a requester may ask.
    """

    label: Text
    icon: str
    consequence: Text
    plan: Plan
    is_offered: Callable[[Mapping[str, Any]], bool]
    loses: Text = ""
    parameters: Sequence[Parameter] = ()
    gives_access: bool = False

    @property
    def asks_first(self) -> bool:
        """Whether one click is not enough."""
        return bool(self.loses or self.parameters)


@dataclass(frozen=True, kw_only=True)
class Access:
    """A credential that works now.

    Attributes:
        person: public id of whose it is; None is of the thing itself.
        expires_at: until when; None is as long as the thing exists.
    """

    person: UUID | None
    expires_at: datetime | None


ACT_PREFIX: Final = "act."
# Key in ``Resource.facts``: public id of the resource that this one is attached to, or None.
ATTACHED_TO: Final = "attached_to"
# The same, while the cloud lost that: this one is attached to it again once it is there.
ATTACHED_BEFORE: Final = "attached_before"
# When what it was attached to was gone for good, in ISO 8601; hints count from then.
LEFT_ALONE_AT: Final = "left_alone_at"
# Key in ``Resource.facts``: what it will be reached at, known before it runs.
RESERVED_ADDRESS: Final = "reserved_address"


def attachment_facts(to: str | None) -> dict[str, Any]:
    """What an attached resource knows from then on; None: it was taken off."""
    return {ATTACHED_TO: to, ATTACHED_BEFORE: None}


class Made(Protocol):
    """What the portal keeps of a resource that runs, as far as others may take something of it."""

    @property
    def name(self) -> str: ...

    @property
    def spec(self) -> Mapping[str, Any]: ...

    @property
    def facts(self) -> Mapping[str, Any]: ...

    @property
    def cloud_ids(self) -> Mapping[str, str]: ...


def first_address(made: Made) -> str:
    """The address at which the project reaches it, or will; "" when it has none."""
    addresses = made.facts.get("addresses", [])
    reserved = str(made.facts.get(RESERVED_ADDRESS, ""))
    return next((str(found["address"]) for found in addresses), reserved)


@dataclass(frozen=True, kw_only=True)
class PartRequest:
    """One part of what was ordered as a whole.

    Attributes:
        key: which part, e.g. "web-1".
        version: what delivers it.
        spec: validated parameters; None for those in ``wiring``.
        wiring: by parameter, the text that is filled in once the parts named in it run.
        needs: keys of the parts that come before this one, each with the step of its delivery after
            which this one is begun; "" is once it runs.
    """

    key: str
    version: OfferingVersion
    name: str
    spec: Spec
    wiring: Mapping[str, str]
    needs: Mapping[str, str]


class Kind(ABC):
    """A kind of resource.

    ``plans`` needs "provision" and "retire", or the latter alone where nobody can order it
    (``can_be_ordered``): it is only ever found in the cloud. What is a whole (``is_whole``) has
    none, for its parts have them. "retire" also undoes a half-made resource, so its steps accept
    that anything is missing. What is ``changeable`` needs "change",
    and "revert" for a change that was given up: whose steps answer with ``Done.spec`` what the
    cloud has then. What lets people in by credentials of their own needs "withdraw", which ends
    those of who may not get in any more.
    ``parts`` is what reconciliation looks for in the cloud, the one that the resource is about
    first. ``stands_in`` is whether it stands among the project's other things or is a place of its
    own. ``ends_with`` is the key of the action that ends its use when its term is over and loses
    nothing; "" where there is none. ``attaches_with`` is the key of the action that attaches it to
    another, which is the answer to its one question. ``goes_with_it`` says what cleaning up takes
    along that the portal did not make. ``idle_when`` says when it is paid for and perhaps used by
    nobody. ``load_part`` is the key of the part of which the cloud tells how busy it is; "" where
    there is none. ``made_from`` has the keys of all kinds that ``parameters``
    may ask for (``Parameter.of_kinds``), ``made_label`` what such others are to one of this kind,
    in words. ``follows`` has those keys of the spec that ``settle`` adds. ``results`` is what other
    parts of a whole may take of one that runs, by name; "" where it is not known; ``known_after``
    has the step of the delivery after which one of them is known for good, of those that others
    need not wait for until it runs. ``not_described`` says why ``as_code`` has nothing to tell.
    """

    key: ClassVar[str]
    icon: ClassVar[str]
    label: ClassVar[Text]
    name_pattern: ClassVar[str] = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
    name_hint: ClassVar[Text] = _(
        "Use a to z, 0 to 9 and hyphens. Begin with a letter, end with a letter or digit, at most "
        "63 characters."
    )
    can_be_ordered: ClassVar[bool] = True
    is_whole: ClassVar[bool] = False
    plans: ClassVar[Mapping[str, Plan]]
    actions: ClassVar[Mapping[str, Action]] = {}
    ends_with: ClassVar[str] = ""
    attaches_with: ClassVar[str] = ""
    parts: ClassVar[Sequence[Part]] = ()
    results: ClassVar[Mapping[str, Callable[[Made], str]]] = {}
    known_after: ClassVar[Mapping[str, str]] = {}
    made_from: ClassVar[frozenset[str]] = frozenset()
    made_label: ClassVar[Text] = _("Made from this")
    keeps_a_moment: ClassVar[bool] = False
    follows: ClassVar[frozenset[str]] = frozenset()
    stands_in: ClassVar[CloudProjectPurpose] = CloudProjectPurpose.MANAGED
    goes_with_it: ClassVar[Text] = ""
    idle_when: ClassVar[Idle | None] = None
    load_part: ClassVar[str] = ""
    not_described: ClassVar[Text] = _("Cloudloket does not know enough of it to describe it.")

    def named_plans(self) -> dict[str, Plan]:
        """Every plan by the name that operations store: "provision", "change", "act.stop" …"""
        acts = {f"{ACT_PREFIX}{key}": action.plan for key, action in self.actions.items()}
        return {**self.plans, **acts}

    def found(self, thing: CloudObject) -> Finding | None:
        """What a thing in the list of the first part would be as a resource of this kind.

        None where the list does not tell what it holds or costs: then nobody can adopt it.
        """
        return None

    def size_of(self, spec: Spec) -> dict[str, Any]:
        """The answers that say how large its ``load_part`` is."""
        return {}

    def smaller(
        self, version: OfferingVersion, spec: Spec, evidence: Evidence
    ) -> list[dict[str, Any]]:
        """What ``size_of`` may become instead that has room for what was used."""
        return []

    def condition(self, facts: Mapping[str, Any]) -> Text:
        """How a running resource is, where that is not as usual, e.g. "Stopped"; else ""."""
        return ""

    def after_the_term(self, grace_days: int) -> str:
        """What happens after the last day that it is needed, in words."""
        if self.ends_with:
            text = ngettext(
                "After that day we stop it. {count} day later we clean it up, with what it holds.",
                "After that day we stop it. {count} days later we clean it up, with what it holds.",
                grace_days,
            )
        else:
            text = ngettext(
                "{count} day after that day we clean it up, with what it holds.",
                "{count} days after that day we clean it up, with what it holds.",
                grace_days,
            )
        return text.format(count=grace_days)

    def choice_fields(self, cloud: CloudRecord) -> list[ChoiceField]:
        """What an offering decides, with the options of which the cloud was seen to have them.

        None where there is nothing to decide. The answers stand in ``OfferingVersion.choices``.
        """
        return []

    @abstractmethod
    def parameters(self, version: OfferingVersion) -> list[Parameter]:
        """The questions, with the options that this version and its cloud offer now."""

    def made_of(self, version: OfferingVersion) -> list[OfferingVersion]:
        """What else must be on offer for it, where it is a whole: what delivers its parts."""
        return []

    def settle(
        self, version: OfferingVersion, spec: Spec, sources: Mapping[str, Resource]
    ) -> dict[str, Any]:
        """The spec with what follows from the project's own resources that it names.

        Args:
            sources: by question. Without the answer to one: the least that it could be.

        Raises:
            InvalidInput: what was chosen does not go with a source.
        """
        return dict(spec)

    def begun_from(self, source: Resource) -> dict[str, Any]:
        """Answers with which a form begins, to make one from the source; beside which that is."""
        return {}

    def changeable(self, version: OfferingVersion, spec: Spec) -> list[Parameter]:
        """The questions that a running resource with this spec may have answered otherwise.

        With what may be chosen for it now, its present answers among them; a default is one.
        """
        return []

    def change_effects(self, before: Spec, after: Spec) -> list[Text]:
        """What the change means for who uses the resource, each in a sentence; [] is nothing."""
        return []

    def demand_while_changing(
        self, version: OfferingVersion, before: Spec, after: Spec
    ) -> dict[Metric, Decimal]:
        """What the cloud must have room for until the change is done: the larger of both."""
        old, new = self.quota_demand(version, before), self.quota_demand(version, after)
        return {
            metric: max(old.get(metric, Decimal(0)), new.get(metric, Decimal(0)))
            for metric in old.keys() | new.keys()
        }

    def expand(self, version: OfferingVersion, name: str, spec: Spec) -> list[PartRequest]:
        """What is made for an order of it, where that is a whole of several things.

        Each part comes after those that it needs. None: the thing itself is made.

        Raises:
            InvalidInput: the answers do not suit a part.
        """
        return []

    @abstractmethod
    def quota_demand(self, version: OfferingVersion, spec: Spec) -> dict[Metric, Decimal]:
        """What a resource with this spec holds, without ``monthly_cost_eur``."""

    @abstractmethod
    def meters(self, version: OfferingVersion, spec: Spec) -> list[Meter]:
        """What a resource with this spec uses."""

    def access(self, facts: Mapping[str, Any]) -> list[Access]:
        """Who can get in by a credential of its own, and until when.

        A step keeps that in the facts: "credentials": [{"person", "expires_at"}].
        """
        return [
            Access(
                person=UUID(item["person"]) if item["person"] else None,
                expires_at=_moment(item["expires_at"]),
            )
            for item in facts.get("credentials", [])
        ]

    def measures(self, spec: Spec, facts: Mapping[str, Any]) -> list[tuple[Text, str]]:
        """What was last seen of how it is used, as a page tells it; nothing in most kinds."""
        return []

    def as_code(self, made: Thing, around: Surroundings) -> Sequence[Block]:
        """What makes it again in another cloud, with what it shares there; none: not described."""
        return []

    def to_fetch(self, made: Thing) -> Sequence[Fetch]:
        """What data of the project it holds, and how to get that out of the cloud."""
        return []

    def exit_files(self, made: Thing) -> Mapping[str, str]:
        """Files of its own in an exit package: their text by path."""
        return {}

    @abstractmethod
    def summary(self, spec: Spec) -> str:
        """The spec in one line for people, e.g. "gp.small, Debian 12, 40 GiB"."""

    @abstractmethod
    def usage_started_at(self, facts: Mapping[str, Any]) -> datetime | None:
        """The cloud's own time at which use began, where it gave one."""


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


_KINDS: Final[dict[str, Kind]] = {}


def register(kind: type[Kind]) -> type[Kind]:
    """Class decorator: make the kind known by its key."""
    if kind.key in _KINDS:
        raise ValueError(f"two kinds are called {kind.key!r}")
    _KINDS[kind.key] = kind()
    return kind


def get_kind(key: str) -> Kind:
    """The kind called ``key``; KeyError when the code lacks it."""
    return _KINDS[key]


def all_kinds() -> list[Kind]:
    """Every kind, by key."""
    return [_KINDS[key] for key in sorted(_KINDS)]


def orderable_kinds() -> list[Kind]:
    """Those of which an offering can be made, by key."""
    return [kind for kind in all_kinds() if kind.can_be_ordered]
