-- The collection of the guides.
create table if not exists messages (
    id serial primary key,
    text varchar(255),
    "user" varchar(255),
    date_created timestamptz
);

insert into directus_collections (collection, icon) values ('messages', 'chat') on conflict (collection) do nothing;

insert into directus_fields (collection, field, special, interface, hidden, readonly, sort)
select 'messages', field, special, interface, hidden, hidden, sort
from (values
    ('id', null, 'input', true, 1),
    ('text', null, 'input', false, 2),
    ('user', null, 'input', false, 3),
    ('date_created', 'date-created', 'datetime', true, 4)
) as wanted (field, special, interface, hidden, sort)
where not exists (select from directus_fields f where f.collection = 'messages' and f.field = wanted.field);

insert into directus_roles (id, name) values ('7de00000-0000-4000-8000-000000000002', 'Demo') on conflict (id) do nothing;
insert into directus_policies (id, name) values ('7de00000-0000-4000-8000-000000000003', 'Demo') on conflict (id) do nothing;
insert into directus_access (id, role, policy, sort)
values ('7de00000-0000-4000-8000-000000000004', '7de00000-0000-4000-8000-000000000002', '7de00000-0000-4000-8000-000000000003', 1)
on conflict (id) do nothing;

insert into directus_permissions (collection, action, fields, policy)
select 'messages', action, '*', '7de00000-0000-4000-8000-000000000003'
from unnest(array['create', 'read', 'update', 'delete']) as action
where not exists (
    select from directus_permissions p
    where p.policy = '7de00000-0000-4000-8000-000000000003' and p.collection = 'messages' and p.action = action.action
);
