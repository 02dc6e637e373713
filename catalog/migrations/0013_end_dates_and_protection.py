"""What the clock does about end dates, and what nobody cleans up.

A resource that is protected does not begin to go, not even in the statement that ends its
protection. What the clock saw of an end date stays: it is settled once, and only gives more time.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


PINNED = "SET search_path = pg_catalog, public, pg_temp"
FORBID = f"""
CREATE FUNCTION public.catalog_guard_protection() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    RAISE EXCEPTION 'what is protected is not cleaned up'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'resource_protected_is_not_cleaned_up';
END $$;
CREATE TRIGGER resource_guard_protection BEFORE UPDATE OF state ON public.catalog_resource
    FOR EACH ROW WHEN (OLD.is_protected AND NEW.state IN ('retiring', 'retired'))
    EXECUTE FUNCTION public.catalog_guard_protection();

CREATE FUNCTION public.catalog_guard_ending() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'that a term has ended is never deleted'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'ending_is_never_deleted';
    END IF;
    IF OLD.state <> 'open' THEN
        RAISE EXCEPTION 'an ending that is settled stays settled'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'ending_that_is_settled_stays_settled';
    END IF;
    IF (NEW.id, NEW.resource_id, NEW.end_date, NEW.began_at)
       IS DISTINCT FROM (OLD.id, OLD.resource_id, OLD.end_date, OLD.began_at) THEN
        RAISE EXCEPTION 'what ended, and when, never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'ending_never_changes';
    END IF;
    IF NEW.clean_up_on < OLD.clean_up_on THEN
        RAISE EXCEPTION 'the day that people were told does not come sooner'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'ending_cleans_up_no_sooner';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ending_guard BEFORE UPDATE OR DELETE ON public.catalog_ending
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_ending();

CREATE FUNCTION public.catalog_guard_end_reminder() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.id, NEW.resource_id, NEW.end_date, NEW.days, NEW.created_at)
       IS DISTINCT FROM (OLD.id, OLD.resource_id, OLD.end_date, OLD.days, OLD.created_at) THEN
        RAISE EXCEPTION 'a reminder stays as it was written'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'end_reminder_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER end_reminder_guard BEFORE UPDATE OR DELETE ON public.catalog_endreminder
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_end_reminder();
"""
ALLOW = """
DROP TRIGGER end_reminder_guard ON public.catalog_endreminder;
DROP FUNCTION public.catalog_guard_end_reminder();
DROP TRIGGER ending_guard ON public.catalog_ending;
DROP FUNCTION public.catalog_guard_ending();
DROP TRIGGER resource_guard_protection ON public.catalog_resource;
DROP FUNCTION public.catalog_guard_protection();
"""


class Migration(migrations.Migration):

    dependencies = [
        ("catalog", "0012_operation_queue_known"),
        ('cloud', '0001_initial'),
        ('identity', '0013_logout_orders'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Ending',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('end_date', models.DateField()),
                ('began_at', models.DateTimeField()),
                ('handled_at', models.DateTimeField(null=True)),
                ('clean_up_on', models.DateField()),
                ('state', models.CharField(choices=[('open', 'Term has ended'), ('withdrawn', 'Withdrawn'), ('cleaned_up', 'Cleaned up')], default='open', max_length=10)),
                ('settled_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='EndReminder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField()),
                ('due_at', models.DateTimeField()),
                ('sent_at', models.DateTimeField(null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('end_date', models.DateField()),
                ('days', models.PositiveSmallIntegerField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='operation',
            name='operation_cancellation_names_who_and_when',
        ),
        migrations.AddField(
            model_name='offeringversion',
            name='grace_days',
            field=models.PositiveSmallIntegerField(db_default=14, default=14),
        ),
        migrations.AddField(
            model_name='resource',
            name='is_protected',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddIndex(
            model_name='resource',
            index=models.Index(condition=models.Q(('end_date__isnull', False), ('state', 'active')), fields=['end_date'], name='resource_by_end_date'),
        ),
        migrations.AddConstraint(
            model_name='offeringversion',
            constraint=models.CheckConstraint(condition=models.Q(('grace_days__gte', 1)), name='offering_version_leaves_a_day_of_grace'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('cancel_requested_at', None), ('cancel_requested_by', None)), models.Q(('cancel_requested_at__isnull', False), ('cancel_requested_by__isnull', False)), models.Q(('cancel_requested_at__isnull', False), ('requested_by', None)), _connector='OR'), name='operation_cancellation_names_who_and_when'),
        ),
        migrations.AddConstraint(
            model_name='resource',
            constraint=models.CheckConstraint(condition=models.Q(('is_protected', False), models.Q(('state__in', ['retiring', 'retired']), _negated=True), _connector='OR'), name='resource_protected_is_not_cleaned_up'),
        ),
        migrations.AddField(
            model_name='ending',
            name='resource',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='endings', to='catalog.resource'),
        ),
        migrations.AddField(
            model_name='ending',
            name='stop',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.operation'),
        ),
        migrations.AddField(
            model_name='endreminder',
            name='resource',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='end_reminders', to='catalog.resource'),
        ),
        migrations.AddConstraint(
            model_name='ending',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('resource',), name='ending_one_open_per_resource'),
        ),
        migrations.AddConstraint(
            model_name='ending',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['open', 'withdrawn', 'cleaned_up'])), name='ending_state_known'),
        ),
        migrations.AddConstraint(
            model_name='ending',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('settled_at', None), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('settled_at__isnull', False)), _connector='OR'), name='ending_settled_has_a_time'),
        ),
        migrations.AddConstraint(
            model_name='ending',
            constraint=models.CheckConstraint(condition=models.Q(('stop', None), ('handled_at__isnull', False), _connector='OR'), name='ending_stopped_was_handled'),
        ),
        migrations.AddConstraint(
            model_name='ending',
            constraint=models.CheckConstraint(condition=models.Q(('clean_up_on__gt', models.F('end_date'))), name='ending_cleans_up_after_the_term'),
        ),
        migrations.AddIndex(
            model_name='endreminder',
            index=models.Index(condition=models.Q(('sent_at', None)), fields=['due_at'], name='end_reminder_unsent'),
        ),
        migrations.AddConstraint(
            model_name='endreminder',
            constraint=models.UniqueConstraint(fields=('resource', 'end_date', 'days'), name='end_reminder_one_per_end_date_and_days'),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
