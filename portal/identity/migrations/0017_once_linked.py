"""Who was ever taken for one human is no second pair of eyes for the other; addresses per login.

A link that was undone says that two people once found these to be one human. What the one asked for
meanwhile, with the login of the other, must not be decided on by that other. So
``identity_logins_of`` follows every link that was granted, whatever became of it since, and the
triggers called ``..._by_another_human`` and ``four_eyes`` ask it.

A person's address is that of the last login. Each login keeps its own too, for four eyes.
"""

from django.db import migrations, models

FORBID = """
CREATE FUNCTION identity_logins_of(people bigint[]) RETURNS SETOF bigint
    LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    WITH RECURSIVE human (id) AS (
        SELECT unnest(people)
        UNION
        SELECT CASE human.id WHEN link.holder_id THEN link.receiver_id ELSE link.holder_id END
        FROM human JOIN public.identity_linkproposal AS link
            ON link.state = 'granted' AND human.id IN (link.holder_id, link.receiver_id)
    )
    SELECT id FROM human WHERE id IS NOT NULL
$$;
CREATE OR REPLACE FUNCTION identity_guard_other_humans() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- The arguments are the columns of the people; one person in two of them is another rule's.
    IF EXISTS (
        WITH person AS (
            SELECT DISTINCT (to_jsonb(NEW) ->> given.name)::bigint AS id
            FROM unnest(TG_ARGV) AS given (name))
        SELECT 1 FROM person AS one JOIN person AS other ON one.id < other.id
        WHERE other.id IN (SELECT public.identity_logins_of(ARRAY[one.id]))) THEN
        RAISE EXCEPTION 'two logins of one human are not two pairs of eyes'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;
"""
ALLOW = """
CREATE OR REPLACE FUNCTION identity_guard_other_humans() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (SELECT count(DISTINCT person.id) > count(DISTINCT COALESCE(person.joined_into_id, person.id))
        FROM unnest(TG_ARGV) AS given (name)
        JOIN identity_person AS person ON person.id = (to_jsonb(NEW) ->> given.name)::bigint) THEN
        RAISE EXCEPTION 'two logins of one human are not two pairs of eyes'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;
DROP FUNCTION identity_logins_of(bigint[]);
"""
KNOWN_ADDRESSES = """
UPDATE identity_identity AS identity SET email = person.email
FROM identity_person AS person WHERE person.id = identity.person_id AND person.email <> '';
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0016_one_identity_to_begin_with")]
    operations = [
        migrations.RunSQL(FORBID, ALLOW),
        migrations.AddField(
            model_name="identity",
            name="email",
            field=models.EmailField(blank=True, default="", max_length=254),
            preserve_default=False,
        ),
        migrations.RunSQL(KNOWN_ADDRESSES, migrations.RunSQL.noop),
    ]
