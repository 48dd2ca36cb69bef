-- The capture functions. Replaced whole whenever this text changes.
--
-- They run inside the user's statement, so nothing here may raise: a missing control row means "not capturing", text from
-- settings is stored as it is and judged by the worker, a key that cannot be found becomes a reset. There is no exception
-- block on the row path, because each would cost a subtransaction.
--
-- Every trigger function pins what decides how a value prints: two sessions must never give two images of one row. The
-- helpers pin nothing, since only pinned functions call them and each pin costs the writer microseconds; the single-row
-- path is one query and one insert for the same reason.

-- A json column may hold NUL, written as an escape, and Postgres refuses to look into a document that does. So it looks into one
-- with the sign for "unknown" in its place. Behind an even number of backslashes stands an escape, behind an odd one just text.
-- Literals are in the E form, as a session may read backslashes in another way.
create or replace function tidegate.without_nul(image json)
returns json language sql immutable parallel safe as $$
  select regexp_replace(image::text, E'(?<!\\\\)((?:\\\\\\\\)*)\\\\u0000', E'\\1\\\\ufffd', 'g')::json
$$;

-- The key of a row as JSON, which is never one that holds NUL. Simple enough to be inlined.
create or replace function tidegate.key_of(image json, key_column text)
returns text language sql immutable parallel safe as $$
  select (case when position(E'\\u0000' in image::text) = 0 then image else tidegate.without_nul(image) end -> key_column)::text
$$;

-- What stands in an image for a secret. A key column is digested without the key of this installation: nodes hold such keys
-- themselves (the tokens of sessions, which are long and random) and have to find them again.
create or replace function tidegate.digest(value json, name text, digest_key text)
returns text language sql immutable parallel safe as $$
  select '"sha256:' || encode(sha256(convert_to(coalesce(digest_key || name || chr(10), '') || value::text, 'UTF8')), 'hex') || '"'
$$;

-- An image without its secrets. NULL and the empty text are none, and views may ask for them.
create or replace function tidegate.guard(image json, key_column text, digested text[], omitted text[], digest_key text)
returns text language plpgsql immutable parallel safe as $$
begin
  return (select '{' || coalesce(string_agg(to_json(e.key)::text || ':' ||
            case when e.key = any (digested) and json_typeof(e.value) = 'string' and e.value::text <> '""'
                 then tidegate.digest(e.value, e.key, case when e.key <> key_column then digest_key end)
                 else e.value::text end, ',' order by e.n), '') || '}'
            from json_each(image) with ordinality e(key, value, n)
           where e.key <> all (omitted) and (e.key <> all (digested) or json_typeof(e.value) in ('string', 'null')) having image is not null);
end
$$;

-- One row of an event in wire form: k key, a image before, b image after, m columns left out for their size or as secrets.
create or replace function tidegate.row_text(
  key text, before json, after json, key_column text, max_value_bytes bigint, guarded tidegate.guarded, digest_key text)
returns text language plpgsql immutable parallel safe as $$
declare
  a text;
  b text;
  left_out text[];
  oversized text[];
  large boolean := greatest(octet_length(before::text), octet_length(after::text)) > max_value_bytes;
  -- What a value with NUL becomes where an image has to be looked into. Readers fetch such a column.
  unknown text := E'\\ufffd';
