"""The lines of a claim go when it is released: they told what it held, and were read for nothing."""

from django.db import migrations

FORGET = """
DELETE FROM public.catalog_quotaclaimline AS line
USING public.catalog_quotaclaim AS claim
WHERE claim.id = line.claim_id AND claim.state = 'released'
"""


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0041_requests_wait_per_person'),
    ]

    operations = [migrations.RunSQL(FORGET, migrations.RunSQL.noop)]
