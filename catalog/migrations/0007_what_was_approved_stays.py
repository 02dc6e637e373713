"""What somebody approved is what is delivered.

An order keeps what was asked and follows the table of its states. A line is added only while
its order waits for a decision, and never changes. Every resource comes from a line.
"""

from django.db import migrations, models

# As ORDER_TRANSITIONS in catalog/models/order.py on this day. A test compares that with the
# database: who changes the one writes a migration for the other.
TRANSITIONS = [
    ("pending_approval", "provisioning"),
    ("pending_approval", "rejected"),
    ("pending_approval", "withdrawn"),
    ("pending_approval", "expired"),
    ("provisioning", "completed"),
    ("provisioning", "failed"),
    ("failed", "provisioning"),
    ("failed", "canceled"),
]
PINNED = "SET search_path = pg_catalog, public, pg_temp"
FORBID = f"""
CREATE FUNCTION public.catalog_order_may_become(current_state text, target text) RETURNS boolean
    LANGUAGE sql IMMUTABLE {PINNED} AS $$
    SELECT (current_state, target) IN ({", ".join(map(str, TRANSITIONS))})
$$;

CREATE FUNCTION public.catalog_guard_order_change() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    IF (NEW.id, NEW.public_id, NEW.number, NEW.project_id, NEW.purpose, NEW.idempotency_key,
        NEW.fingerprint, NEW.submitted_at, NEW.monthly_price, NEW.conditions)
       IS DISTINCT FROM
       (OLD.id, OLD.public_id, OLD.number, OLD.project_id, OLD.purpose, OLD.idempotency_key,
        OLD.fingerprint, OLD.submitted_at, OLD.monthly_price, OLD.conditions)
    THEN
        RAISE EXCEPTION 'what was asked in an order never changes'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_keeps_what_was_asked';
    END IF;
    IF NEW.state <> OLD.state AND NOT public.catalog_order_may_become(OLD.state, NEW.state) THEN
        RAISE EXCEPTION 'an order does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_goes_only_where_its_state_leads';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_guard_change BEFORE UPDATE ON public.catalog_order
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_order_change();

CREATE FUNCTION public.catalog_guard_order_line() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    RAISE EXCEPTION 'a line of an order is never changed or deleted'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'order_line_is_append_only';
END $$;
CREATE TRIGGER order_line_append_only BEFORE UPDATE OR DELETE ON public.catalog_orderline
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_order_line();

-- The lock keeps a decision outside until the line is there for the approver to see.
CREATE FUNCTION public.catalog_guard_new_order_line() RETURNS trigger LANGUAGE plpgsql
    {PINNED} AS $$
BEGIN
    PERFORM 1 FROM public.catalog_order
        WHERE id = NEW.order_id AND state = 'pending_approval' FOR SHARE;
    IF NOT FOUND OR EXISTS (SELECT 1 FROM public.catalog_approval WHERE order_id = NEW.order_id)
    THEN
        RAISE EXCEPTION 'nothing is added to an order that was decided on'
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'order_line_belongs_to_an_undecided_order';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER order_line_guard_new BEFORE INSERT ON public.catalog_orderline
    FOR EACH ROW EXECUTE FUNCTION public.catalog_guard_new_order_line();
"""
ALLOW = """
DROP TRIGGER order_line_guard_new ON public.catalog_orderline;
DROP FUNCTION public.catalog_guard_new_order_line();
DROP TRIGGER order_line_append_only ON public.catalog_orderline;
DROP FUNCTION public.catalog_guard_order_line();
DROP TRIGGER order_guard_change ON public.catalog_order;
DROP FUNCTION public.catalog_guard_order_change();
DROP FUNCTION public.catalog_order_may_become(text, text);
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0006_approval_given_by_a_person")]
    operations = [
        migrations.RunSQL(FORBID, ALLOW),
        migrations.AddConstraint(
            model_name="resource",
            constraint=models.CheckConstraint(
                condition=models.Q(("order_line__isnull", False)),
                name="resource_comes_from_an_order",
            ),
        ),
    ]
