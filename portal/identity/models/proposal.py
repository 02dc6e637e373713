"""What is asked about roles and waits for a second pair of eyes, and what a claim may not give."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.core.models import PublicIdModel
from portal.identity.models.person import Person
from portal.identity.models.role import Role, limit_is_for_approvers
from portal.identity.models.tree import Node

REASON_LENGTH = 300  # characters


class ProposalState(models.TextChoices):
    PROPOSED = "proposed", gettext_lazy("Waits for a decision")
    GRANTED = "granted", gettext_lazy("Granted")
    REFUSED = "refused", gettext_lazy("Refused")
    WITHDRAWN = "withdrawn", gettext_lazy("Withdrawn")
    EXPIRED = "expired", gettext_lazy("Expired")


class RoleProposal(PublicIdModel):
    """A role that one quota administrator wants somebody to have, and another decides on.

    With ``absent`` it is about a deputy: the person would approve in the place of that approver,
    for the time being, wherever and up to the amounts that the approver may. The node is then the
    highest one on which they approve.

    A trigger keeps all but the decision as it was proposed, and what is settled as it was
    settled. ``RoleGrant`` refers to its proposal together with person, node, role and decider,
    ``Deputy`` together with both people and the decider.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="role_proposals")
    absent = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="deputy_proposals"
    )
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="role_proposals")
    role = models.CharField(max_length=20, choices=Role)
    # Up to what an order may cost in its first month, in euros, for an approver; NULL: no limit.
    amount_limit = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    reason = models.CharField(max_length=REASON_LENGTH)
    proposed_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=ProposalState, default=ProposalState.PROPOSED)
    decided_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.CharField(max_length=REASON_LENGTH, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="role_proposal_role_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ProposalState.values), name="role_proposal_state_known"
            ),
            # Four eyes (BIO2, separation of duties): three people, or nothing happens.
            models.CheckConstraint(
                condition=~Q(proposed_by=F("person")), name="role_proposed_for_another_person"
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None)
                | (~Q(decided_by=F("proposed_by")) & ~Q(decided_by=F("person"))),
                name="role_proposal_decided_by_another_person",
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=[ProposalState.GRANTED, ProposalState.REFUSED],
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                )
                | Q(
                    state__in=[
                        ProposalState.PROPOSED,
                        ProposalState.WITHDRAWN,
                        ProposalState.EXPIRED,
                    ],
                    decided_by=None,
                    decided_at=None,
                ),
                name="role_proposal_decision_names_who_and_when",
            ),
            models.CheckConstraint(
                condition=~Q(state=ProposalState.REFUSED) | ~Q(decision_reason=""),
                name="role_proposal_refusal_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__gt=F("valid_from")),
                name="role_proposal_ends_after_it_begins",
            ),
            limit_is_for_approvers("role_proposal_limit_is_for_approvers"),
            models.CheckConstraint(
                condition=Q(absent=None)
                | (Q(role=Role.APPROVER, amount_limit=None) & ~Q(absent=F("person"))),
                name="deputy_proposed_for_another_approver",
            ),
            models.UniqueConstraint(
                fields=["person", "node", "role", "absent"],
                condition=Q(state=ProposalState.PROPOSED),
                nulls_distinct=False,
                name="role_proposal_one_waits_per_role",
            ),
            models.UniqueConstraint(
                fields=["id", "absent", "person", "decided_by"],
                name="role_proposal_known_together_with_both_people",
            ),
            models.UniqueConstraint(
                fields=["id", "person", "node", "role", "decided_by"],
                name="role_proposal_known_together_with_its_facts",
            ),
        ]
        indexes = [models.Index(fields=["state", "expires_at"], name="role_proposal_by_state")]

    def __str__(self) -> str:
        return f"{self.role} on {self.node_id} for {self.person_id}"

    def in_words(self) -> str:
        """What is proposed, as pages call it."""
        if self.absent:
            return _("{name} in the place of {absent}").format(
                name=self.person.name, absent=self.absent.name
            )
        return _("{role} for {name}").format(role=self.get_role_display(), name=self.person.name)


class ClaimBar(PublicIdModel):
    """A role that a claim gives and the portal took: logins do not give it back until lifted.

    Set by an administrator, or by the portal itself (``barred_by`` NULL).
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="claim_bars")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="claim_bars")
    role = models.CharField(max_length=20, choices=Role)
    issuer = models.URLField(max_length=300)
    reason = models.CharField(max_length=REASON_LENGTH)
    barred_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    barred_at = models.DateTimeField()
    lifted_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=Role.values), name="claim_bar_role_known"),
            models.CheckConstraint(
                condition=Q(lifted_by=None, lifted_at=None)
                | (Q(lifted_by__isnull=False, lifted_at__isnull=False) & ~Q(lifted_by=F("person"))),
                name="claim_bar_lifted_by_another_person",
            ),
            models.UniqueConstraint(
                fields=["person", "node", "role", "issuer"],
                condition=Q(lifted_at=None),
                name="claim_bar_one_per_role_and_issuer",
            ),
        ]

    def __str__(self) -> str:
        return f"no {self.role} on {self.node_id} for {self.person_id}"
