"""Where portal and cloud disagree, and the repairs of it that take two operators."""

import catalog.models.resource
import django.contrib.postgres.indexes
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

FORBID = """
CREATE FUNCTION public.catalog_guard_difference() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.state = 'suspected' THEN
        RETURN OLD;  -- seen once, and never by people
    END IF;
    IF TG_OP = 'DELETE' OR OLD.state = 'solved' THEN
        RAISE EXCEPTION 'a difference is solved, never deleted, and then stays as it was'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'difference_that_is_solved_stays_solved';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER difference_guard BEFORE UPDATE OR DELETE ON public.catalog_difference
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_difference();

CREATE FUNCTION public.catalog_guard_new_repair() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.state <> 'proposed' THEN
        RAISE EXCEPTION 'a repair begins by waiting for a decision'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'drift_repair_begins_waiting';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER drift_repair_guard_new BEFORE INSERT ON public.catalog_driftrepair
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_new_repair();

CREATE FUNCTION public.catalog_guard_repair() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'proposed' THEN
        RAISE EXCEPTION 'a repair that is settled stays, and so does one that waits'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'drift_repair_that_is_settled_stays_settled';
    END IF;
    IF (NEW.public_id, NEW.difference_id, NEW.action, NEW.reason, NEW.proposed_by_id,
        NEW.proposed_at)
       IS DISTINCT FROM
       (OLD.public_id, OLD.difference_id, OLD.action, OLD.reason, OLD.proposed_by_id,
        OLD.proposed_at) THEN
        RAISE EXCEPTION 'what was proposed never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'drift_repair_never_changes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER drift_repair_guard BEFORE UPDATE OR DELETE ON public.catalog_driftrepair
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_repair();
"""
ALLOW = """
DROP TRIGGER drift_repair_guard ON public.catalog_driftrepair;
DROP TRIGGER drift_repair_guard_new ON public.catalog_driftrepair;
DROP TRIGGER difference_guard ON public.catalog_difference;
DROP FUNCTION public.catalog_guard_repair();
DROP FUNCTION public.catalog_guard_new_repair();
DROP FUNCTION public.catalog_guard_difference();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0010_solved_and_stopped'),
        ('cloud', '0001_initial'),
        ('identity', '0007_one_organization_per_number'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CloudLook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('due_at', models.DateTimeField()),
                ('began_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('resources', models.PositiveIntegerField(default=0)),
                ('things', models.PositiveIntegerField(default=0)),
                ('pages', models.PositiveIntegerField(default=0)),
                ('unanswered', models.JSONField(default=list)),
            ],
        ),
        migrations.CreateModel(
            name='Difference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('kind', models.CharField(choices=[('missing', 'Gone from the cloud'), ('charged_but_absent', 'Gone from the cloud, and still charged'), ('unknown', 'Not ordered'), ('not_charged', 'In the cloud, and not charged'), ('duplicate', 'Second copy'), ('differs', 'Other than ordered')], max_length=20)),
                ('listing', models.CharField(max_length=20)),
                ('part', models.CharField(blank=True, max_length=40)),
                ('field', models.CharField(blank=True, max_length=40)),
                ('openstack_id', models.CharField(blank=True, max_length=256)),
                ('name', models.CharField(blank=True, max_length=255)),
                ('ours', models.CharField(blank=True, max_length=1000)),
                ('theirs', models.CharField(blank=True, max_length=1000)),
                ('state', models.CharField(choices=[('suspected', 'Seen once'), ('open', 'Open'), ('ignored', 'Ignored for now'), ('solved', 'Solved')], default='suspected', max_length=10)),
                ('first_seen_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
                ('solved_at', models.DateTimeField(null=True)),
                ('ignored_until', models.DateTimeField(null=True)),
                ('ignored_because', models.CharField(blank=True, max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name='DriftRepair',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('action', models.CharField(choices=[('retire', 'Close it'), ('charge', 'Charge it from now on')], max_length=10)),
                ('reason', models.CharField(max_length=300)),
                ('proposed_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('proposed', 'Waits for a second operator'), ('confirmed', 'Carried out'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], default='proposed', max_length=10)),
                ('decided_at', models.DateTimeField(null=True)),
                ('decision_reason', models.CharField(blank=True, max_length=300)),
            ],
        ),
        migrations.AddIndex(
            model_name='resource',
            index=django.contrib.postgres.indexes.GinIndex(catalog.models.resource.CloudIdList(), name='resource_by_cloud_id'),
        ),
        migrations.AddField(
            model_name='cloudlook',
            name='cloud',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='look', to='cloud.cloud'),
        ),
        migrations.AddField(
            model_name='difference',
            name='cloud',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='cloud.cloud'),
        ),
        migrations.AddField(
            model_name='difference',
            name='ignored_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='difference',
            name='project',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='differences', to='identity.project'),
        ),
        migrations.AddField(
            model_name='difference',
            name='resource',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='differences', to='catalog.resource'),
        ),
        migrations.AddField(
            model_name='driftrepair',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='driftrepair',
            name='difference',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='repairs', to='catalog.difference'),
        ),
        migrations.AddField(
            model_name='driftrepair',
            name='proposed_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='cloudlook',
            index=models.Index(fields=['due_at'], name='cloud_look_due'),
        ),
        migrations.AddIndex(
            model_name='difference',
            index=models.Index(fields=['project', 'state', 'kind'], name='difference_by_project'),
        ),
        migrations.AddIndex(
            model_name='difference',
            index=models.Index(condition=models.Q(('state', 'solved'), _negated=True), fields=['cloud', 'listing', 'last_seen_at'], name='difference_living'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'solved'), _negated=True), fields=('cloud', 'resource', 'kind', 'listing', 'part', 'field', 'openstack_id'), name='difference_one_at_a_time', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['missing', 'charged_but_absent', 'unknown', 'not_charged', 'duplicate', 'differs'])), name='difference_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['suspected', 'open', 'ignored', 'solved'])), name='difference_state_known'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('solved_at__isnull', False), ('state', 'solved')), models.Q(models.Q(('state', 'solved'), _negated=True), ('solved_at', None)), _connector='OR'), name='difference_solved_has_a_time'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'ignored'), _negated=True), models.Q(('ignored_by__isnull', False), ('ignored_until__isnull', False), models.Q(('ignored_because', ''), _negated=True)), _connector='OR'), name='difference_ignored_by_somebody_until_a_day_for_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.CheckConstraint(condition=models.Q(('resource__isnull', False), ('kind', 'unknown'), _connector='OR'), name='difference_is_about_a_resource_or_unknown'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.CheckConstraint(condition=models.Q(('last_seen_at__gte', models.F('first_seen_at'))), name='difference_seen_last_after_first'),
        ),
        migrations.AddConstraint(
            model_name='driftrepair',
            constraint=models.CheckConstraint(condition=models.Q(('action__in', ['retire', 'charge'])), name='drift_repair_action_known'),
        ),
        migrations.AddConstraint(
            model_name='driftrepair',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['proposed', 'confirmed', 'refused', 'withdrawn'])), name='drift_repair_state_known'),
        ),
        migrations.AddConstraint(
            model_name='driftrepair',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='drift_repair_proposed_for_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='driftrepair',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by', None), ('state', 'withdrawn'), models.Q(('decided_by', models.F('proposed_by')), _negated=True), _connector='OR'), name='drift_repair_decided_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='driftrepair',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('state', 'proposed')), models.Q(models.Q(('state', 'proposed'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='drift_repair_decision_names_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='driftrepair',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('decision_reason', ''), _negated=True), _connector='OR'), name='drift_repair_refusal_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='driftrepair',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'proposed')), fields=('difference',), name='drift_repair_one_waits_per_difference'),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
