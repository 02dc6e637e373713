"""Blueprints: several things ordered as one.

What was ordered so, and which part needs which, is kept as it was asked. A part needs only parts
with an earlier position in the same whole, so nothing waits for itself by any way round.
"""

import uuid

import django.db.models.deletion
from django.db import migrations, models

PINNED = "SET search_path = pg_catalog, public, pg_temp"
FORBID = f"""
ALTER TABLE public.catalog_orderline ADD CONSTRAINT order_line_belongs_to_order_of_its_assembly
    FOREIGN KEY (assembly_id, order_id) REFERENCES public.catalog_assembly (id, order_id);

CREATE FUNCTION public.catalog_guard_assembly() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    RAISE EXCEPTION 'what was ordered as a whole is never changed or deleted'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_ARGV[0];
END $$;
CREATE TRIGGER assembly_append_only BEFORE UPDATE OR DELETE ON public.catalog_assembly
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_assembly('assembly_is_append_only');
CREATE TRIGGER line_need_append_only BEFORE UPDATE OR DELETE ON public.catalog_lineneed
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_assembly('line_need_is_append_only');

-- The lock keeps a decision outside until the need is there for the engine to see.
CREATE FUNCTION public.catalog_guard_line_need() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    PERFORM 1 FROM public.catalog_orderline AS line
        JOIN public.catalog_orderline AS needed ON needed.assembly_id = line.assembly_id
        JOIN public.catalog_order AS asked ON asked.id = line.order_id
        WHERE line.id = NEW.line_id AND needed.id = NEW.needed_id
            AND needed.position < line.position AND asked.state = 'pending_approval'
        FOR SHARE OF asked;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a part needs only parts that come before it in an undecided order'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'line_need_of_an_earlier_part_of_the_same_assembly';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER line_need_guard_new BEFORE INSERT ON public.catalog_lineneed
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_line_need();
"""
ALLOW = """
DROP TRIGGER line_need_guard_new ON public.catalog_lineneed;
DROP FUNCTION public.catalog_guard_line_need();
DROP TRIGGER line_need_append_only ON public.catalog_lineneed;
DROP TRIGGER assembly_append_only ON public.catalog_assembly;
DROP FUNCTION public.catalog_guard_assembly();
ALTER TABLE public.catalog_orderline DROP CONSTRAINT order_line_belongs_to_order_of_its_assembly;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0019_emergency_moves_no_money'),
    ]

    operations = [
        migrations.CreateModel(
            name='Assembly',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('name', models.CharField(max_length=63)),
                ('spec', models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name='LineNeed',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='step',
            name='step_fault_known',
        ),
        migrations.AddField(
            model_name='orderline',
            name='part',
            field=models.CharField(blank=True, db_default='', max_length=30),
        ),
        migrations.AddField(
            model_name='orderline',
            name='wiring',
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AlterField(
            model_name='step',
            name='fault',
            field=models.CharField(blank=True, choices=[('unavailable', 'The cloud does not answer.'), ('refused', 'The cloud refused this step.'), ('no_room', 'The cloud says that its quota is full.'), ('broken', 'What the cloud made does not work.'), ('too_slow', 'It takes longer than this step may take.'), ('wiring', 'What it takes of another part cannot be used.'), ('defect', 'Cloudloket made a mistake. Tell those who look after it.')], db_default='', max_length=12),
        ),
        migrations.AddConstraint(
            model_name='step',
            constraint=models.CheckConstraint(condition=models.Q(('fault__in', ['', 'unavailable', 'refused', 'no_room', 'broken', 'too_slow', 'wiring', 'defect'])), name='step_fault_known'),
        ),
        migrations.AddField(
            model_name='assembly',
            name='offering_version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='catalog.offeringversion'),
        ),
        migrations.AddField(
            model_name='assembly',
            name='order',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='assemblies', to='catalog.order'),
        ),
        migrations.AddField(
            model_name='orderline',
            name='assembly',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='lines', to='catalog.assembly'),
        ),
        migrations.AddConstraint(
            model_name='orderline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('assembly', None), ('part', ''), ('wiring', {})), models.Q(('assembly__isnull', False), ('changes', None), models.Q(('part', ''), _negated=True)), _connector='OR'), name='order_line_of_an_assembly_is_a_part_of_it'),
        ),
        migrations.AddConstraint(
            model_name='orderline',
            constraint=models.UniqueConstraint(fields=('assembly', 'part'), name='order_line_one_per_part_of_an_assembly'),
        ),
        migrations.AddField(
            model_name='lineneed',
            name='line',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='needs', to='catalog.orderline'),
        ),
        migrations.AddField(
            model_name='lineneed',
            name='needed',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='needed_by', to='catalog.orderline'),
        ),
        migrations.AddConstraint(
            model_name='assembly',
            constraint=models.UniqueConstraint(fields=('id', 'order'), name='assembly_known_with_its_order'),
        ),
        migrations.AddConstraint(
            model_name='lineneed',
            constraint=models.UniqueConstraint(fields=('line', 'needed'), name='line_need_one_per_pair_of_lines'),
        ),
        migrations.AddConstraint(
            model_name='lineneed',
            constraint=models.CheckConstraint(condition=models.Q(('line', models.F('needed')), _negated=True), name='line_need_of_another_line'),
        ),
        migrations.RunSQL(FORBID, ALLOW),
    ]
