from portal.identity.models.login import LoginSession, UsedLogoutToken
from portal.identity.models.person import Identity, Person
from portal.identity.models.proposal import REASON_LENGTH, ClaimBar, ProposalState, RoleProposal
from portal.identity.models.role import PRIVILEGED_ROLES, Deputy, Role, RoleGrant
from portal.identity.models.tree import (
    CostCentre,
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
    "ClaimBar",
    "CostCentre",
    "Deputy",
    "Identity",
    "LoginSession",
    "Node",
    "NodeKind",
    "NodeParent",
    "Organization",
    "Person",
    "Project",
    "ProjectOwner",
    "ProposalState",
    "Role",
    "RoleGrant",
    "RoleProposal",
    "UsedLogoutToken",
    "VatTreatment",
    "VatTreatmentPeriod",
]