begin
  if (guarded.collection is not null or large)
     and (position(E'\\u0000' in before::text) > 0 or position(E'\\u0000' in after::text) > 0) then
    before := tidegate.without_nul(before);
    after := tidegate.without_nul(after);
    select array_agg(distinct e.key) into left_out
      from (select * from json_each(before) union all select * from json_each(after)) e
      where position(unknown in e.value::text) > 0;
    before := tidegate.guard(before, key_column, '{}', coalesce(left_out, '{}'), null);
    after := tidegate.guard(after, key_column, '{}', coalesce(left_out, '{}'), null);
  end if;
  if guarded.collection is not null then
    select nullif(coalesce(left_out, '{}') || coalesce(array_agg(distinct e.key), '{}'), '{}') into left_out
      from (select * from json_each(before) union all select * from json_each(after)) e
      where e.key = any (guarded.omitted)
         or e.key = any (guarded.digested) and json_typeof(e.value) not in ('string', 'null');
    before := tidegate.guard(before, key_column, guarded.digested, coalesce(left_out, '{}'), digest_key);
    after := tidegate.guard(after, key_column, guarded.digested, coalesce(left_out, '{}'), digest_key);
    if key_column = any (guarded.digested) then key := tidegate.digest(key::json, key_column, null); end if;
  end if;
  a := before::text;
  b := after::text;
  if greatest(octet_length(a), octet_length(b)) > max_value_bytes then
    select array_agg(distinct e.key) into oversized
      from (select * from json_each(before) union all select * from json_each(after)) e
      where octet_length(e.value::text) > max_value_bytes and e.key <> key_column;
    if oversized is not null then
      a := tidegate.guard(before, key_column, '{}', oversized, null);
      b := tidegate.guard(after, key_column, '{}', oversized, null);
      left_out := coalesce(left_out, '{}') || oversized;
    end if;
  end if;
  return '{"k":' || key || coalesce(',"a":' || a, '') || coalesce(',"b":' || b, '')
    || coalesce(',"m":' || array_to_json(left_out)::text, '') || '}';
end
$$;

-- How many rows one event may hold. A writer that sends the rows of several people by one statement has each told by itself:
-- what they did are several things, and clients that expect one row in an event go on finding it there. Up to a thousand of
-- them are no bulk change either, whatever the bound.
create or replace function tidegate.rows_per_event()
returns bigint language sql stable parallel safe as $$
  select case when current_setting('tidegate.apart', true) = 'on' then 1 else 1000 end
$$;

-- Whether the doorbell has to ring. `adaptive`: the awake worker holds this lock exclusively, so getting it shared means
-- that the worker sleeps. Taken in the session form and given back at once, in one expression: a transaction-level lock
-- would be kept by a long writer. A server that allows prepared transactions gets no NOTIFY at all, since PREPARE
-- TRANSACTION refuses a transaction that has notified; the worker polls there.
create or replace function tidegate.ring(mode text)
returns void language plpgsql as $$
begin
  if mode = 'always' or (mode = 'adaptive' and current_setting('max_prepared_transactions') = '0'
     and pg_try_advisory_lock_shared(1414087749, 2) and pg_advisory_unlock_shared(1414087749, 2)) then
    perform pg_notify('tidegate', '');
  end if;
end
$$;

-- A statement that is not listed row by row.
create or replace function tidegate.reset(collection text)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  c tidegate.control%rowtype;
  n bigint := nextval('tidegate.outbox_id');
begin
  select * into c from tidegate.control;
  if not found then return; end if;
  insert into tidegate.outbox (slot, id, xid, statement, collection, operation, written_at, writer_keys, traceparent)
    values (c.slot, n, pg_current_xact_id(), n, collection, 'r', clock_timestamp(),
            nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), ''));
  perform tidegate.ring(c.notify);
end
$$;

-- Where a statement stands among those of its transaction, for tables whose own triggers may change the same rows again:
-- such a change is captured before the statement that caused it, because row triggers run before statement triggers. So
-- a number is drawn at the start of the statement and found again at its end.
create or replace function tidegate.start_name(relation oid, operation text, depth integer)
returns text language sql immutable parallel safe as $$
  select 'tidegate.start_' || relation || '_' || operation || '_' || depth
$$;

create or replace function tidegate.capture_start()
returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config(tidegate.start_name(tg_relid, tg_op, pg_trigger_depth()), nextval('tidegate.outbox_id')::text, true);
  return null;
end
$$;

-- The number of the statement that ends, which is forgotten. A cascade begins within the trigger of its foreign key, one level
-- deeper than its statement triggers run at the end.
create or replace function tidegate.started(relation oid, operation text)
returns bigint language plpgsql as $$
declare
  name text;
  start text;
  first bigint;
begin
  for deeper in 0..1 loop
    name := tidegate.start_name(relation, operation, pg_trigger_depth() + deeper);
    start := current_setting(name, true);
    if start ~ '^[0-9]{1,18}$' then
      first := least(first, start::bigint);
      perform set_config(name, '', true);
    end if;
  end loop;
  return first;
end
$$;

