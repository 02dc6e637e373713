"""Files that finance wants by the clock. What was made is never changed; its content may go."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
GUARD = f"""
CREATE FUNCTION public.billing_guard_scheduled_file() RETURNS trigger
    LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.public_id = OLD.public_id AND NEW.schedule_id = OLD.schedule_id
        AND NEW.day = OLD.day
        AND (OLD.state = 'waiting' OR (
            OLD.state = 'ready' AND NEW.state = 'removed'
            AND to_jsonb(NEW) - 'state' = to_jsonb(OLD) - 'state'
        ))
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a file that was made stays as it is, and is made once'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'scheduled_file_stays_as_made';
END $$;
CREATE TRIGGER scheduled_file_stays_as_made BEFORE UPDATE OR DELETE ON billing_scheduledfile
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_scheduled_file();

CREATE FUNCTION public.billing_guard_scheduled_file_part() RETURNS trigger
    LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    IF TG_OP = 'INSERT' AND EXISTS (
        SELECT FROM billing_scheduledfile WHERE id = NEW.file_id AND state = 'waiting'
    ) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' AND EXISTS (
        SELECT FROM billing_scheduledfile WHERE id = OLD.file_id AND state = 'removed'
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the content of a file stays as it was made, until all of it is removed'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'scheduled_file_part_stays_as_made';
END $$;
CREATE TRIGGER scheduled_file_part_stays_as_made
    BEFORE INSERT OR UPDATE OR DELETE ON billing_scheduledfilepart
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_scheduled_file_part();

CREATE FUNCTION public.billing_guard_file_schedule() RETURNS trigger
    LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.ended_at IS NULL
        AND to_jsonb(NEW) - '{{ended_by_id,ended_at}}'::text[]
            = to_jsonb(OLD) - '{{ended_by_id,ended_at}}'::text[]
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what files are made stays as it was set up, until it ends'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'file_schedule_stays_as_set_up';
END $$;
CREATE TRIGGER file_schedule_stays_as_set_up BEFORE UPDATE OR DELETE ON billing_fileschedule
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_file_schedule();

CREATE TRIGGER file_schedule_never_truncated BEFORE TRUNCATE ON billing_fileschedule
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();
CREATE TRIGGER scheduled_file_never_truncated BEFORE TRUNCATE ON billing_scheduledfile
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();
CREATE TRIGGER scheduled_file_part_never_truncated BEFORE TRUNCATE ON billing_scheduledfilepart
    FOR EACH STATEMENT EXECUTE FUNCTION public.billing_refuse_change();
"""
# The tables go with the migration, and their triggers with them.
ALLOW = """
DROP FUNCTION public.billing_guard_file_schedule() CASCADE;
DROP FUNCTION public.billing_guard_scheduled_file_part() CASCADE;
DROP FUNCTION public.billing_guard_scheduled_file() CASCADE;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0020_tags'),
        ('identity', '0018_links_that_wait_may_end'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='FileSchedule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('kind', models.CharField(choices=[('focus_csv', 'Every charge (FOCUS, CSV)'), ('focus_parquet', 'Every charge (FOCUS, Parquet)'), ('journal', 'Journal lines (CSV)'), ('costs', 'Costs per service (XLSX)')], max_length=16)),
                ('rhythm', models.CharField(choices=[('daily', 'Every day, of the month so far'), ('closing', 'After a month is closed')], max_length=8)),
                ('kept_days', models.PositiveSmallIntegerField()),
                ('set_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='file_schedules', to='identity.organization')),
                ('set_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='ScheduledFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('day', models.DateField()),
                ('state', models.CharField(choices=[('waiting', 'Being made'), ('ready', 'Ready'), ('removed', 'Removed')], default='waiting', max_length=8)),
                ('due_at', models.DateTimeField()),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('made_at', models.DateTimeField(null=True)),
                ('remove_on', models.DateField(null=True)),
                ('size', models.BigIntegerField(null=True)),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('schedule', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='files', to='billing.fileschedule')),
            ],
        ),
        migrations.CreateModel(
            name='ScheduledFilePart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('content', models.BinaryField()),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='parts', to='billing.scheduledfile')),
            ],
        ),
        migrations.AddConstraint(
            model_name='fileschedule',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('organization', 'kind', 'rhythm'), name='file_schedule_is_set_up_once'),
        ),
        migrations.AddConstraint(
            model_name='fileschedule',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['focus_csv', 'focus_parquet', 'journal', 'costs']), ('rhythm__in', ['daily', 'closing'])), name='file_schedule_of_known_words'),
        ),
        migrations.AddConstraint(
            model_name='fileschedule',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'journal'), _negated=True), ('rhythm', 'closing'), _connector='OR'), name='file_schedule_journal_is_of_closed_months'),
        ),
        migrations.AddConstraint(
            model_name='fileschedule',
            constraint=models.CheckConstraint(condition=models.Q(('kept_days__gte', 1), ('kept_days__lte', 3660)), name='file_schedule_keeps_for_some_days'),
        ),
        migrations.AddConstraint(
            model_name='fileschedule',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('ended_by', None)), models.Q(('ended_at__isnull', False), ('ended_by__isnull', False)), _connector='OR'), name='file_schedule_end_names_who_and_when'),
        ),
        migrations.AddIndex(
            model_name='scheduledfile',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['due_at'], name='scheduled_file_waiting'),
        ),
        migrations.AddIndex(
            model_name='scheduledfile',
            index=models.Index(condition=models.Q(('state', 'ready')), fields=['remove_on'], name='scheduled_file_to_remove'),
        ),
        migrations.AddConstraint(
            model_name='scheduledfile',
            constraint=models.UniqueConstraint(fields=('schedule', 'day'), name='scheduled_file_is_made_once'),
        ),
        migrations.AddConstraint(
            model_name='scheduledfile',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('made_at', None), ('remove_on', None), ('sha256', ''), ('size', None), ('state', 'waiting')), models.Q(('made_at__isnull', False), ('remove_on__isnull', False), ('sha256__regex', '^[0-9a-f]{64}$'), ('size__gt', 0), ('state__in', ['ready', 'removed'])), _connector='OR'), name='scheduled_file_is_whole_or_not_there'),
        ),
        migrations.AddConstraint(
            model_name='scheduledfilepart',
            constraint=models.UniqueConstraint(fields=('file', 'position'), name='scheduled_file_part_has_its_own_position'),
        ),
        migrations.RunSQL(GUARD, ALLOW),
    ]
