-- What every database has: one settings row, and a public policy that grants nothing.
insert into directus_settings (project_name)
select 'Tidegate' where not exists (select from directus_settings);

insert into directus_policies (id, name, icon, description)
select 'abf8a154-5b1c-4a46-ac9c-7300570f4f17', '$t:public_label', 'public', '$t:public_description'
where not exists (select from directus_access where role is null and "user" is null)
on conflict (id) do nothing;

insert into directus_access (id, policy, sort)
select gen_random_uuid(), 'abf8a154-5b1c-4a46-ac9c-7300570f4f17', 1
where not exists (select from directus_access where role is null and "user" is null);
