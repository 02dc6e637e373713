from portal.identity.models.login import LoginSession, UsedLogoutToken
from portal.identity.models.person import Identity, Person
from portal.identity.models.review import (
    DECIDED_BY_PERSON,
    ReviewCampaign,
    ReviewDecision,
    ReviewItem,
    ReviewReminder,
    ReviewScope,
    ReviewStage,
)
from portal.identity.models.role import Deputy, Role, RoleGrant
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
    "DECIDED_BY_PERSON",
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
    "ReviewCampaign",
    "ReviewDecision",
    "ReviewItem",
    "ReviewReminder",
    "ReviewScope",
    "ReviewStage",
    "Role",
    "RoleGrant",
    "UsedLogoutToken",
    "VatTreatment",
    "VatTreatmentPeriod",
]
