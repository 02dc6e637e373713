from portal.identity.models.break_glass import (
    BreakGlassAttempt,
    BreakGlassPassword,
    PasswordOutcome,
)
from portal.identity.models.link import LinkProposal
from portal.identity.models.login import LoginSession, SessionEnd, UsedLogoutToken
from portal.identity.models.person import Identity, Person
from portal.identity.models.proposal import REASON_LENGTH, ClaimBar, ProposalState, RoleProposal
from portal.identity.models.review import (
    DECIDED_BY_PERSON,
    ReviewCampaign,
    ReviewDecision,
    ReviewItem,
    ReviewReminder,
    ReviewScope,
    ReviewStage,
)
from portal.identity.models.role import PRIVILEGED_ROLES, Deputy, Role, RoleGrant
from portal.identity.models.tree import (
    NUMBERS,
    CostCentre,
    DataOwner,
    Node,
    NodeKind,
    NodeParent,
    Organization,
    Project,
    ProjectOwner,
    VatTreatment,
    VatTreatmentPeriod,
)

__all__ = [
    "DECIDED_BY_PERSON",
    "NUMBERS",
    "PRIVILEGED_ROLES",
    "REASON_LENGTH",
    "BreakGlassAttempt",
    "BreakGlassPassword",
    "ClaimBar",
    "CostCentre",
    "DataOwner",
    "Deputy",
    "Identity",
    "LinkProposal",
    "LoginSession",
    "Node",
    "NodeKind",
    "NodeParent",
    "Organization",
    "PasswordOutcome",
    "Person",
    "Project",
    "ProjectOwner",
    "ProposalState",
    "ReviewCampaign",
    "ReviewDecision",
    "ReviewItem",
    "ReviewReminder",
    "ReviewScope",
    "ReviewStage",
    "Role",
    "RoleGrant",
    "RoleProposal",
    "SessionEnd",
    "UsedLogoutToken",
    "VatTreatment",
    "VatTreatmentPeriod",
]
