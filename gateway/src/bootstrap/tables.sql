-- The system tables that the protocol works with, in the layout of Directus 12. In order of their references.

create table if not exists directus_roles (
    id uuid primary key,
    name varchar(100) not null,
    icon varchar(64) not null default 'supervised_user_circle',
    description text,
    parent uuid references directus_roles (id)
);

create table if not exists directus_policies (
    id uuid primary key,
    name varchar(100) not null,
    icon varchar(64) not null default 'badge',
    description text,
    ip_access text,
    enforce_tfa boolean not null default false,
    admin_access boolean not null default false,
    app_access boolean not null default false
);

create table if not exists directus_users (
    id uuid primary key,
    first_name varchar(50),
    last_name varchar(50),
    email varchar(128) unique,
    password varchar(255),
    location varchar(255),
    title varchar(50),
    description text,
    tags json,
    avatar uuid,
    language varchar(255),
    tfa_secret varchar(255),
    status varchar(16) not null default 'active',
    role uuid references directus_roles (id) on delete set null,
    token varchar(255) unique,
    last_access timestamptz,
    last_page varchar(255),
    provider varchar(128) not null default 'default',
    external_identifier varchar(255) unique,
    auth_data json,
    email_notifications boolean default true,
    appearance varchar(255),
    theme_dark varchar(255),
    theme_light varchar(255),
    theme_light_overrides json,
    theme_dark_overrides json,
    text_direction varchar(255) not null default 'auto'
);

create table if not exists directus_access (
    id uuid primary key,
    role uuid references directus_roles (id) on delete cascade,
    "user" uuid references directus_users (id) on delete cascade,
    policy uuid not null references directus_policies (id) on delete cascade,
    sort integer
);

create table if not exists directus_permissions (
    id serial primary key,
    collection varchar(64) not null,
    action varchar(10) not null,
    permissions json,
    validation json,
    presets json,
    fields text,
    policy uuid not null references directus_policies (id) on delete cascade
);

create table if not exists directus_collections (
    collection varchar(64) primary key,
    icon varchar(64),
    note text,
    display_template varchar(255),
    hidden boolean not null default false,
    singleton boolean not null default false,
    translations json,
    archive_field varchar(64),
    archive_app_filter boolean not null default true,
    archive_value varchar(255),
    unarchive_value varchar(255),
    sort_field varchar(64),
    accountability varchar(255) default 'all',
    color varchar(255),
    item_duplication_fields json,
    sort integer,
    "group" varchar(64) references directus_collections (collection),
    collapse varchar(255) not null default 'open',
    preview_url varchar(255),
    versioning boolean not null default false,
    status varchar(255) not null default 'active',
    autosave_revision_interval real
);

create table if not exists directus_fields (
    id serial primary key,
    collection varchar(64) not null,
    field varchar(64) not null,
    special varchar(64),
    interface varchar(64),
    options json,
    display varchar(64),
    display_options json,
    readonly boolean not null default false,
    hidden boolean not null default false,
    sort integer,
    width varchar(30) default 'full',
    translations json,
    note text,
    conditions json,
    required boolean default false,
    "group" varchar(64),
    validation json,
    validation_message text,
    searchable boolean not null default true
);

create table if not exists directus_relations (
    id serial primary key,
    many_collection varchar(64) not null,
    many_field varchar(64) not null,
    one_collection varchar(64),
    one_field varchar(64),
    one_collection_field varchar(64),
    one_allowed_collections text,
    junction_field varchar(64),
    sort_field varchar(64),
    one_deselect_action varchar(255) not null default 'nullify'
);

create table if not exists directus_folders (
    id uuid primary key,
    name varchar(255) not null,
    parent uuid references directus_folders (id),
    type varchar(255) not null default 'files'
);

create table if not exists directus_files (
    id uuid primary key,
    storage varchar(255) not null,
    filename_disk varchar(255),
    filename_download varchar(255) not null,
    title varchar(255),
    type varchar(255),
    folder uuid references directus_folders (id) on delete set null,
    uploaded_by uuid references directus_users (id),
    created_on timestamptz not null default current_timestamp,
    modified_by uuid references directus_users (id),
    modified_on timestamptz not null default current_timestamp,
    charset varchar(50),
    filesize bigint,
    width integer,
    height integer,
    duration integer,
    embed varchar(200),
    description text,
    location text,
    tags text,
    metadata json,
    focal_point_x integer,
    focal_point_y integer,
    tus_id varchar(64),
    tus_data json,
    uploaded_on timestamptz
);

