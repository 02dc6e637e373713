from portal.identity.models.break_glass import (
    BreakGlassAttempt,
    BreakGlassPassword,
    PasswordOutcome,
)
from portal.identity.models.login import LoginSession, SessionEnd, UsedLogoutToken
from portal.identity.models.person import Identity, Person
from portal.identity.models.role import Deputy, Role, RoleGrant
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
    "BreakGlassAttempt",
    "BreakGlassPassword",
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
    "Role",
    "RoleGrant",
    "SessionEnd",
    "UsedLogoutToken",
    "VatTreatment",
    "VatTreatmentPeriod",
]
