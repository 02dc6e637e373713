from portal.identity.models.login import LoginSession, UsedLogoutToken
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
    "CostCentre",
    "DataOwner",
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
    "Role",
    "RoleGrant",
    "UsedLogoutToken",
    "VatTreatment",
    "VatTreatmentPeriod",
]
