"""A deputy whom an administrator wants takes two people, as a role does.

It is proposed and decided on as a role is. ``Deputy`` then names its proposal through a foreign key
on (proposal, absent one, deputy, decider), and without a proposal only the absent one appoints. No
proposal of a deputy becomes a role, whatever the statement.

What an administrator appointed alone ends now. As it happened it stays, so the check is not made of
rows from before.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

END_WHAT_ONE_APPOINTED = """
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE identity_deputy SET valid_until = GREATEST(valid_from, now())
 WHERE appointed_by_id <> absent_id AND (valid_until IS NULL OR valid_until > now());
"""
CHECK_NEW_ONES = """
ALTER TABLE identity_deputy ADD CONSTRAINT deputy_appointed_by_the_absent_one_or_by_two
    CHECK (appointed_by_id = absent_id OR proposal_id IS NOT NULL) NOT VALID;
"""
DO_NOT_CHECK = """
ALTER TABLE identity_deputy DROP CONSTRAINT deputy_appointed_by_the_absent_one_or_by_two;
"""
FORBID = """
ALTER TABLE identity_deputy
    ADD CONSTRAINT deputy_names_its_proposal
    FOREIGN KEY (proposal_id, absent_id, deputy_id, appointed_by_id)
    REFERENCES identity_roleproposal (id, absent_id, person_id, decided_by_id);

CREATE FUNCTION identity_guard_proposed_deputy() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
           SELECT 1 FROM identity_roleproposal AS proposal
           WHERE proposal.id = NEW.proposal_id AND proposal.state = 'granted'
             AND proposal.valid_from <= NEW.valid_from
             AND proposal.valid_until >= NEW.valid_until) THEN
        RAISE EXCEPTION 'a deputy is appointed as it was decided'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'deputy_appointed_as_it_was_decided';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deputy_guard_proposed BEFORE INSERT ON identity_deputy
    FOR EACH ROW WHEN (NEW.proposal_id IS NOT NULL)
    EXECUTE FUNCTION identity_guard_proposed_deputy();

CREATE FUNCTION identity_guard_proposed_grant() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM identity_roleproposal
               WHERE id = NEW.proposal_id AND absent_id IS NOT NULL) THEN
        RAISE EXCEPTION 'a deputy gets no role'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'role_granted_not_to_a_deputy';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER role_grant_guard_proposed BEFORE INSERT ON identity_rolegrant
    FOR EACH ROW WHEN (NEW.proposal_id IS NOT NULL)
    EXECUTE FUNCTION identity_guard_proposed_grant();

CREATE FUNCTION identity_guard_absent_one() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'what was proposed never changes'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'role_proposal_never_changes';
END $$;
CREATE TRIGGER role_proposal_guard_absent_one BEFORE UPDATE ON identity_roleproposal
    FOR EACH ROW WHEN (OLD.absent_id IS DISTINCT FROM NEW.absent_id)
    EXECUTE FUNCTION identity_guard_absent_one();
"""
ALLOW = """
DROP TRIGGER role_proposal_guard_absent_one ON identity_roleproposal;
DROP TRIGGER role_grant_guard_proposed ON identity_rolegrant;
DROP TRIGGER deputy_guard_proposed ON identity_deputy;
DROP FUNCTION identity_guard_absent_one();
DROP FUNCTION identity_guard_proposed_grant();
DROP FUNCTION identity_guard_proposed_deputy();
ALTER TABLE identity_deputy DROP CONSTRAINT deputy_names_its_proposal;
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0008_claims_and_deputies")]
    operations = [
        migrations.RunSQL(END_WHAT_ONE_APPOINTED, migrations.RunSQL.noop),
        migrations.AddField(
            "roleproposal",
            "absent",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deputy_proposals",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RemoveConstraint("roleproposal", "role_proposal_one_waits_per_role"),
        migrations.AddConstraint(
            "roleproposal",
            models.UniqueConstraint(
                fields=["person", "node", "role", "absent"],
                condition=Q(state="proposed"),
                nulls_distinct=False,
                name="role_proposal_one_waits_per_role",
            ),
        ),
        migrations.AddConstraint(
            "roleproposal",
            models.UniqueConstraint(
                fields=["id", "absent", "person", "decided_by"],
                name="role_proposal_known_together_with_both_people",
            ),
        ),
        migrations.AddConstraint(
            "roleproposal",
            models.CheckConstraint(
                condition=Q(absent=None)
                | (Q(role="approver", amount_limit=None) & ~Q(absent=F("person"))),
                name="deputy_proposed_for_another_approver",
            ),
        ),
        migrations.AddField(
            "deputy",
            "proposal",
            models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deputy",
                to="identity.roleproposal",
            ),
        ),
        migrations.SeparateDatabaseAndState(
            [migrations.RunSQL(CHECK_NEW_ONES, DO_NOT_CHECK)],
            [
                migrations.AddConstraint(
                    "deputy",
                    models.CheckConstraint(
                        condition=Q(appointed_by=F("absent")) | Q(proposal__isnull=False),
                        name="deputy_appointed_by_the_absent_one_or_by_two",
                    ),
                )
            ],
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