-- Arguments of every trigger: the collection, its key column and, where statements are numbered at their start, a third.
create or replace function tidegate.capture_insert()
returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO, MDY' set intervalstyle = 'postgres'
set extra_float_digits = 1 set bytea_output = 'hex' as $$
declare
  c tidegate.control%rowtype;
  g tidegate.guarded%rowtype;
  n bigint;
  first_id bigint;
  statement bigint;
  image json;
  key text;
begin
  select t.slot, t.max_rows, t.max_value_bytes, t.notify, t.digest_key, s.collection, s.digested, s.omitted,
         (select count(*) from (select from new_rows limit greatest(t.max_rows, 1000) + 1) few), (select to_json(r) from new_rows r limit 1)
    into c.slot, c.max_rows, c.max_value_bytes, c.notify, c.digest_key, g.collection, g.digested, g.omitted, n, image
    from tidegate.control t left join tidegate.guarded s on s.collection = tg_argv[0];
  -- Taken whatever comes of it: left where it is, a later statement would find it and be told too early.
  if tg_nargs > 2 then statement := tidegate.started(tg_relid, tg_op); end if;
  if n is null or n = 0 then return null; end if;
  key := tidegate.key_of(image, tg_argv[1]);
  if key is null or (n > c.max_rows and (n > 1000 or tidegate.rows_per_event() > 1)) then
    perform tidegate.reset(tg_argv[0]);
    return null;
  end if;
  first_id := nextval('tidegate.outbox_id');
  statement := coalesce(statement, first_id);
  if n = 1 then
    insert into tidegate.outbox (slot, id, xid, statement, collection, operation, rows, written_at, writer_keys, traceparent)
      values (c.slot, first_id, pg_current_xact_id(), statement, tg_argv[0], 'c',
              '[' || tidegate.row_text(key, null, image, tg_argv[1], c.max_value_bytes, g, c.digest_key) || ']', clock_timestamp(),
              nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), ''));
  else
    insert into tidegate.outbox (slot, id, xid, statement, collection, operation, rows, written_at, writer_keys, traceparent)
      select c.slot, nextval('tidegate.outbox_id'), pg_current_xact_id(), statement, tg_argv[0], 'c',
             '[' || part.list || ']', clock_timestamp(),
             nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), '')
      from (
        select string_agg(cut.item, ',' order by cut.n) as list
        from (
          select rowed.item, rowed.n, (rowed.n - 1) / tidegate.rows_per_event() as by_count,
                 sum(octet_length(rowed.item)) over (order by rowed.n) / 1000000 as by_size
          from (
            select row_number() over () as n,
                   tidegate.row_text(tidegate.key_of(made.image, tg_argv[1]), null, made.image, tg_argv[1], c.max_value_bytes, g, c.digest_key) as item
            from (select to_json(r) as image from new_rows r offset 0) made
          ) rowed
        ) cut
        group by cut.by_count, cut.by_size order by cut.by_count, cut.by_size
      ) part;
  end if;
  perform tidegate.ring(c.notify);
  return null;
end
$$;

create or replace function tidegate.capture_delete()
returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO, MDY' set intervalstyle = 'postgres'
set extra_float_digits = 1 set bytea_output = 'hex' as $$
declare
  c tidegate.control%rowtype;
  g tidegate.guarded%rowtype;
  n bigint;
  first_id bigint;
  statement bigint;
  image json;
  key text;