create table if not exists directus_settings (
    id serial primary key,
    project_name varchar(100) not null default 'Directus',
    project_url varchar(255),
    project_color varchar(255) not null default '#6644FF',
    project_logo uuid references directus_files (id),
    project_descriptor varchar(100),
    public_foreground uuid references directus_files (id),
    public_background uuid references directus_files (id),
    public_favicon uuid references directus_files (id),
    public_note text,
    public_registration boolean not null default false,
    public_registration_verify_email boolean not null default true,
    public_registration_role uuid references directus_roles (id) on delete set null,
    public_registration_email_filter json,
    auth_login_attempts integer default 25,
    auth_password_policy varchar(100),
    default_language varchar(255) not null default 'en-US',
    default_appearance varchar(255) not null default 'auto',
    default_theme_light varchar(255),
    default_theme_dark varchar(255),
    theme_light_overrides json,
    theme_dark_overrides json,
    storage_asset_transform varchar(7) default 'all',
    storage_asset_presets json,
    storage_default_folder uuid references directus_folders (id) on delete set null,
    custom_css text,
    custom_aspect_ratios json,
    basemaps json,
    mapbox_key varchar(255),
    module_bar json,
    report_error_url varchar(255),
    report_bug_url varchar(255),
    report_feature_url varchar(255),
    visual_editor_urls json,
    collaborative_editing_enabled boolean not null default false
);

create table if not exists directus_activity (
    id serial primary key,
    action varchar(45) not null,
    "user" uuid,
    "timestamp" timestamptz not null default current_timestamp,
    ip varchar(50),
    user_agent text,
    collection varchar(64) not null,
    item varchar(255) not null,
    origin varchar(255)
);
create index if not exists directus_activity_timestamp_index on directus_activity ("timestamp");

create table if not exists directus_versions (
    id uuid primary key,
    key varchar(64) not null,
    name varchar(255),
    collection varchar(64) not null references directus_collections (collection) on delete cascade,
    item varchar(255),
    hash varchar(255),
    date_created timestamptz default current_timestamp,
    date_updated timestamptz default current_timestamp,
    user_created uuid references directus_users (id) on delete set null,
    user_updated uuid references directus_users (id),
    delta json
);

create table if not exists directus_revisions (
    id serial primary key,
    activity integer not null references directus_activity (id) on delete cascade,
    collection varchar(64) not null,
    item varchar(255) not null,
    data json,
    delta json,
    parent integer references directus_revisions (id),
    version uuid references directus_versions (id) on delete cascade
);
create index if not exists directus_revisions_activity_index on directus_revisions (activity);
create index if not exists directus_revisions_parent_index on directus_revisions (parent);

create table if not exists directus_comments (
    id uuid primary key,
    collection varchar(64) not null,
    item varchar(255) not null,
    comment text not null,
    date_created timestamptz default current_timestamp,
    date_updated timestamptz default current_timestamp,
    user_created uuid references directus_users (id) on delete set null,
    user_updated uuid references directus_users (id)
);

create table if not exists directus_notifications (
    id serial primary key,
    "timestamp" timestamptz default current_timestamp,
    status varchar(255) default 'inbox',
    recipient uuid not null references directus_users (id) on delete cascade,
    sender uuid references directus_users (id),
    subject varchar(255) not null,
    message text,
    collection varchar(64),
    item varchar(255)
);

create table if not exists directus_presets (
    id serial primary key,
    bookmark varchar(255),
    "user" uuid references directus_users (id) on delete cascade,
    role uuid references directus_roles (id) on delete cascade,
    collection varchar(64),
    search varchar(100),
    layout varchar(100) default 'tabular',
    layout_query json,
    layout_options json,
    refresh_interval integer,
    filter json,
    icon varchar(64) default 'bookmark',
    color varchar(255)
);

create table if not exists directus_shares (
    id uuid primary key,
    name varchar(255),
    collection varchar(64) not null references directus_collections (collection) on delete cascade,
    item varchar(255) not null,
    role uuid references directus_roles (id) on delete cascade,
    password varchar(255),
    user_created uuid references directus_users (id) on delete set null,
    date_created timestamptz default current_timestamp,
    date_start timestamptz,
    date_end timestamptz,
    times_used integer default 0,
    max_uses integer
);

create table if not exists directus_sessions (
    token varchar(64) primary key,
    "user" uuid references directus_users (id) on delete cascade,
    share uuid references directus_shares (id) on delete cascade,
    expires timestamptz not null,
    ip varchar(255),
    user_agent text,
    origin varchar(255),
    next_token varchar(64),
    oauth_client varchar(255)
);

create table if not exists directus_translations (
    id uuid primary key,
    language varchar(255) not null,
    key varchar(255) not null,
    value text not null
);
