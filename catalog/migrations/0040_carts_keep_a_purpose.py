"""What was said of a cart is kept until it is sent."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0039_indexes_of_claim_lines'),
    ]

    operations = [
        migrations.AddField(
            model_name='cart',
            name='purpose',
            field=models.CharField(blank=True, db_default='', default='', max_length=300),
        ),
    ]
