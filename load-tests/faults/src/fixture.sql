-- What the suite writes and watches, and what it knows of it by itself: every version of every row, with the transaction that
-- made it. The schema `oracle` is not captured; whatever it says was committed together with the row.
create schema oracle;
create sequence oracle.order_of_writes;
create sequence oracle.stamps as integer;

-- The number that the marker rows carry, or are about to.
create table oracle.marker (n integer not null);
insert into oracle.marker values (0);
create table oracle.history (
    seq bigint primary key,
    xid xid8 not null default pg_current_xact_id(),
    written_at timestamptz not null default clock_timestamp(),
    writer text not null default current_setting('application_name'),
    collection text not null,
    operation text not null,
    key text not null,
    version jsonb
);

create table folders (
    id integer primary key,
    stamp integer not null default 0,
    kind varchar(16) not null default 'row',
    n integer not null default 0,
    team varchar(16),
    level integer,
    owner uuid,
    note text,
    secret text
);
create table docs (
    id integer primary key,
    stamp integer not null default 0,
    kind varchar(16) not null default 'row',
    n integer not null default 0,
    team varchar(16),
    level integer,
    owner uuid,
    note text,
    secret text,
    folder integer references folders (id) on delete cascade on update cascade
);
create table tags (
    id varchar(32) primary key,
    stamp integer not null default 0,
    kind varchar(16) not null default 'row',
    n integer not null default 0,
    team varchar(16),
    level integer,
    owner uuid,
    note text,
    secret text,
    doc integer references docs (id) on delete set null on update cascade
);

-- The stamp names a version: it never repeats, whoever writes and however.
create function oracle.stamp() returns trigger language plpgsql as $$
begin
    new.stamp := nextval('oracle.stamps');
    return new;
end $$;

-- After the row is locked and in place: of two versions of one key, the later one has the larger `seq`.
create function oracle.remember() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' or (tg_op = 'UPDATE' and old.id <> new.id) then
        insert into oracle.history (seq, collection, operation, key)
        values (nextval('oracle.order_of_writes'), tg_table_name, 'delete', to_json(old.id)::text);
    end if;
    if tg_op <> 'DELETE' then
        insert into oracle.history (seq, collection, operation, key, version)
        values (nextval('oracle.order_of_writes'), tg_table_name,
                case when tg_op = 'INSERT' or old.id <> new.id then 'create' else 'update' end, to_json(new.id)::text, to_jsonb(new));
    end if;
    return null;
end $$;

create function oracle.remember_truncate() returns trigger language plpgsql as $$
begin
    execute format('insert into oracle.history (seq, collection, operation, key)
        select nextval(''oracle.order_of_writes''), %L, ''delete'', to_json(id)::text from %I', tg_table_name, tg_table_name);
    return null;
end $$;

do $$
declare
    name text;
begin
    foreach name in array array['folders', 'docs', 'tags'] loop
        execute format('create trigger a_stamp before insert or update on %I for each row execute function oracle.stamp()', name);
        execute format('create trigger z_remember after insert or update or delete on %I for each row execute function oracle.remember()', name);
        execute format('create trigger z_truncate before truncate on %I for each statement execute function oracle.remember_truncate()', name);
    end loop;
end $$;

insert into directus_collections (collection, accountability) values ('folders', null), ('docs', null), ('tags', 'all');
insert into directus_relations (many_collection, many_field, one_collection, one_field)
values ('docs', 'folder', 'folders', 'docs'), ('tags', 'doc', 'docs', null);
insert into directus_fields (collection, field, special) values ('folders', 'docs', 'o2m');
-- Clients of suspended users try to log in again and again.
update directus_settings set auth_login_attempts = null;
insert into directus_settings (auth_login_attempts) select null where not exists (select from directus_settings);
insert into folders (id, kind) values (-1, 'marker');
insert into docs (id, kind) values (-1, 'marker');
insert into tags (id, kind) values ('marker', 'marker');
