"""Access reviews, and what the database itself refuses about them.

An item names the holder of the role through a foreign key on (grant, person), so together with
the check ``review_item_decided_by_another_person`` no statement can make somebody confirm a role
of their own. What was decided, and what was under review, never changes.
"""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

FORBID = """
ALTER TABLE identity_reviewitem
    ADD CONSTRAINT review_item_names_the_holder FOREIGN KEY (grant_id, person_id)
    REFERENCES identity_rolegrant (id, person_id);

CREATE FUNCTION identity_guard_review() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL
       AND to_jsonb(NEW) - 'closed_at' = to_jsonb(OLD) - 'closed_at' THEN
        IF EXISTS (SELECT 1 FROM identity_reviewitem
                   WHERE campaign_id = NEW.id AND decision = '') THEN
            RAISE EXCEPTION 'a review closes when every role in it is decided'
                USING ERRCODE = 'integrity_constraint_violation',
                      CONSTRAINT = 'review_closes_when_all_is_decided';
        END IF;
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a review only closes, once'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'review_only_closes';
END $$;
CREATE TRIGGER review_guard BEFORE UPDATE OR DELETE ON identity_reviewcampaign
    FOR EACH ROW EXECUTE FUNCTION identity_guard_review();

CREATE FUNCTION identity_guard_review_item() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    due timestamptz;
BEGIN
    IF TG_OP = 'DELETE' OR OLD.decision <> '' OR NEW.decision = ''
       OR to_jsonb(NEW) - '{decision,decided_by_id,decided_at,reason}'::text[]
          <> to_jsonb(OLD) - '{decision,decided_by_id,decided_at,reason}'::text[] THEN
        RAISE EXCEPTION 'a role under review is decided, once, and nothing else'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'review_item_is_decided_once';
    END IF;
    SELECT due_at INTO due FROM identity_reviewcampaign WHERE id = NEW.campaign_id;
    IF (NEW.decision IN ('keep', 'withdraw') AND NEW.decided_at >= due)
       OR (NEW.decision IN ('lapsed', 'nobody', 'spared') AND NEW.decided_at < due) THEN
        RAISE EXCEPTION 'people decide before the due date, the clock from then on'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'review_item_is_decided_in_time';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER review_item_guard BEFORE UPDATE OR DELETE ON identity_reviewitem
    FOR EACH ROW EXECUTE FUNCTION identity_guard_review_item();

CREATE FUNCTION identity_guard_new_review_item() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.decision <> '' THEN
        RAISE EXCEPTION 'a role comes under review undecided'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'review_item_begins_undecided';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER review_item_guard_new BEFORE INSERT ON identity_reviewitem
    FOR EACH ROW EXECUTE FUNCTION identity_guard_new_review_item();
"""
ALLOW = """
DROP TRIGGER review_item_guard_new ON identity_reviewitem;
DROP TRIGGER review_item_guard ON identity_reviewitem;
DROP TRIGGER review_guard ON identity_reviewcampaign;
DROP FUNCTION identity_guard_new_review_item();
DROP FUNCTION identity_guard_review_item();
DROP FUNCTION identity_guard_review();
ALTER TABLE identity_reviewitem DROP CONSTRAINT review_item_names_the_holder;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('identity', '0004_role_proposals'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReviewCampaign',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('scope', models.CharField(choices=[('privileged', 'Privileged roles'), ('all', 'All roles')], max_length=10)),
                ('opened_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='ReviewItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('role', models.CharField(choices=[('requester', 'Requester'), ('approver', 'Approver'), ('finance', 'Finance'), ('quota_administrator', 'Quota administrator'), ('operator', 'Operator'), ('auditor', 'Auditor')], max_length=20)),
                ('issuer', models.URLField(blank=True, max_length=300)),
                ('decision', models.CharField(blank=True, choices=[('keep', 'Confirmed'), ('withdraw', 'Withdrawn'), ('lapsed', 'Lapsed: not confirmed in time'), ('ended', 'Ended meanwhile'), ('nobody', 'Kept: nobody could confirm it'), ('spared', 'Kept: last administrator')], max_length=10)),
                ('decided_at', models.DateTimeField(null=True)),
                ('reason', models.CharField(blank=True, max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name='ReviewReminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stage', models.CharField(choices=[('opened', 'Opened'), ('week', 'A week left'), ('day', 'A day left')], max_length=10)),
                ('created_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('sent_at', models.DateTimeField(null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
            ],
        ),
        migrations.AddConstraint(
            model_name='rolegrant',
            constraint=models.UniqueConstraint(fields=('id', 'person'), name='role_grant_known_together_with_person'),
        ),
        migrations.AddField(
            model_name='reviewcampaign',
            name='opened_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='reviewcampaign',
            name='root',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='identity.node'),
        ),
        migrations.AddField(
            model_name='reviewitem',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='items', to='identity.reviewcampaign'),
        ),
        migrations.AddField(
            model_name='reviewitem',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='reviewitem',
            name='grant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='identity.rolegrant'),
        ),
        migrations.AddField(
            model_name='reviewitem',
            name='node',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='identity.node'),
        ),
        migrations.AddField(
            model_name='reviewitem',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='reviewreminder',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reminders', to='identity.reviewcampaign'),
        ),
        migrations.AddField(
            model_name='reviewreminder',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='reviewcampaign',
            index=models.Index(fields=['root', 'opened_at'], name='review_by_root'),
        ),
        migrations.AddConstraint(
            model_name='reviewcampaign',
            constraint=models.CheckConstraint(condition=models.Q(('scope__in', ['privileged', 'all'])), name='review_scope_known'),
        ),
        migrations.AddConstraint(
            model_name='reviewcampaign',
            constraint=models.CheckConstraint(condition=models.Q(('due_at__gt', models.F('opened_at'))), name='review_is_due_after_it_opens'),
        ),
        migrations.AddConstraint(
            model_name='reviewcampaign',
            constraint=models.CheckConstraint(condition=models.Q(('closed_at', None), ('closed_at__gte', models.F('opened_at')), _connector='OR'), name='review_closes_after_it_opens'),
        ),
        migrations.AddConstraint(
            model_name='reviewcampaign',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at', None)), fields=('root', 'scope'), name='review_one_open_per_organization_and_scope'),
        ),
        migrations.AddIndex(
            model_name='reviewitem',
            index=models.Index(condition=models.Q(('decision', '')), fields=['campaign'], name='review_item_undecided'),
        ),
        migrations.AddConstraint(
            model_name='reviewitem',
            constraint=models.UniqueConstraint(fields=('campaign', 'grant'), name='review_item_one_per_grant_and_campaign'),
        ),
        migrations.AddConstraint(
            model_name='reviewitem',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['requester', 'approver', 'finance', 'quota_administrator', 'operator', 'auditor'])), name='review_item_role_known'),
        ),
        migrations.AddConstraint(
            model_name='reviewitem',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', None), models.Q(('decided_by', models.F('person')), _negated=True), _connector='OR'), name='review_item_decided_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='reviewitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('decision', ''), ('reason', '')), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), ('decision__in', ('keep', 'withdraw'))), models.Q(('decided_at__isnull', False), ('decision__in', ['keep', 'withdraw', 'lapsed', 'ended', 'nobody', 'spared']), ('decided_by', None), models.Q(('decision__in', ('keep', 'withdraw')), _negated=True)), _connector='OR'), name='review_item_decided_by_a_person_or_by_the_clock'),
        ),
        migrations.AddConstraint(
            model_name='reviewitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decision', 'withdraw'), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='review_item_withdrawal_has_a_reason'),
        ),
        migrations.AddIndex(
            model_name='reviewreminder',
            index=models.Index(condition=models.Q(('sent_at', None)), fields=['due_at'], name='review_reminder_unsent'),
        ),
        migrations.AddConstraint(
            model_name='reviewreminder',
            constraint=models.UniqueConstraint(fields=('campaign', 'person', 'stage'), name='review_reminder_one_per_reviewer_and_stage'),
        ),
        migrations.AddConstraint(
            model_name='reviewreminder',
            constraint=models.CheckConstraint(condition=models.Q(('stage__in', ['opened', 'week', 'day'])), name='review_reminder_stage_known'),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
