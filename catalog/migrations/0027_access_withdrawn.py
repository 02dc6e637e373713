"""Access is withdrawn beside other work on the resource; and that moves no money either."""

from django.conf import settings
from django.db import migrations, models

NEW_SOLUTION = """
CREATE OR REPLACE FUNCTION public.catalog_guard_new_solution() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.state <> 'proposed' THEN
        RAISE EXCEPTION 'a solution begins by waiting'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'solution_begins_waiting';
    END IF;
    IF NEW.moves_money IS DISTINCT FROM (SELECT kind NOT IN ({kinds})
                                         FROM public.catalog_operation
                                         WHERE id = NEW.operation_id) THEN
        RAISE EXCEPTION 'only what a person has done to a resource as it is moves no money'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'solution_knows_whether_it_moves_money';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0026_each_yes_of_another_human'),
        ('cloud', '0003_secrets_about_something'),
        ('identity', '0018_links_that_wait_may_end'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='operation',
            name='operation_one_open_per_resource',
        ),
        migrations.AlterField(
            model_name='operation',
            name='kind',
            field=models.CharField(choices=[('provision', 'Deliver'), ('change', 'Change'), ('act', 'Action'), ('retire', 'Clean up'), ('compensate', 'Undo'), ('revert', 'Undo the change'), ('recreate', 'Make again'), ('withdraw', 'Withdraw access')], max_length=12),
        ),
        migrations.AddIndex(
            model_name='resource',
            index=models.Index(condition=models.Q(('facts__has_key', 'credentials'), ('state__in', ['active', 'retiring'])), fields=['id'], name='resource_by_credentials'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['running', 'failed']), models.Q(('kind', 'withdraw'), _negated=True)), fields=('resource',), name='operation_one_open_per_resource'),
        ),
        migrations.AddConstraint(
            model_name='operation',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'withdraw'), ('state__in', ['running', 'failed'])), fields=('resource',), name='operation_one_withdrawal_per_resource'),
        ),
        migrations.RunSQL(
            NEW_SOLUTION.format(kinds="'act', 'withdraw'"), NEW_SOLUTION.format(kinds="'act'")
        ),
    ]
