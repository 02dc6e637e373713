"""Roles under four eyes, held by the database itself.

A grant made in the portal names its proposal through a foreign key on (proposal, person, node,
role, decider), so together with the checks ``role_proposed_for_another_person`` and
``role_proposal_decided_by_another_person`` no statement can give somebody a role that not two
others wanted. A proposal begins by waiting and is settled once; a grant stays as it was granted,
and only its end may come sooner. Nothing of this is ever deleted.
"""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import portal.core.models
import uuid
from django.conf import settings
from django.db import migrations, models

# Each existing row gets an id of its own, which a default of Django would not give.
GIVE_DEPUTIES_IDS = """
ALTER TABLE identity_deputy ADD COLUMN public_id uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE identity_deputy ALTER COLUMN public_id DROP DEFAULT;
ALTER TABLE identity_deputy ADD CONSTRAINT identity_deputy_public_id_key UNIQUE (public_id);
"""
TAKE_DEPUTIES_IDS = "ALTER TABLE identity_deputy DROP COLUMN public_id"

FORBID = """
ALTER TABLE identity_rolegrant
    ADD CONSTRAINT role_grant_names_its_proposal
    FOREIGN KEY (proposal_id, person_id, node_id, role, granted_by_id)
    REFERENCES identity_roleproposal (id, person_id, node_id, role, decided_by_id);

CREATE FUNCTION identity_guard_new_proposal() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.state <> 'proposed' THEN
        RAISE EXCEPTION 'a proposal begins by waiting for a decision'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'role_proposal_begins_waiting';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER role_proposal_guard_new BEFORE INSERT ON identity_roleproposal
    FOR EACH ROW EXECUTE FUNCTION identity_guard_new_proposal();

CREATE FUNCTION identity_guard_proposal() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a proposal is never deleted'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'role_proposal_is_never_deleted';
    END IF;
    IF OLD.state <> 'proposed' THEN
        RAISE EXCEPTION 'a proposal that is settled stays settled'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'role_proposal_that_is_settled_stays_settled';
    END IF;
    IF (NEW.public_id, NEW.person_id, NEW.node_id, NEW.role, NEW.amount_limit, NEW.valid_from,
        NEW.valid_until, NEW.reason, NEW.proposed_by_id, NEW.proposed_at, NEW.expires_at)
       IS DISTINCT FROM
       (OLD.public_id, OLD.person_id, OLD.node_id, OLD.role, OLD.amount_limit, OLD.valid_from,
        OLD.valid_until, OLD.reason, OLD.proposed_by_id, OLD.proposed_at, OLD.expires_at) THEN
        RAISE EXCEPTION 'what was proposed never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'role_proposal_never_changes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER role_proposal_guard BEFORE UPDATE OR DELETE ON identity_roleproposal
    FOR EACH ROW EXECUTE FUNCTION identity_guard_proposal();

CREATE FUNCTION identity_guard_new_grant() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.proposal_id IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM identity_roleproposal AS proposal
           WHERE proposal.id = NEW.proposal_id AND proposal.state = 'granted'
             AND proposal.amount_limit IS NOT DISTINCT FROM NEW.amount_limit
             AND proposal.valid_from <= NEW.valid_from
             AND proposal.valid_until >= NEW.valid_until) THEN
        RAISE EXCEPTION 'a role is granted as it was decided'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'role_granted_as_it_was_decided';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER role_grant_guard_new BEFORE INSERT ON identity_rolegrant
    FOR EACH ROW EXECUTE FUNCTION identity_guard_new_grant();

CREATE FUNCTION identity_guard_role_grant() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'a role is ended, never deleted'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'role_grant_is_never_deleted';
    END IF;
    IF (NEW.public_id, NEW.person_id, NEW.node_id, NEW.role, NEW.amount_limit, NEW.issuer,
        NEW.granted_by_id, NEW.proposal_id, NEW.reason)
       IS DISTINCT FROM
       (OLD.public_id, OLD.person_id, OLD.node_id, OLD.role, OLD.amount_limit, OLD.issuer,
        OLD.granted_by_id, OLD.proposal_id, OLD.reason)
       OR (OLD.issuer = '' AND NEW.valid_from <> OLD.valid_from) THEN
        RAISE EXCEPTION 'a role stays as it was granted'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'role_grant_never_changes';
    END IF;
    IF (OLD.issuer = '' OR OLD.end_reason <> '') AND NEW.valid_until > OLD.valid_until THEN
        RAISE EXCEPTION 'the end of a role only comes sooner'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'role_grant_end_only_comes_sooner';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER role_grant_guard BEFORE UPDATE OR DELETE ON identity_rolegrant
    FOR EACH ROW EXECUTE FUNCTION identity_guard_role_grant();

CREATE FUNCTION identity_guard_bar() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.lifted_at IS NOT NULL
       OR (NEW.public_id, NEW.person_id, NEW.node_id, NEW.role, NEW.issuer, NEW.reason,
           NEW.barred_by_id, NEW.barred_at)
          IS DISTINCT FROM
          (OLD.public_id, OLD.person_id, OLD.node_id, OLD.role, OLD.issuer, OLD.reason,
           OLD.barred_by_id, OLD.barred_at) THEN
        RAISE EXCEPTION 'a bar is lifted once, and nothing else changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'claim_bar_is_only_lifted';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER claim_bar_guard BEFORE UPDATE OR DELETE ON identity_claimbar
    FOR EACH ROW EXECUTE FUNCTION identity_guard_bar();
"""
ALLOW = """
DROP TRIGGER claim_bar_guard ON identity_claimbar;
DROP TRIGGER role_grant_guard ON identity_rolegrant;
DROP TRIGGER role_grant_guard_new ON identity_rolegrant;
DROP TRIGGER role_proposal_guard ON identity_roleproposal;
DROP TRIGGER role_proposal_guard_new ON identity_roleproposal;
DROP FUNCTION identity_guard_bar();
DROP FUNCTION identity_guard_role_grant();
DROP FUNCTION identity_guard_new_grant();
DROP FUNCTION identity_guard_proposal();
DROP FUNCTION identity_guard_new_proposal();
ALTER TABLE identity_rolegrant DROP CONSTRAINT role_grant_names_its_proposal;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('identity', '0003_organizations_over_time'),
    ]

    operations = [
        migrations.CreateModel(
            name='ClaimBar',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('role', models.CharField(choices=[('requester', 'Requester'), ('approver', 'Approver'), ('finance', 'Finance'), ('quota_administrator', 'Quota administrator'), ('operator', 'Operator'), ('auditor', 'Auditor')], max_length=20)),
                ('issuer', models.URLField(max_length=300)),
                ('reason', models.CharField(max_length=300)),
                ('barred_at', models.DateTimeField()),
                ('lifted_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='RoleProposal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('role', models.CharField(choices=[('requester', 'Requester'), ('approver', 'Approver'), ('finance', 'Finance'), ('quota_administrator', 'Quota administrator'), ('operator', 'Operator'), ('auditor', 'Auditor')], max_length=20)),
                ('amount_limit', models.DecimalField(decimal_places=2, max_digits=14, null=True)),
                ('valid_from', models.DateTimeField()),
                ('valid_until', models.DateTimeField()),
                ('reason', models.CharField(max_length=300)),
                ('proposed_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('proposed', 'Waits for a decision'), ('granted', 'Granted'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn'), ('expired', 'Expired')], default='proposed', max_length=10)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.CharField(blank=True, max_length=300)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='rolegrant',
            name='role_granted_by_claim_or_by_another_person',
        ),
        migrations.AddField(
            model_name='deputy',
            name='appointed_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(GIVE_DEPUTIES_IDS, TAKE_DEPUTIES_IDS)],
            state_operations=[
                migrations.AddField(
                    model_name='deputy',
                    name='public_id',
                    field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
                ),
            ],
        ),
        migrations.AddField(
            model_name='person',
            name='absent_since',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='person',
            name='ended_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='rolegrant',
            name='end_reason',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='rolegrant',
            name='ended_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='deputy',
            constraint=models.CheckConstraint(condition=models.Q(('appointed_by', None), models.Q(('appointed_by', models.F('deputy')), _negated=True), _connector='OR'), name='deputy_appointed_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='deputy',
            constraint=models.CheckConstraint(condition=models.Q(('valid_until', None), ('valid_until__gte', models.F('valid_from')), _connector='OR'), name='deputy_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='deputy',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[(portal.core.models.PointRange('absent_id'), '&&'), (portal.core.models.PointRange('deputy_id'), '&&'), (portal.core.models.TsTzRange('valid_from', 'valid_until', django.contrib.postgres.fields.ranges.RangeBoundary()), '&&')], name='deputy_appointed_once_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='person',
            constraint=models.CheckConstraint(condition=models.Q(('ended_at', None), ('is_active', False), _connector='OR'), name='person_who_left_is_not_active'),
        ),
        migrations.AddField(
            model_name='claimbar',
            name='barred_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='claimbar',
            name='lifted_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='claimbar',
            name='node',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='claim_bars', to='identity.node'),
        ),
        migrations.AddField(
            model_name='claimbar',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='claim_bars', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='roleproposal',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='roleproposal',
            name='node',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='role_proposals', to='identity.node'),
        ),
        migrations.AddField(
            model_name='roleproposal',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='role_proposals', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='roleproposal',
            name='proposed_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='rolegrant',
            name='proposal',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='grant', to='identity.roleproposal'),
        ),
        migrations.AddConstraint(
            model_name='rolegrant',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('issuer', ''), _negated=True), ('granted_by', None), ('proposal', None), ('valid_until__isnull', False)), models.Q(('granted_by__isnull', False), ('issuer', ''), ('proposal__isnull', False), ('valid_until__isnull', False), models.Q(('granted_by', models.F('person')), _negated=True)), _connector='OR'), name='role_granted_by_claim_or_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='rolegrant',
            constraint=models.CheckConstraint(condition=models.Q(('amount_limit', None), models.Q(('amount_limit__gt', 0), ('role', 'approver')), _connector='OR'), name='role_grant_limit_is_for_approvers'),
        ),
        migrations.AddConstraint(
            model_name='claimbar',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['requester', 'approver', 'finance', 'quota_administrator', 'operator', 'auditor'])), name='claim_bar_role_known'),
        ),
        migrations.AddConstraint(
            model_name='claimbar',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lifted_at', None), ('lifted_by', None)), models.Q(('lifted_at__isnull', False), ('lifted_by__isnull', False), models.Q(('lifted_by', models.F('person')), _negated=True)), _connector='OR'), name='claim_bar_lifted_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='claimbar',
            constraint=models.UniqueConstraint(condition=models.Q(('lifted_at', None)), fields=('person', 'node', 'role', 'issuer'), name='claim_bar_one_per_role_and_issuer'),
        ),
        migrations.AddIndex(
            model_name='roleproposal',
            index=models.Index(fields=['state', 'expires_at'], name='role_proposal_by_state'),
        ),
        migrations.AddConstraint(
            model_name='roleproposal',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['requester', 'approver', 'finance', 'quota_administrator', 'operator', 'auditor'])), name='role_proposal_role_known'),
        ),
        migrations.AddConstraint(
            model_name='roleproposal',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['proposed', 'granted', 'refused', 'withdrawn', 'expired'])), name='role_proposal_state_known'),
        ),
        migrations.AddConstraint(
            model_name='roleproposal',
            constraint=models.CheckConstraint(condition=models.Q(('proposed_by', models.F('person')), _negated=True), name='role_proposed_for_another_person'),
        ),
        migrations.AddConstraint(
            model_name='roleproposal',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', None), models.Q(models.Q(('decided_by', models.F('proposed_by')), _negated=True), models.Q(('decided_by', models.F('person')), _negated=True)), _connector='OR'), name='role_proposal_decided_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='roleproposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('state__in', ['granted', 'refused'])), models.Q(('decided_at', None), ('decided_by', None), ('state__in', ['proposed', 'withdrawn', 'expired'])), _connector='OR'), name='role_proposal_decision_names_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='roleproposal',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('decision_reason', ''), _negated=True), _connector='OR'), name='role_proposal_refusal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='roleproposal',
            constraint=models.CheckConstraint(condition=models.Q(('valid_until__gt', models.F('valid_from'))), name='role_proposal_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='roleproposal',
            constraint=models.CheckConstraint(condition=models.Q(('amount_limit', None), models.Q(('amount_limit__gt', 0), ('role', 'approver')), _connector='OR'), name='role_proposal_limit_is_for_approvers'),
        ),
        migrations.AddConstraint(
            model_name='roleproposal',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('person', 'node', 'role'), name='role_proposal_one_waits_per_role'),
        ),
        migrations.AddConstraint(
            model_name='roleproposal',
            constraint=models.UniqueConstraint(fields=('id', 'person', 'node', 'role', 'decided_by'), name='role_proposal_known_together_with_its_facts'),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
