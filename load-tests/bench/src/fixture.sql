-- What the benchmark reads and writes; doing it again changes nothing. A user without admin access, so that permissions are
-- looked up and woven into every statement as they are for the clients of an application.
create table if not exists messages (
    id serial primary key,
    text varchar(255),
    "user" varchar(255),
    date_created timestamptz
);
create table if not exists bench_authors (
    id serial primary key,
    name varchar(255)
);
create table if not exists bench_articles (
    id serial primary key,
    title varchar(255),
    status varchar(255) default 'draft',
    body text,
    views integer default 0,
    author integer references bench_authors (id) on delete set null,
    date_created timestamptz,
    date_updated timestamptz
);
create table if not exists bench_comments (
    id serial primary key,
    text varchar(255),
    article integer references bench_articles (id) on delete cascade
);
create index if not exists bench_articles_author on bench_articles (author);
create index if not exists bench_comments_article on bench_comments (article);

insert into bench_authors (name)
select 'Author ' || n from generate_series(1, 100) n where not exists (select from bench_authors);
insert into bench_articles (title, status, body, author, date_created)
select 'Article number ' || n, 'published', repeat('A sentence of the body. ', 8), 1 + n % 100, now()
from generate_series(1, 10000) n where not exists (select from bench_articles);
insert into bench_comments (text, article)
select 'Comment ' || n, 1 + n % 10000 from generate_series(1, 30000) n where not exists (select from bench_comments);

-- A database in use: as long as a session plans with the statistics of empty tables, the checks of foreign keys read them whole.
with a as (
    insert into directus_activity (action, collection, item)
    select 'create', 'messages', n::text from generate_series(1, 10000) n
    where not exists (select from directus_activity where collection = 'messages')
    returning id, collection, item
)
insert into directus_revisions (activity, collection, item, data, delta)
select id, collection, item, '{"text":"A message"}', '{"text":"A message"}' from a;

insert into directus_collections (collection)
select name from unnest(array['messages', 'bench_authors', 'bench_articles', 'bench_comments']) name
on conflict (collection) do nothing;

insert into directus_fields (collection, field, special)
select collection, field, special
from (values
    ('messages', 'date_created', 'date-created'),
    ('bench_articles', 'date_created', 'date-created'),
    ('bench_articles', 'date_updated', 'date-updated'),
    ('bench_articles', 'author', 'm2o'),
    ('bench_articles', 'comments', 'o2m'),
    ('bench_comments', 'article', 'm2o')
) as wanted (collection, field, special)
where not exists (select from directus_fields f where f.collection = wanted.collection and f.field = wanted.field);

insert into directus_relations (many_collection, many_field, one_collection, one_field)
select many, field, one, back
from (values
    ('bench_articles', 'author', 'bench_authors', null),
    ('bench_comments', 'article', 'bench_articles', 'comments')
) as wanted (many, field, one, back)
where not exists (select from directus_relations r where r.many_collection = many and r.many_field = field);

insert into directus_roles (id, name) values ('be4c0000-0000-4000-8000-000000000001', 'Benchmark') on conflict (id) do nothing;
insert into directus_policies (id, name) values ('be4c0000-0000-4000-8000-000000000002', 'Benchmark') on conflict (id) do nothing;
insert into directus_access (id, role, policy, sort)
values ('be4c0000-0000-4000-8000-000000000003', 'be4c0000-0000-4000-8000-000000000001', 'be4c0000-0000-4000-8000-000000000002', 1)
on conflict (id) do nothing;
insert into directus_permissions (collection, action, fields, policy)
select collection, action, '*', 'be4c0000-0000-4000-8000-000000000002'
from unnest(array['messages', 'bench_authors', 'bench_articles', 'bench_comments']) collection,
    unnest(array['create', 'read', 'update', 'delete']) action
where not exists (
    select from directus_permissions p
    where p.policy = 'be4c0000-0000-4000-8000-000000000002' and p.collection = collection.collection and p.action = action.action
);
insert into directus_users (id, email, token, role)
values ('be4c0000-0000-4000-8000-000000000004', 'bench@example.com', 'bench-token-0123456789', 'be4c0000-0000-4000-8000-000000000001')
on conflict (id) do nothing;

-- Not captured by a gateway that the benchmark starts itself: what writers of a table without a trigger do.
create table if not exists bench_captured (id serial primary key, text varchar(255));
create table if not exists bench_plain (id serial primary key, text varchar(255));
analyze;