begin
  select t.slot, t.max_rows, t.max_value_bytes, t.notify, t.digest_key, s.collection, s.digested, s.omitted,
         (select count(*) from (select from old_rows limit greatest(t.max_rows, 1000) + 1) few), (select to_json(r) from old_rows r limit 1)
    into c.slot, c.max_rows, c.max_value_bytes, c.notify, c.digest_key, g.collection, g.digested, g.omitted, n, image
    from tidegate.control t left join tidegate.guarded s on s.collection = tg_argv[0];
  -- Taken whatever comes of it: left where it is, a later statement would find it and be told too early.
  if tg_nargs > 2 then statement := tidegate.started(tg_relid, tg_op); end if;
  if n is null or n = 0 then return null; end if;
  key := tidegate.key_of(image, tg_argv[1]);
  if key is null or (n > c.max_rows and (n > 1000 or tidegate.rows_per_event() > 1)) then
    perform tidegate.reset(tg_argv[0]);
    return null;
  end if;
  first_id := nextval('tidegate.outbox_id');
  statement := coalesce(statement, first_id);
  if n = 1 then
    insert into tidegate.outbox (slot, id, xid, statement, collection, operation, rows, written_at, writer_keys, traceparent)
      values (c.slot, first_id, pg_current_xact_id(), statement, tg_argv[0], 'd',
              '[' || tidegate.row_text(key, image, null, tg_argv[1], c.max_value_bytes, g, c.digest_key) || ']', clock_timestamp(),
              nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), ''));
  else
    insert into tidegate.outbox (slot, id, xid, statement, collection, operation, rows, written_at, writer_keys, traceparent)
      select c.slot, nextval('tidegate.outbox_id'), pg_current_xact_id(), statement, tg_argv[0], 'd',
             '[' || part.list || ']', clock_timestamp(),
             nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), '')
      from (
        select string_agg(cut.item, ',' order by cut.n) as list
        from (
          select rowed.item, rowed.n, (rowed.n - 1) / tidegate.rows_per_event() as by_count,
                 sum(octet_length(rowed.item)) over (order by rowed.n) / 1000000 as by_size
          from (
            select row_number() over () as n,
                   tidegate.row_text(tidegate.key_of(made.image, tg_argv[1]), made.image, null, tg_argv[1], c.max_value_bytes, g, c.digest_key) as item
            from (select to_json(r) as image from old_rows r offset 0) made
          ) rowed
        ) cut
        group by cut.by_count, cut.by_size order by cut.by_count, cut.by_size
      ) part;
  end if;
  perform tidegate.ring(c.notify);
  return null;
end
$$;

-- Old and new rows are paired by key: a key on both sides is an update, on one side a delete or a create.
create or replace function tidegate.capture_update()
returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO, MDY' set intervalstyle = 'postgres'
set extra_float_digits = 1 set bytea_output = 'hex' as $$
declare
  c tidegate.control%rowtype;
  g tidegate.guarded%rowtype;
  n bigint;
  first_id bigint;
  statement bigint;
  before json;
  after json;
  before_key text;
  after_key text;
begin
  select t.slot, t.max_rows, t.max_value_bytes, t.notify, t.digest_key, s.collection, s.digested, s.omitted,
         (select count(*) from (select from new_rows limit greatest(t.max_rows, 1000) + 1) few), (select to_json(r) from new_rows r limit 1)
    into c.slot, c.max_rows, c.max_value_bytes, c.notify, c.digest_key, g.collection, g.digested, g.omitted, n, after
    from tidegate.control t left join tidegate.guarded s on s.collection = tg_argv[0];
  -- Taken whatever comes of it: left where it is, a later statement would find it and be told too early.
  if tg_nargs > 2 then statement := tidegate.started(tg_relid, tg_op); end if;
  if n is null or n = 0 then return null; end if;
  after_key := tidegate.key_of(after, tg_argv[1]);
  if after_key is null or (n > c.max_rows and (n > 1000 or tidegate.rows_per_event() > 1)) then
    perform tidegate.reset(tg_argv[0]);
    return null;
  end if;
  first_id := nextval('tidegate.outbox_id');
  statement := coalesce(statement, first_id);
  if n = 1 then
    select to_json(r) into before from old_rows r limit 1;
    before_key := tidegate.key_of(before, tg_argv[1]);
  elsif tg_nargs > 2 and exists (select from (select to_json(r) as image from new_rows r offset 0) made
                                   group by tidegate.key_of(made.image, tg_argv[1]) having count(*) > 1) then
    -- A cascade within the table changed a row twice in one statement; its versions cannot be told apart.
    perform tidegate.reset(tg_argv[0]);
    return null;
  end if;
  if n = 1 and before_key = after_key then
    insert into tidegate.outbox (slot, id, xid, statement, collection, operation, rows, written_at, writer_keys, traceparent)
      values (c.slot, first_id, pg_current_xact_id(), statement, tg_argv[0], 'u',
              '[' || tidegate.row_text(after_key, before, after, tg_argv[1], c.max_value_bytes, g, c.digest_key) || ']', clock_timestamp(),
              nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), ''));
  else
    insert into tidegate.outbox (slot, id, xid, statement, collection, operation, rows, written_at, writer_keys, traceparent)
      select c.slot, nextval('tidegate.outbox_id'), pg_current_xact_id(), statement, tg_argv[0], part.operation,
             '[' || part.list || ']', clock_timestamp(),
             nullif(current_setting('tidegate.keys', true), ''), nullif(current_setting('tidegate.traceparent', true), '')
      from (
        select cut.operation, string_agg(cut.item, ',' order by cut.n) as list
        from (
          select rowed.operation, rowed.item, rowed.n, (rowed.n - 1) / tidegate.rows_per_event() as by_count,
                 sum(octet_length(rowed.item)) over (partition by rowed.operation order by rowed.n) / 1000000 as by_size
          from (
            select paired.operation, row_number() over (partition by paired.operation order by paired.n) as n,
                   tidegate.row_text(paired.key, paired.before, paired.after, tg_argv[1], c.max_value_bytes, g, c.digest_key) as item
            from (
              select coalesce(a.key, b.key) as key, b.image as before, a.image as after, coalesce(a.n, b.n) as n,
                     (case when b.key is null then 'c' when a.key is null then 'd' else 'u' end)::"char" as operation
              from (select row_number() over () as n, tidegate.key_of(made.image, tg_argv[1]) as key, made.image
                      from (select to_json(r) as image from new_rows r offset 0) made) a
              full join (select row_number() over () as n, tidegate.key_of(made.image, tg_argv[1]) as key, made.image
                           from (select to_json(r) as image from old_rows r offset 0) made) b on a.key = b.key
            ) paired
          ) rowed
        ) cut
        group by cut.operation, cut.by_count, cut.by_size
        -- A key that went away is gone before another row takes its unique values.
        order by array_position('{d,u,c}'::"char"[], cut.operation), cut.by_count, cut.by_size
      ) part;
  end if;
  perform tidegate.ring(c.notify);
  return null;
