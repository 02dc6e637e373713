"""Seals of a chain are numbered, so that an older one that is removed is missed.

Those that are there get a number that their HMAC does not cover; that of the next one does.
"""

from django.db import migrations, models

NUMBER = """
ALTER TABLE audit_auditseal DISABLE TRIGGER audit_seal_append_only;
UPDATE audit_auditseal seal SET number = counted.number
  FROM (SELECT id, row_number() OVER (PARTITION BY chain ORDER BY begins) AS number
          FROM audit_auditseal) counted
 WHERE counted.id = seal.id;
ALTER TABLE audit_auditseal ENABLE TRIGGER audit_seal_append_only;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_refusals_counted_per_node")]

    operations = [
        migrations.AddField(
            model_name="auditseal",
            name="number",
            field=models.PositiveIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.RunSQL(NUMBER, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="auditseal",
            constraint=models.UniqueConstraint(
                fields=["chain", "number"], name="audit_seal_one_per_number_in_chain"
            ),
        ),
    ]
