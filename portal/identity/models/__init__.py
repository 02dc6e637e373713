from portal.identity.models.break_glass import (
    BreakGlassAttempt,
    BreakGlassPassword,
    PasswordOutcome,
)
from portal.identity.models.login import LoginSession, SessionEnd, UsedLogoutToken
from portal.identity.models.person import Identity, Person
from portal.identity.models.proposal import REASON_LENGTH, ClaimBar, ProposalState, RoleProposal
from portal.identity.models.role import PRIVILEGED_ROLES, Deputy, Role, RoleGrant
from portal.identity.models.tree import (
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
    "PRIVILEGED_ROLES",
    "REASON_LENGTH",
    "BreakGlassAttempt",
    "BreakGlassPassword",
    "ClaimBar",
    "CostCentre",
    "DataOwner",
    "Deputy",
    "Identity",
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
    "Role",
    "RoleGrant",
    "RoleProposal",
    "SessionEnd",
    "UsedLogoutToken",
    "VatTreatment",
    "VatTreatmentPeriod",
]