end
$$;

create or replace function tidegate.capture_truncate()
returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform tidegate.reset(tg_argv[0]);
  return null;
end
$$;

-- What is to be guarded: Directus' own secrets, whatever its model hides or hashes, and columns that a trigger cannot see
-- (virtual ones, since Postgres 18). A hidden value is shown as stars, so a digest does for it; any other is fetched.
create or replace function tidegate.wanted_guarded()
returns setof tidegate.guarded language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  model text := '';
begin
  if (select count(*) = 3 from pg_attribute a where a.attrelid = to_regclass('public.directus_fields')
        and a.attname in ('collection', 'field', 'special') and not a.attisdropped)
     and has_table_privilege(to_regclass('public.directus_fields'), 'select') then
    model := $model$
      union all
      select f.collection::text, f.field::text, 'conceal' = any (s.list)
        from public.directus_fields f, lateral (select string_to_array(translate(f.special::text, ' {}[]"', ''), ',') as list) s
       where s.list && '{conceal,hash,encrypt}'
         -- The key has to travel: without it nobody could be told which row is meant.
         and not exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey::int2[])
               where i.indrelid = to_regclass(format('public.%I', f.collection)) and i.indisprimary and a.attname = f.field)
    $model$;
  end if;
  return query execute $query$
    with wanted(collection, field, digested) as (
      values ('directus_users', 'password', true), ('directus_users', 'token', true), ('directus_users', 'tfa_secret', true),
        ('directus_users', 'auth_data', false), ('directus_sessions', 'token', true), ('directus_sessions', 'next_token', true),
        ('directus_shares', 'password', true), ('directus_oauth_clients', 'client_secret_hash', true),
        ('directus_oauth_codes', 'code_hash', true), ('directus_oauth_tokens', 'code_hash', true),
        ('directus_oauth_tokens', 'previous_session', true), ('directus_oauth_tokens', 'session', true),
        ('directus_settings', 'ai_anthropic_api_key', false), ('directus_settings', 'ai_google_api_key', false),
        ('directus_settings', 'ai_openai_api_key', false), ('directus_settings', 'ai_openai_compatible_api_key', false),
        ('directus_settings', 'ai_openai_compatible_headers', false), ('directus_settings', 'license_key', false),
        ('directus_settings', 'license_token', false), ('directus_deployments', 'credentials', false),
        ('directus_deployments', 'webhook_secret', false), ('directus_operations', 'options', false),
        ('directus_webhooks', 'headers', false)
    $query$ || model || $query$
      union all
      select coalesce(root.relname, r.relname)::text, a.attname::text, false
        from pg_attribute a join pg_class r on r.oid = a.attrelid
        left join pg_class root on r.relispartition and root.oid = pg_partition_root(r.oid)
       where r.relnamespace = to_regnamespace('public') and a.attgenerated = 'v' and a.attnum > 0 and not a.attisdropped
    ), once as (select w.collection, w.field, bool_and(w.digested) as digested from wanted w group by w.collection, w.field)
    select o.collection, coalesce(array_agg(o.field order by o.field) filter (where o.digested), '{}'),
           coalesce(array_agg(o.field order by o.field) filter (where not o.digested), '{}')
      from once o group by o.collection
  $query$;
