"""What a resource was made from, and what was answered to the questions of an action.

A resource is made from what runs in its own project and cloud, and that stays as long as it is
needed. Neither that nor an answer ever changes.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
FORBID = f"""
-- The lock keeps who cleans the source up outside until the row is there for them to see.
CREATE FUNCTION public.catalog_guard_derivation() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        RAISE EXCEPTION 'what a resource was made from never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'derivation_is_append_only';
    END IF;
    PERFORM 1 FROM public.catalog_resource AS source
        JOIN public.catalog_resource AS made ON made.cloud_project_id = source.cloud_project_id
        WHERE source.id = NEW.source_id AND made.id = NEW.resource_id
            AND source.state = 'active'
        FOR NO KEY UPDATE OF source;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a resource is made from what runs in its own project'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'derivation_runs_in_the_same_project';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER derivation_guard BEFORE INSERT OR UPDATE OR DELETE ON public.catalog_derivation
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_derivation();

CREATE FUNCTION public.catalog_guard_source() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF EXISTS (SELECT FROM public.catalog_derivation AS derivation
               JOIN public.catalog_resource AS made ON made.id = derivation.resource_id
               WHERE derivation.source_id = NEW.id AND made.state <> 'retired'
                   AND (derivation.is_needed OR made.state IN ('provisioning', 'failed'))) THEN
        RAISE EXCEPTION 'what another resource needs is not cleaned up'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'resource_needed_by_another_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER resource_guard_source BEFORE UPDATE OF state ON public.catalog_resource
    FOR EACH ROW WHEN (NEW.state IN ('retiring', 'retired') AND NEW.state <> OLD.state)
    EXECUTE FUNCTION public.catalog_guard_source();

CREATE FUNCTION public.catalog_guard_answers() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    RAISE EXCEPTION 'what was answered never changes'
        USING ERRCODE = 'integrity_constraint_violation',
              CONSTRAINT = 'operation_keeps_its_answers';
END $$;
CREATE TRIGGER operation_guard_answers BEFORE UPDATE OF answers ON public.catalog_operation
    FOR EACH ROW WHEN (NEW.answers IS DISTINCT FROM OLD.answers)
    EXECUTE FUNCTION public.catalog_guard_answers();
"""
ALLOW = """
DROP TRIGGER operation_guard_answers ON public.catalog_operation;
DROP FUNCTION public.catalog_guard_answers();
DROP TRIGGER resource_guard_source ON public.catalog_resource;
DROP FUNCTION public.catalog_guard_source();
DROP TRIGGER derivation_guard ON public.catalog_derivation;
DROP FUNCTION public.catalog_guard_derivation();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0019_emergency_moves_no_money'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Derivation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('question', models.CharField(max_length=40)),
                ('is_needed', models.BooleanField()),
            ],
        ),
        migrations.AddField(
            model_name='operation',
            name='answers',
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'act'), ('answers', {}), _connector='OR'), name='operation_only_actions_have_answers'),
        ),
        migrations.AddField(
            model_name='derivation',
            name='resource',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='derivations', to='catalog.resource'),
        ),
        migrations.AddField(
            model_name='derivation',
            name='source',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='derived', to='catalog.resource'),
        ),
        migrations.AddConstraint(
            model_name='derivation',
            constraint=models.UniqueConstraint(fields=('resource', 'question'), name='derivation_one_per_question'),
        ),
        migrations.AddConstraint(
            model_name='derivation',
            constraint=models.CheckConstraint(condition=models.Q(('resource', models.F('source')), _negated=True), name='derivation_is_another_resource'),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
