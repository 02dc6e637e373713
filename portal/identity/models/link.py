"""That two logins are of one human: proposed by one quota administrator, decided on by another."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext as _

from portal.core.models import PublicIdModel
from portal.identity.models.person import Identity, Person
from portal.identity.models.proposal import REASON_LENGTH, ProposalState


class LinkProposal(PublicIdModel):
    """An identity of ``holder`` belongs to ``receiver``, for they are one human.

    Granted, the identity moves, and the holder, left without any, is joined into the receiver.
    A wrong link is undone by another proposal, which names it and brings the identity back to who
    was joined.

    Triggers (migration 0014) keep all but the decision as it was proposed; what is settled, as it
    was settled; and every identity where it is but for the newest proposal about it that was
    granted.
    """

    identity = models.ForeignKey(Identity, on_delete=models.PROTECT, related_name="link_proposals")
    holder = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    receiver = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    undoes = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="undone_by"
    )
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
                condition=Q(state__in=ProposalState.values), name="link_proposal_state_known"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="link_proposal_has_a_reason"),
            models.CheckConstraint(
                condition=~Q(holder=F("receiver")), name="link_is_between_two_persons"
            ),
            # Four eyes (BIO2, separation of duties): two people who are neither of both.
            models.CheckConstraint(
                condition=~Q(proposed_by=F("holder")) & ~Q(proposed_by=F("receiver")),
                name="link_proposed_for_other_people",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None)
                | (
                    ~Q(decided_by=F("proposed_by"))
                    & ~Q(decided_by=F("holder"))
                    & ~Q(decided_by=F("receiver"))
                ),
                name="link_proposal_decided_by_another_person",
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
                name="link_proposal_decision_names_who_and_when",
            ),
            models.CheckConstraint(
                condition=~Q(state=ProposalState.REFUSED) | ~Q(decision_reason=""),
                name="link_proposal_refusal_has_a_reason",
            ),
            models.UniqueConstraint(
                fields=["identity"],
                condition=Q(state=ProposalState.PROPOSED),
                name="link_proposal_one_waits_per_identity",
            ),
        ]
        indexes = [models.Index(fields=["state", "expires_at"], name="link_proposal_by_state")]

    def __str__(self) -> str:
        return f"{self.identity_id} from {self.holder_id} to {self.receiver_id}"

    def in_words(self) -> str:
        """What is proposed, as pages call it."""
        names = {"holder": self.holder.name, "receiver": self.receiver.name}
        if self.undoes_id:
            return _("{receiver} apart from {holder} again").format(**names)
        return _("The login of {holder} goes to {receiver}").format(**names)