end
$$;

-- Within the transaction that hides a field. It only ever adds, to what is there by then: of two such transactions neither
-- may undo the other's, and only those wait for each other that hide fields of one collection for the first time.
create or replace function tidegate.add_guarded()
returns void language sql security definer set search_path = pg_catalog, pg_temp as $$
  insert into tidegate.guarded as k
  select w.collection, w.digested, w.omitted from tidegate.wanted_guarded() w
   where not exists (select from tidegate.guarded g
           where g.collection = w.collection and g.digested || g.omitted @> w.digested and g.omitted @> w.omitted)
  on conflict (collection) do update set
    digested = array(select distinct unnest(k.digested || excluded.digested)),
    omitted = array(select distinct unnest(k.omitted || excluded.omitted))
$$;

-- The worker's: exactly what is wanted. The lock ends the race with those who add.
-- Whether the model could be read.
create or replace function tidegate.set_guarded()
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  lock table tidegate.guarded in exclusive mode;
  delete from tidegate.guarded g where g.collection not in (select w.collection from tidegate.wanted_guarded() w);
  insert into tidegate.guarded as k select * from tidegate.wanted_guarded()
  on conflict (collection) do update set digested = excluded.digested, omitted = excluded.omitted
    where (k.digested, k.omitted) is distinct from (excluded.digested, excluded.omitted);
  return coalesce(has_table_privilege(to_regclass('public.directus_fields'), 'select'), true);
end
$$;

-- On directus_fields only. What it cannot do, the worker's next look does.
create or replace function tidegate.capture_secrets()
returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform tidegate.add_guarded();
  return null;
exception when others then
  raise log 'tidegate could not note a hidden field: %', sqlerrm;
  return null;
end
$$;

-- Both event triggers. DDL is rare, so here a fault may be caught: a schema change must succeed whatever we think of it.
create or replace function tidegate.schema_changed()
returns event_trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  ours boolean;
begin
  if current_setting('tidegate.quiet', true) = 'on' then return; end if;
  if tg_event = 'sql_drop' then
    -- What an ALTER drops is announced at its end.
    select tg_tag like 'DROP%' and exists (select from pg_event_trigger_dropped_objects() o
      where o.schema_name = 'public' and not o.is_temporary
        and o.object_type in ('table', 'table column', 'table constraint', 'trigger', 'view', 'materialized view')) into ours;
  else
    select exists (select from pg_event_trigger_ddl_commands() o
      where o.schema_name = 'public' and o.object_type in ('table', 'table column', 'index', 'trigger', 'view', 'materialized view'))
      into ours;
    -- A restore may disable the triggers, load, and enable them again: remembered here, told by the worker's next look.
    update tidegate.tables k set lapsed = true
      from pg_event_trigger_ddl_commands() o, pg_trigger t
     where o.object_type = 'table' and o.objid = k.relation and t.oid = k.trigger and t.tgenabled <> 'O' and not k.lapsed;
  end if;
  if ours then
    perform tidegate.reset('tidegate:schema');
    if tg_event <> 'sql_drop' then perform tidegate.add_guarded(); end if;
  end if;
exception when others then
  raise log 'tidegate could not note a schema change: %', sqlerrm;
end
$$;

revoke all on all functions in schema tidegate from public;
