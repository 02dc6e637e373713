"""A rule about approving may name one offering: all versions of it, and nothing else."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0027_access_withdrawn'),
    ]

    operations = [
        migrations.AddField(
            model_name='approvalruleversion',
            name='offering',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rule_versions', to='catalog.offering'),
        ),
        migrations.AddConstraint(
            model_name='approvalruleversion',
            constraint=models.CheckConstraint(condition=models.Q(('offering', None), ('kinds', []), _connector='OR'), name='approval_rule_of_an_offering_names_no_kinds'),
        ),
    ]
