"""What is measured of a SKU has no price but per what the cloud counts.

At another one the amounts would be those of another quantity: traffic per month, or what is stored
per GiB that passed. Whether something is measured of a SKU is known here once it was.
"""

from django.db import migrations

PINNED = "SET search_path = pg_catalog, public, pg_temp"
FIT = f"""
CREATE FUNCTION public.billing_guard_unit() RETURNS trigger LANGUAGE plpgsql {PINNED} AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.billing_measureduse
        WHERE sku_id = NEW.sku_id
            AND NEW.unit <> CASE measure WHEN 'stored' THEN 'gib_month' ELSE 'gib' END
    ) THEN
        RAISE EXCEPTION 'what the cloud counts is priced per what it counts'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'price_unit_fits_what_is_measured';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER price_unit_fits_what_is_measured BEFORE INSERT ON billing_price
    FOR EACH ROW EXECUTE FUNCTION public.billing_guard_unit();
"""
ANY = """
DROP TRIGGER price_unit_fits_what_is_measured ON billing_price;
DROP FUNCTION public.billing_guard_unit();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0027_default_prices_of_closed_months")]
    operations = [migrations.RunSQL(FIT, ANY)]
