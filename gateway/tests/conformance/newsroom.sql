--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: articles; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.articles (
    id integer NOT NULL,
    title character varying(255),
    slug character varying(255),
    status character varying(255) DEFAULT 'draft'::character varying,
    body text,
    views integer DEFAULT 0,
    score real,
    price numeric(10,2),
    big bigint,
    published_at timestamp with time zone,
    event_date date,
    event_time time without time zone,
    event_datetime timestamp without time zone,
    meta json,
    labels text,
    featured boolean DEFAULT false,
    secret character varying(255),
    author uuid,
    category character varying(255),
    date_created timestamp with time zone,
    date_updated timestamp with time zone,
    user_created uuid,
    user_updated uuid,
    sort integer
);


--
-- Name: articles_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.articles_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: articles_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.articles_id_seq OWNED BY public.articles.id;


--
-- Name: articles_tags; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.articles_tags (
    id integer NOT NULL,
    articles_id integer,
    tags_id integer
);


--
-- Name: articles_tags_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.articles_tags_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: articles_tags_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.articles_tags_id_seq OWNED BY public.articles_tags.id;


--
-- Name: authors; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.authors (
    id uuid NOT NULL,
    name character varying(255),
    email character varying(255),
    bio text,
    rating numeric(10,2),
    active boolean,
    born date,
    interests text,
    settings json,
    password character varying(255)
);


--
-- Name: block_image; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.block_image (
    id integer NOT NULL,
    url character varying(255),
    caption character varying(255)
);


--
-- Name: block_image_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.block_image_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: block_image_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.block_image_id_seq OWNED BY public.block_image.id;


--
-- Name: block_text; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.block_text (
    id integer NOT NULL,
    body text
);


--
-- Name: block_text_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.block_text_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: block_text_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.block_text_id_seq OWNED BY public.block_text.id;


--
-- Name: categories; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.categories (
    id character varying(255) NOT NULL,
    name character varying(255),
    parent character varying(255)
);


--
-- Name: comments; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.comments (
    id integer NOT NULL,
    article integer,
    text text,
    approved boolean,
    author_name character varying(255)
);


--
-- Name: comments_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.comments_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: comments_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.comments_id_seq OWNED BY public.comments.id;


--
-- Name: directus_access; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_access (
    id uuid NOT NULL,
    role uuid,
    "user" uuid,
    policy uuid NOT NULL,
    sort integer
);


--
-- Name: directus_activity; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_activity (
    id integer NOT NULL,
    action character varying(45) NOT NULL,
    "user" uuid,
    "timestamp" timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    ip character varying(50),
    user_agent text,
    collection character varying(64) NOT NULL,
    item character varying(255) NOT NULL,
    origin character varying(255)
);


--
-- Name: directus_activity_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.directus_activity_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: directus_activity_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.directus_activity_id_seq OWNED BY public.directus_activity.id;


--
-- Name: directus_collections; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_collections (
    collection character varying(64) NOT NULL,
    icon character varying(64),
    note text,
    display_template character varying(255),
    hidden boolean DEFAULT false NOT NULL,
    singleton boolean DEFAULT false NOT NULL,
    translations json,
    archive_field character varying(64),
    archive_app_filter boolean DEFAULT true NOT NULL,
    archive_value character varying(255),
    unarchive_value character varying(255),
    sort_field character varying(64),
    accountability character varying(255) DEFAULT 'all'::character varying,
    color character varying(255),
    item_duplication_fields json,
    sort integer,
    "group" character varying(64),
    collapse character varying(255) DEFAULT 'open'::character varying NOT NULL,
    preview_url character varying(255),
    versioning boolean DEFAULT false NOT NULL,
    status character varying(255) DEFAULT 'active'::character varying NOT NULL,
    autosave_revision_interval real
);


--
-- Name: directus_comments; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_comments (
    id uuid NOT NULL,
    collection character varying(64) NOT NULL,
    item character varying(255) NOT NULL,
    comment text NOT NULL,
    date_created timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    date_updated timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    user_created uuid,
    user_updated uuid
);


--
-- Name: directus_dashboards; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_dashboards (
    id uuid NOT NULL,
    name character varying(255) NOT NULL,
    icon character varying(64) DEFAULT 'dashboard'::character varying NOT NULL,
    note text,
    date_created timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    user_created uuid,
    color character varying(255)
);


--
-- Name: directus_deployment_projects; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_deployment_projects (
    id uuid NOT NULL,
    deployment uuid NOT NULL,
    external_id character varying(255) NOT NULL,
    name character varying(255) NOT NULL,
    date_created timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    user_created uuid,
    url character varying(255),
    framework character varying(255),
    deployable boolean DEFAULT true NOT NULL
);


--
-- Name: directus_deployment_runs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_deployment_runs (
    id uuid NOT NULL,
    project uuid NOT NULL,
    external_id character varying(255) NOT NULL,
    target character varying(255) NOT NULL,
    date_created timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    user_created uuid,
    status character varying(255),
    url character varying(255),
    started_at timestamp with time zone,
    completed_at timestamp with time zone
);


--
-- Name: directus_deployments; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_deployments (
    id uuid NOT NULL,
    provider character varying(255) NOT NULL,
    credentials text,
    options text,
    date_created timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    user_created uuid,
    webhook_ids json,
    webhook_secret character varying(255),
    last_synced_at timestamp with time zone
);


--
-- Name: directus_extensions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_extensions (
    enabled boolean DEFAULT true NOT NULL,
    id uuid NOT NULL,
    folder character varying(255) NOT NULL,
    source character varying(255) NOT NULL,
    bundle uuid
);


--
-- Name: directus_fields; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_fields (
    id integer NOT NULL,
    collection character varying(64) NOT NULL,
    field character varying(64) NOT NULL,
    special character varying(64),
    interface character varying(64),
    options json,
    display character varying(64),
    display_options json,
    readonly boolean DEFAULT false NOT NULL,
    hidden boolean DEFAULT false NOT NULL,
    sort integer,
    width character varying(30) DEFAULT 'full'::character varying,
    translations json,
    note text,
    conditions json,
    required boolean DEFAULT false,
    "group" character varying(64),
    validation json,
    validation_message text,
    searchable boolean DEFAULT true NOT NULL
);


--
-- Name: directus_fields_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.directus_fields_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: directus_fields_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.directus_fields_id_seq OWNED BY public.directus_fields.id;


--
-- Name: directus_files; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_files (
    id uuid NOT NULL,
    storage character varying(255) NOT NULL,
    filename_disk character varying(255),
    filename_download character varying(255) NOT NULL,
    title character varying(255),
    type character varying(255),
    folder uuid,
    uploaded_by uuid,
    created_on timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    modified_by uuid,
    modified_on timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL,
    charset character varying(50),
    filesize bigint,
    width integer,
    height integer,
    duration integer,
    embed character varying(200),
    description text,
    location text,
    tags text,
    metadata json,
    focal_point_x integer,
    focal_point_y integer,
    tus_id character varying(64),
    tus_data json,
    uploaded_on timestamp with time zone
);


--
-- Name: directus_flows; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_flows (
    id uuid NOT NULL,
    name character varying(255) NOT NULL,
    icon character varying(64),
    color character varying(255),
    description text,
    status character varying(255) DEFAULT 'active'::character varying NOT NULL,
    trigger character varying(255),
    accountability character varying(255) DEFAULT 'all'::character varying,
    options json,
    operation uuid,
    date_created timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    user_created uuid,
    folder uuid
);


--
-- Name: directus_folders; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_folders (
    id uuid NOT NULL,
    name character varying(255) NOT NULL,
    parent uuid,
    type character varying(255) DEFAULT 'files'::character varying NOT NULL
);


--
-- Name: directus_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_migrations (
    version character varying(255) NOT NULL,
    name character varying(255) NOT NULL,
    "timestamp" timestamp with time zone DEFAULT CURRENT_TIMESTAMP
);


--
-- Name: directus_notifications; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_notifications (
    id integer NOT NULL,
    "timestamp" timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    status character varying(255) DEFAULT 'inbox'::character varying,
    recipient uuid NOT NULL,
    sender uuid,
    subject character varying(255) NOT NULL,
    message text,
    collection character varying(64),
    item character varying(255)
);


--
-- Name: directus_notifications_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.directus_notifications_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: directus_notifications_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.directus_notifications_id_seq OWNED BY public.directus_notifications.id;


--
-- Name: directus_oauth_clients; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_oauth_clients (
    client_id character varying(255) NOT NULL,
    client_name character varying(200) NOT NULL,
    redirect_uris json NOT NULL,
    grant_types json NOT NULL,
    token_endpoint_auth_method character varying(255) DEFAULT 'none'::character varying NOT NULL,
    client_secret_hash character varying(64),
    registration_type character varying(10) DEFAULT 'dcr'::character varying NOT NULL,
    client_uri text,
    logo_uri text,
    tos_uri text,
    policy_uri text,
    metadata_fetched_at timestamp with time zone,
    metadata_expires_at timestamp with time zone,
    metadata_etag character varying(255),
    date_created timestamp with time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);


--
-- Name: directus_oauth_codes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_oauth_codes (
    id uuid NOT NULL,
    code_hash character varying(64) NOT NULL,
    client character varying(255) NOT NULL,
    "user" uuid NOT NULL,
    redirect_uri character varying(255) NOT NULL,
    resource character varying(255) NOT NULL,
    code_challenge character varying(128) NOT NULL,
    code_challenge_method character varying(10) NOT NULL,
    scope character varying(255),
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);


--
-- Name: directus_oauth_consents; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_oauth_consents (
    id uuid NOT NULL,
    "user" uuid NOT NULL,
    client character varying(255) NOT NULL,
    redirect_uri character varying(255) NOT NULL,
    scope character varying(255),
    date_created timestamp with time zone NOT NULL,
    date_updated timestamp with time zone NOT NULL
);


--
-- Name: directus_oauth_tokens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_oauth_tokens (
    id uuid NOT NULL,
    client character varying(255) NOT NULL,
    "user" uuid NOT NULL,
    session character varying(64) NOT NULL,
    previous_session character varying(64),
    resource character varying(255) NOT NULL,
    code_hash character varying(64) NOT NULL,
    scope character varying(255),
    expires_at timestamp with time zone NOT NULL,
    date_created timestamp with time zone NOT NULL
);


--
-- Name: directus_operations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_operations (
    id uuid NOT NULL,
    name character varying(255),
    key character varying(255) NOT NULL,
    type character varying(255) NOT NULL,
    position_x integer NOT NULL,
    position_y integer NOT NULL,
    options json,
    resolve uuid,
    reject uuid,
    flow uuid NOT NULL,
    date_created timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    user_created uuid
);


--
-- Name: directus_panels; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_panels (
    id uuid NOT NULL,
    dashboard uuid NOT NULL,
    name character varying(255),
    icon character varying(64) DEFAULT NULL::character varying,
    color character varying(10),
    show_header boolean DEFAULT false NOT NULL,
    note text,
    type character varying(255) NOT NULL,
    position_x integer NOT NULL,
    position_y integer NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    options json,
    date_created timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    user_created uuid
);


--
-- Name: directus_permissions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_permissions (
    id integer NOT NULL,
    collection character varying(64) NOT NULL,
    action character varying(10) NOT NULL,
    permissions json,
    validation json,
    presets json,
    fields text,
    policy uuid NOT NULL
);


--
-- Name: directus_permissions_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.directus_permissions_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: directus_permissions_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.directus_permissions_id_seq OWNED BY public.directus_permissions.id;


--
-- Name: directus_policies; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_policies (
    id uuid NOT NULL,
    name character varying(100) NOT NULL,
    icon character varying(64) DEFAULT 'badge'::character varying NOT NULL,
    description text,
    ip_access text,
    enforce_tfa boolean DEFAULT false NOT NULL,
    admin_access boolean DEFAULT false NOT NULL,
    app_access boolean DEFAULT false NOT NULL
);


--
-- Name: directus_presets; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_presets (
    id integer NOT NULL,
    bookmark character varying(255),
    "user" uuid,
    role uuid,
    collection character varying(64),
    search character varying(100),
    layout character varying(100) DEFAULT 'tabular'::character varying,
    layout_query json,
    layout_options json,
    refresh_interval integer,
    filter json,
    icon character varying(64) DEFAULT 'bookmark'::character varying,
    color character varying(255)
);


--
-- Name: directus_presets_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.directus_presets_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: directus_presets_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.directus_presets_id_seq OWNED BY public.directus_presets.id;


--
-- Name: directus_relations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_relations (
    id integer NOT NULL,
    many_collection character varying(64) NOT NULL,
    many_field character varying(64) NOT NULL,
    one_collection character varying(64),
    one_field character varying(64),
    one_collection_field character varying(64),
    one_allowed_collections text,
    junction_field character varying(64),
    sort_field character varying(64),
    one_deselect_action character varying(255) DEFAULT 'nullify'::character varying NOT NULL
);


--
-- Name: directus_relations_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.directus_relations_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: directus_relations_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.directus_relations_id_seq OWNED BY public.directus_relations.id;


--
-- Name: directus_revisions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_revisions (
    id integer NOT NULL,
    activity integer NOT NULL,
    collection character varying(64) NOT NULL,
    item character varying(255) NOT NULL,
    data json,
    delta json,
    parent integer,
    version uuid
);


--
-- Name: directus_revisions_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.directus_revisions_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: directus_revisions_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.directus_revisions_id_seq OWNED BY public.directus_revisions.id;


--
-- Name: directus_roles; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_roles (
    id uuid NOT NULL,
    name character varying(100) NOT NULL,
    icon character varying(64) DEFAULT 'supervised_user_circle'::character varying NOT NULL,
    description text,
    parent uuid
);


--
-- Name: directus_sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_sessions (
    token character varying(64) NOT NULL,
    "user" uuid,
    expires timestamp with time zone NOT NULL,
    ip character varying(255),
    user_agent text,
    share uuid,
    origin character varying(255),
    next_token character varying(64),
    oauth_client character varying(255)
);


--
-- Name: directus_settings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_settings (
    id integer NOT NULL,
    project_name character varying(100) DEFAULT 'Directus'::character varying NOT NULL,
    project_url character varying(255),
    project_color character varying(255) DEFAULT '#6644FF'::character varying NOT NULL,
    project_logo uuid,
    public_foreground uuid,
    public_background uuid,
    public_note text,
    auth_login_attempts integer DEFAULT 25,
    auth_password_policy character varying(100),
    storage_asset_transform character varying(7) DEFAULT 'all'::character varying,
    storage_asset_presets json,
    custom_css text,
    storage_default_folder uuid,
    basemaps json,
    mapbox_key character varying(255),
    module_bar json,
    project_descriptor character varying(100),
    default_language character varying(255) DEFAULT 'en-US'::character varying NOT NULL,
    custom_aspect_ratios json,
    public_favicon uuid,
    default_appearance character varying(255) DEFAULT 'auto'::character varying NOT NULL,
    default_theme_light character varying(255),
    theme_light_overrides json,
    default_theme_dark character varying(255),
    theme_dark_overrides json,
    report_error_url character varying(255),
    report_bug_url character varying(255),
    report_feature_url character varying(255),
    public_registration boolean DEFAULT false NOT NULL,
    public_registration_verify_email boolean DEFAULT true NOT NULL,
    public_registration_role uuid,
    public_registration_email_filter json,
    visual_editor_urls json,
    project_id uuid,
    mcp_enabled boolean DEFAULT false NOT NULL,
    mcp_allow_deletes boolean DEFAULT false NOT NULL,
    mcp_prompts_collection character varying(255) DEFAULT NULL::character varying,
    mcp_system_prompt_enabled boolean DEFAULT true NOT NULL,
    mcp_system_prompt text,
    project_owner character varying(255),
    project_usage character varying(255),
    org_name character varying(255),
    product_updates boolean,
    project_status character varying(255),
    ai_openai_api_key text,
    ai_anthropic_api_key text,
    ai_system_prompt text,
    ai_google_api_key text,
    ai_openai_compatible_api_key text,
    ai_openai_compatible_base_url text,
    ai_openai_compatible_name text,
    ai_openai_compatible_models json,
    ai_openai_compatible_headers json,
    ai_openai_allowed_models json,
    ai_anthropic_allowed_models json,
    ai_google_allowed_models json,
    collaborative_editing_enabled boolean DEFAULT false NOT NULL,
    ai_translation_default_model text,
    ai_translation_glossary json,
    ai_translation_style_guide text,
    license_key character varying(255) DEFAULT NULL::character varying,
    license_token text,
    mcp_oauth_enabled boolean DEFAULT false NOT NULL,
    mcp_oauth_dcr_enabled boolean DEFAULT false NOT NULL,
    mcp_oauth_cimd_enabled boolean DEFAULT false NOT NULL,
    default_save_action character varying(255) DEFAULT 'save-and-quit'::character varying NOT NULL
);


--
-- Name: directus_settings_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.directus_settings_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: directus_settings_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.directus_settings_id_seq OWNED BY public.directus_settings.id;


--
-- Name: directus_shares; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_shares (
    id uuid NOT NULL,
    name character varying(255),
    collection character varying(64) NOT NULL,
    item character varying(255) NOT NULL,
    role uuid,
    password character varying(255),
    user_created uuid,
    date_created timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    date_start timestamp with time zone,
    date_end timestamp with time zone,
    times_used integer DEFAULT 0,
    max_uses integer
);


--
-- Name: directus_translations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_translations (
    id uuid NOT NULL,
    language character varying(255) NOT NULL,
    key character varying(255) NOT NULL,
    value text NOT NULL
);


--
-- Name: directus_users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_users (
    id uuid NOT NULL,
    first_name character varying(50),
    last_name character varying(50),
    email character varying(128),
    password character varying(255),
    location character varying(255),
    title character varying(50),
    description text,
    tags json,
    avatar uuid,
    language character varying(255) DEFAULT NULL::character varying,
    tfa_secret character varying(255),
    status character varying(16) DEFAULT 'active'::character varying NOT NULL,
    role uuid,
    token character varying(255),
    last_access timestamp with time zone,
    last_page character varying(255),
    provider character varying(128) DEFAULT 'default'::character varying NOT NULL,
    external_identifier character varying(255),
    auth_data json,
    email_notifications boolean DEFAULT true,
    appearance character varying(255),
    theme_dark character varying(255),
    theme_light character varying(255),
    theme_light_overrides json,
    theme_dark_overrides json,
    text_direction character varying(255) DEFAULT 'auto'::character varying NOT NULL
);


--
-- Name: directus_versions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.directus_versions (
    id uuid NOT NULL,
    key character varying(64) NOT NULL,
    name character varying(255),
    collection character varying(64) NOT NULL,
    item character varying(255),
    hash character varying(255),
    date_created timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    date_updated timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    user_created uuid,
    user_updated uuid,
    delta json
);


--
-- Name: messages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.messages (
    id integer NOT NULL,
    text character varying(255),
    "user" character varying(255),
    date_created timestamp with time zone
);


--
-- Name: messages_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.messages_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: messages_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.messages_id_seq OWNED BY public.messages.id;


--
-- Name: no_access; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.no_access (
    id integer NOT NULL,
    v character varying(255)
);


--
-- Name: no_access_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.no_access_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: no_access_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.no_access_id_seq OWNED BY public.no_access.id;


--
-- Name: pages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pages (
    id integer NOT NULL,
    title character varying(255)
);


--
-- Name: pages_blocks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.pages_blocks (
    id integer NOT NULL,
    pages_id integer,
    item character varying(255),
    collection character varying(255),
    sort integer
);


--
-- Name: pages_blocks_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.pages_blocks_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: pages_blocks_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.pages_blocks_id_seq OWNED BY public.pages_blocks.id;


--
-- Name: pages_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.pages_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: pages_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.pages_id_seq OWNED BY public.pages.id;


--
-- Name: presence; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.presence (
    id uuid NOT NULL,
    collection character varying(255),
    item character varying(255),
    "user" character varying(255),
    "timestamp" timestamp with time zone
);


--
-- Name: site_settings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.site_settings (
    id integer NOT NULL,
    site_name character varying(255),
    theme json
);


--
-- Name: site_settings_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.site_settings_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: site_settings_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.site_settings_id_seq OWNED BY public.site_settings.id;


--
-- Name: tags; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tags (
    id integer NOT NULL,
    label character varying(255)
);


--
-- Name: tags_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.tags_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: tags_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.tags_id_seq OWNED BY public.tags.id;


--
-- Name: test_ws_integer; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.test_ws_integer (
    id integer NOT NULL,
    name character varying(255)
);


--
-- Name: test_ws_integer_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.test_ws_integer_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: test_ws_integer_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.test_ws_integer_id_seq OWNED BY public.test_ws_integer.id;


--
-- Name: test_ws_string; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.test_ws_string (
    id character varying(255) NOT NULL,
    name character varying(255)
);


--
-- Name: test_ws_uuid; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.test_ws_uuid (
    id uuid NOT NULL,
    name character varying(255)
);


--
-- Name: articles id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.articles ALTER COLUMN id SET DEFAULT nextval('public.articles_id_seq'::regclass);


--
-- Name: articles_tags id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.articles_tags ALTER COLUMN id SET DEFAULT nextval('public.articles_tags_id_seq'::regclass);


--
-- Name: block_image id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.block_image ALTER COLUMN id SET DEFAULT nextval('public.block_image_id_seq'::regclass);


--
-- Name: block_text id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.block_text ALTER COLUMN id SET DEFAULT nextval('public.block_text_id_seq'::regclass);


--
-- Name: comments id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.comments ALTER COLUMN id SET DEFAULT nextval('public.comments_id_seq'::regclass);


--
-- Name: directus_activity id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_activity ALTER COLUMN id SET DEFAULT nextval('public.directus_activity_id_seq'::regclass);


--
-- Name: directus_fields id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_fields ALTER COLUMN id SET DEFAULT nextval('public.directus_fields_id_seq'::regclass);


--
-- Name: directus_notifications id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_notifications ALTER COLUMN id SET DEFAULT nextval('public.directus_notifications_id_seq'::regclass);


--
-- Name: directus_permissions id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_permissions ALTER COLUMN id SET DEFAULT nextval('public.directus_permissions_id_seq'::regclass);


--
-- Name: directus_presets id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_presets ALTER COLUMN id SET DEFAULT nextval('public.directus_presets_id_seq'::regclass);


--
-- Name: directus_relations id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_relations ALTER COLUMN id SET DEFAULT nextval('public.directus_relations_id_seq'::regclass);


--
-- Name: directus_revisions id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_revisions ALTER COLUMN id SET DEFAULT nextval('public.directus_revisions_id_seq'::regclass);


--
-- Name: directus_settings id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_settings ALTER COLUMN id SET DEFAULT nextval('public.directus_settings_id_seq'::regclass);


--
-- Name: messages id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages ALTER COLUMN id SET DEFAULT nextval('public.messages_id_seq'::regclass);


--
-- Name: no_access id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.no_access ALTER COLUMN id SET DEFAULT nextval('public.no_access_id_seq'::regclass);


--
-- Name: pages id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pages ALTER COLUMN id SET DEFAULT nextval('public.pages_id_seq'::regclass);


--
-- Name: pages_blocks id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pages_blocks ALTER COLUMN id SET DEFAULT nextval('public.pages_blocks_id_seq'::regclass);


--
-- Name: site_settings id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.site_settings ALTER COLUMN id SET DEFAULT nextval('public.site_settings_id_seq'::regclass);


--
-- Name: tags id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tags ALTER COLUMN id SET DEFAULT nextval('public.tags_id_seq'::regclass);


--
-- Name: test_ws_integer id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.test_ws_integer ALTER COLUMN id SET DEFAULT nextval('public.test_ws_integer_id_seq'::regclass);


--
-- Data for Name: articles; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.articles (id, title, slug, status, body, views, score, price, big, published_at, event_date, event_time, event_datetime, meta, labels, featured, secret, author, category, date_created, date_updated, user_created, user_updated, sort) FROM stdin;
1	Engines of analysis	engines	published	The engine weaves.	100	1.5	19.99	9007199254740993	2026-01-02 03:04:05+00	2026-02-03	08:30:00	2026-02-03 08:30:00	{"k":"v","n":1,"list":[1,2]}	one,two	t	s1	a0000000-0000-4000-8000-000000000001	tech	2026-01-01 10:00:00+00	\N	10000000-0000-4000-8000-000000000001	\N	3
2	Compilers for all	compilers	published	A-0 System.	250	2.25	5.00	12	2026-03-01 00:00:00+00	2026-03-01	\N	\N	\N	\N	f	s2	a0000000-0000-4000-8000-000000000002	tech	2026-01-02 10:00:00+00	\N	10000000-0000-4000-8000-000000000001	\N	1
3	On computable numbers	computable	draft	Entscheidungsproblem	7	-0.5	0.10	\N	\N	\N	\N	\N	\N	\N	t	s3	a0000000-0000-4000-8000-000000000003	ai	2026-01-03 10:00:00+00	\N	10000000-0000-4000-8000-000000000001	\N	2
4	Heat and fire	heat	archived	\N	0	\N	\N	\N	\N	\N	\N	\N	\N	\N	f	\N	a0000000-0000-4000-8000-000000000004	opinion	2026-01-04 10:00:00+00	\N	10000000-0000-4000-8000-000000000001	\N	\N
5	Draft by editor	draft-editor	draft	wip	1	\N	\N	\N	\N	\N	\N	\N	{"k":"w"}		f	\N	a0000000-0000-4000-8000-000000000001	\N	2026-01-05 10:00:00+00	\N	10000000-0000-4000-8000-000000000001	\N	\N
6	Draft by reporter	draft-reporter	draft	notes	2	\N	\N	\N	\N	\N	\N	\N	\N	\N	f	s6	\N	sports	2026-01-06 10:00:00+00	\N	10000000-0000-4000-8000-000000000002	\N	\N
7	Match report	match	published	2-1 after extra time	999	10	\N	\N	2026-05-05 12:00:00.123+00	\N	\N	\N	\N	sport	f	\N	a0000000-0000-4000-8000-000000000002	sports	2026-01-07 10:00:00+00	\N	10000000-0000-4000-8000-000000000001	\N	\N
8	zeta: lower case title	\N	archived	percent % and _ and 'quote'	42	\N	\N	\N	\N	\N	\N	\N	\N	\N	t	s8	\N	\N	2026-01-08 10:00:00+00	\N	10000000-0000-4000-8000-000000000001	\N	\N
\.


--
-- Data for Name: articles_tags; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.articles_tags (id, articles_id, tags_id) FROM stdin;
1	1	1
2	1	2
3	2	2
4	2	3
\.


--
-- Data for Name: authors; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.authors (id, name, email, bio, rating, active, born, interests, settings, password) FROM stdin;
a0000000-0000-4000-8000-000000000001	Ada Lovelace	ada@example.com	First programmer.	4.50	t	1815-12-10	math,engines	{"theme":"dark","size":12}	$argon2id$v=19$m=65536,t=3,p=4$keGTli5oqa+ScXVlfAmFXQ$LYoFliUYJywNH9eZA2io0iTeO1EWLsDAYGFY433+w6I
a0000000-0000-4000-8000-000000000002	Grace Hopper	grace@example.com	\N	5.00	t	1906-12-09	navy	{"theme":"light","nested":{"a":[1,2,3]}}	\N
a0000000-0000-4000-8000-000000000003	Alan Turing	alan@example.com	Machines.	3.25	f	1912-06-23		\N	\N
a0000000-0000-4000-8000-000000000004	Émilie du Châtelet	\N	Näturphilosophie ✓	\N	\N	\N	\N	{}	\N
\.


--
-- Data for Name: block_image; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.block_image (id, url, caption) FROM stdin;
1	/img/a.png	A
\.


--
-- Data for Name: block_text; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.block_text (id, body) FROM stdin;
1	Welcome
2	About us
\.


--
-- Data for Name: categories; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.categories (id, name, parent) FROM stdin;
news	News	\N
tech	Technology	news
ai	AI	tech
sports	Sports	news
opinion	Opinion	\N
\.


--
-- Data for Name: comments; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.comments (id, article, text, approved, author_name) FROM stdin;
1	1	Great read	t	ann
2	1	spam spam	f	bot
3	2	Thanks	t	bob
4	2	Typo in line 3	\N	\N
5	3	Undecidable	t	ann
6	\N	orphan	t	bob
\.


--
-- Data for Name: directus_access; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_access (id, role, "user", policy, sort) FROM stdin;
bdf12119-c1a4-43b3-bb33-5216681b81c0	\N	\N	abf8a154-5b1c-4a46-ac9c-7300570f4f17	1
16297f7b-45a1-4f0d-ab85-3aa37b60c517	2397896a-b51e-4659-aaae-99fbd432aa62	\N	faaaae14-94fd-4bd1-a812-bec935db531a	\N
413a1ae4-bbb9-4330-b770-5c940c1ab32b	20000000-0000-4000-8000-000000000001	\N	30000000-0000-4000-8000-000000000001	1
9e711793-0e7d-437c-8122-595d5e234748	20000000-0000-4000-8000-000000000002	\N	30000000-0000-4000-8000-000000000002	1
86ccb654-99f7-4fdd-bbc1-a60b38b42583	20000000-0000-4000-8000-000000000003	\N	30000000-0000-4000-8000-000000000003	1
c9ba82ef-6333-4c6f-8a7a-b30595d1fd7f	20000000-0000-4000-8000-000000000004	\N	30000000-0000-4000-8000-000000000004	1
86c46a12-d12a-4503-9f0f-8c1baa10cf04	\N	10000000-0000-4000-8000-000000000005	30000000-0000-4000-8000-000000000005	1
b25eb849-bc7e-4b47-96f9-92e0a45f7248	\N	10000000-0000-4000-8000-000000000005	30000000-0000-4000-8000-000000000006	2
1c2044ab-f6d8-4ef5-b274-4a9897c700e9	\N	10000000-0000-4000-8000-000000000006	30000000-0000-4000-8000-000000000007	1
\.


--
-- Data for Name: directus_activity; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_activity (id, action, "user", "timestamp", ip, user_agent, collection, item, origin) FROM stdin;
1	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.062+00	127.0.0.1	python-requests/2.34.2	directus_fields	1	\N
2	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.069+00	127.0.0.1	python-requests/2.34.2	directus_fields	2	\N
3	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.074+00	127.0.0.1	python-requests/2.34.2	directus_fields	3	\N
4	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.079+00	127.0.0.1	python-requests/2.34.2	directus_fields	4	\N
5	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.083+00	127.0.0.1	python-requests/2.34.2	directus_fields	5	\N
6	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.086+00	127.0.0.1	python-requests/2.34.2	directus_fields	6	\N
7	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.09+00	127.0.0.1	python-requests/2.34.2	directus_fields	7	\N
8	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.093+00	127.0.0.1	python-requests/2.34.2	directus_fields	8	\N
9	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.096+00	127.0.0.1	python-requests/2.34.2	directus_fields	9	\N
10	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.099+00	127.0.0.1	python-requests/2.34.2	directus_fields	10	\N
11	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.101+00	127.0.0.1	python-requests/2.34.2	directus_collections	authors	\N
12	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.164+00	127.0.0.1	python-requests/2.34.2	directus_fields	11	\N
13	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.168+00	127.0.0.1	python-requests/2.34.2	directus_fields	12	\N
14	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.17+00	127.0.0.1	python-requests/2.34.2	directus_fields	13	\N
15	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.173+00	127.0.0.1	python-requests/2.34.2	directus_fields	14	\N
16	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.176+00	127.0.0.1	python-requests/2.34.2	directus_collections	categories	\N
17	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.228+00	127.0.0.1	python-requests/2.34.2	directus_fields	15	\N
18	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.23+00	127.0.0.1	python-requests/2.34.2	directus_fields	16	\N
19	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.232+00	127.0.0.1	python-requests/2.34.2	directus_fields	17	\N
20	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.237+00	127.0.0.1	python-requests/2.34.2	directus_fields	18	\N
21	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.239+00	127.0.0.1	python-requests/2.34.2	directus_fields	19	\N
22	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.245+00	127.0.0.1	python-requests/2.34.2	directus_fields	20	\N
23	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.249+00	127.0.0.1	python-requests/2.34.2	directus_fields	21	\N
24	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.253+00	127.0.0.1	python-requests/2.34.2	directus_fields	22	\N
25	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.255+00	127.0.0.1	python-requests/2.34.2	directus_fields	23	\N
26	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.258+00	127.0.0.1	python-requests/2.34.2	directus_fields	24	\N
27	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.262+00	127.0.0.1	python-requests/2.34.2	directus_fields	25	\N
28	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.267+00	127.0.0.1	python-requests/2.34.2	directus_fields	26	\N
29	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.273+00	127.0.0.1	python-requests/2.34.2	directus_fields	27	\N
30	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.278+00	127.0.0.1	python-requests/2.34.2	directus_fields	28	\N
31	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.284+00	127.0.0.1	python-requests/2.34.2	directus_fields	29	\N
32	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.296+00	127.0.0.1	python-requests/2.34.2	directus_fields	30	\N
33	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.299+00	127.0.0.1	python-requests/2.34.2	directus_fields	31	\N
34	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.303+00	127.0.0.1	python-requests/2.34.2	directus_fields	32	\N
35	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.305+00	127.0.0.1	python-requests/2.34.2	directus_fields	33	\N
36	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.308+00	127.0.0.1	python-requests/2.34.2	directus_fields	34	\N
37	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.31+00	127.0.0.1	python-requests/2.34.2	directus_fields	35	\N
38	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.316+00	127.0.0.1	python-requests/2.34.2	directus_fields	36	\N
39	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.321+00	127.0.0.1	python-requests/2.34.2	directus_fields	37	\N
40	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.327+00	127.0.0.1	python-requests/2.34.2	directus_fields	38	\N
41	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.336+00	127.0.0.1	python-requests/2.34.2	directus_fields	39	\N
42	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.347+00	127.0.0.1	python-requests/2.34.2	directus_fields	40	\N
43	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.352+00	127.0.0.1	python-requests/2.34.2	directus_collections	articles	\N
44	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.425+00	127.0.0.1	python-requests/2.34.2	directus_fields	41	\N
45	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.428+00	127.0.0.1	python-requests/2.34.2	directus_fields	42	\N
46	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.431+00	127.0.0.1	python-requests/2.34.2	directus_fields	43	\N
47	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.433+00	127.0.0.1	python-requests/2.34.2	directus_fields	44	\N
48	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.436+00	127.0.0.1	python-requests/2.34.2	directus_fields	45	\N
49	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.438+00	127.0.0.1	python-requests/2.34.2	directus_collections	comments	\N
50	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.487+00	127.0.0.1	python-requests/2.34.2	directus_fields	46	\N
51	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.49+00	127.0.0.1	python-requests/2.34.2	directus_fields	47	\N
52	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.493+00	127.0.0.1	python-requests/2.34.2	directus_collections	tags	\N
53	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.523+00	127.0.0.1	python-requests/2.34.2	directus_fields	48	\N
54	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.525+00	127.0.0.1	python-requests/2.34.2	directus_fields	49	\N
55	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.527+00	127.0.0.1	python-requests/2.34.2	directus_fields	50	\N
56	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.529+00	127.0.0.1	python-requests/2.34.2	directus_collections	articles_tags	\N
57	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.562+00	127.0.0.1	python-requests/2.34.2	directus_fields	51	\N
58	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.564+00	127.0.0.1	python-requests/2.34.2	directus_fields	52	\N
59	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.567+00	127.0.0.1	python-requests/2.34.2	directus_collections	block_text	\N
60	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.604+00	127.0.0.1	python-requests/2.34.2	directus_fields	53	\N
61	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.606+00	127.0.0.1	python-requests/2.34.2	directus_fields	54	\N
62	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.609+00	127.0.0.1	python-requests/2.34.2	directus_fields	55	\N
63	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.612+00	127.0.0.1	python-requests/2.34.2	directus_collections	block_image	\N
64	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.653+00	127.0.0.1	python-requests/2.34.2	directus_fields	56	\N
65	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.657+00	127.0.0.1	python-requests/2.34.2	directus_fields	57	\N
66	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.66+00	127.0.0.1	python-requests/2.34.2	directus_fields	58	\N
67	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.662+00	127.0.0.1	python-requests/2.34.2	directus_collections	pages	\N
68	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.698+00	127.0.0.1	python-requests/2.34.2	directus_fields	59	\N
69	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.7+00	127.0.0.1	python-requests/2.34.2	directus_fields	60	\N
70	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.702+00	127.0.0.1	python-requests/2.34.2	directus_fields	61	\N
71	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.704+00	127.0.0.1	python-requests/2.34.2	directus_fields	62	\N
72	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.705+00	127.0.0.1	python-requests/2.34.2	directus_fields	63	\N
73	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.708+00	127.0.0.1	python-requests/2.34.2	directus_collections	pages_blocks	\N
74	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.739+00	127.0.0.1	python-requests/2.34.2	directus_fields	64	\N
75	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.741+00	127.0.0.1	python-requests/2.34.2	directus_fields	65	\N
76	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.744+00	127.0.0.1	python-requests/2.34.2	directus_fields	66	\N
77	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.746+00	127.0.0.1	python-requests/2.34.2	directus_collections	site_settings	\N
78	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.779+00	127.0.0.1	python-requests/2.34.2	directus_fields	67	\N
79	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.781+00	127.0.0.1	python-requests/2.34.2	directus_fields	68	\N
80	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.785+00	127.0.0.1	python-requests/2.34.2	directus_fields	69	\N
81	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.79+00	127.0.0.1	python-requests/2.34.2	directus_fields	70	\N
82	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.793+00	127.0.0.1	python-requests/2.34.2	directus_collections	messages	\N
83	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.828+00	127.0.0.1	python-requests/2.34.2	directus_fields	71	\N
84	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.832+00	127.0.0.1	python-requests/2.34.2	directus_fields	72	\N
85	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.834+00	127.0.0.1	python-requests/2.34.2	directus_fields	73	\N
86	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.837+00	127.0.0.1	python-requests/2.34.2	directus_fields	74	\N
87	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.84+00	127.0.0.1	python-requests/2.34.2	directus_fields	75	\N
88	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.842+00	127.0.0.1	python-requests/2.34.2	directus_collections	presence	\N
89	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.879+00	127.0.0.1	python-requests/2.34.2	directus_fields	76	\N
90	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.882+00	127.0.0.1	python-requests/2.34.2	directus_fields	77	\N
91	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.884+00	127.0.0.1	python-requests/2.34.2	directus_collections	test_ws_integer	\N
92	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.929+00	127.0.0.1	python-requests/2.34.2	directus_fields	78	\N
93	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.931+00	127.0.0.1	python-requests/2.34.2	directus_fields	79	\N
94	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.934+00	127.0.0.1	python-requests/2.34.2	directus_collections	test_ws_uuid	\N
95	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.97+00	127.0.0.1	python-requests/2.34.2	directus_fields	80	\N
96	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.973+00	127.0.0.1	python-requests/2.34.2	directus_fields	81	\N
97	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:03.976+00	127.0.0.1	python-requests/2.34.2	directus_collections	test_ws_string	\N
98	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.008+00	127.0.0.1	python-requests/2.34.2	directus_fields	82	\N
99	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.011+00	127.0.0.1	python-requests/2.34.2	directus_fields	83	\N
100	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.012+00	127.0.0.1	python-requests/2.34.2	directus_collections	no_access	\N
101	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.374+00	127.0.0.1	python-requests/2.34.2	directus_roles	20000000-0000-4000-8000-000000000001	\N
102	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.394+00	127.0.0.1	python-requests/2.34.2	directus_roles	20000000-0000-4000-8000-000000000002	\N
103	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.409+00	127.0.0.1	python-requests/2.34.2	directus_roles	20000000-0000-4000-8000-000000000003	\N
104	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.422+00	127.0.0.1	python-requests/2.34.2	directus_roles	20000000-0000-4000-8000-000000000004	\N
105	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.438+00	127.0.0.1	python-requests/2.34.2	directus_roles	20000000-0000-4000-8000-000000000005	\N
106	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.457+00	127.0.0.1	python-requests/2.34.2	directus_policies	30000000-0000-4000-8000-000000000001	\N
107	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.474+00	127.0.0.1	python-requests/2.34.2	directus_policies	30000000-0000-4000-8000-000000000002	\N
108	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.492+00	127.0.0.1	python-requests/2.34.2	directus_policies	30000000-0000-4000-8000-000000000003	\N
109	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.507+00	127.0.0.1	python-requests/2.34.2	directus_policies	30000000-0000-4000-8000-000000000004	\N
110	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.521+00	127.0.0.1	python-requests/2.34.2	directus_policies	30000000-0000-4000-8000-000000000005	\N
111	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.533+00	127.0.0.1	python-requests/2.34.2	directus_policies	30000000-0000-4000-8000-000000000006	\N
112	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.544+00	127.0.0.1	python-requests/2.34.2	directus_policies	30000000-0000-4000-8000-000000000007	\N
113	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.573+00	127.0.0.1	python-requests/2.34.2	directus_permissions	1	\N
114	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.588+00	127.0.0.1	python-requests/2.34.2	directus_permissions	2	\N
115	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.607+00	127.0.0.1	python-requests/2.34.2	directus_permissions	3	\N
116	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.62+00	127.0.0.1	python-requests/2.34.2	directus_permissions	4	\N
117	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.633+00	127.0.0.1	python-requests/2.34.2	directus_permissions	5	\N
118	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.648+00	127.0.0.1	python-requests/2.34.2	directus_permissions	6	\N
119	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.662+00	127.0.0.1	python-requests/2.34.2	directus_permissions	7	\N
120	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.674+00	127.0.0.1	python-requests/2.34.2	directus_permissions	8	\N
121	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.686+00	127.0.0.1	python-requests/2.34.2	directus_permissions	9	\N
122	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.702+00	127.0.0.1	python-requests/2.34.2	directus_permissions	10	\N
123	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.718+00	127.0.0.1	python-requests/2.34.2	directus_permissions	11	\N
124	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.731+00	127.0.0.1	python-requests/2.34.2	directus_permissions	12	\N
125	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.743+00	127.0.0.1	python-requests/2.34.2	directus_permissions	13	\N
126	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.756+00	127.0.0.1	python-requests/2.34.2	directus_permissions	14	\N
127	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.767+00	127.0.0.1	python-requests/2.34.2	directus_permissions	15	\N
128	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.776+00	127.0.0.1	python-requests/2.34.2	directus_permissions	16	\N
129	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.792+00	127.0.0.1	python-requests/2.34.2	directus_permissions	17	\N
130	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.806+00	127.0.0.1	python-requests/2.34.2	directus_permissions	18	\N
131	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.821+00	127.0.0.1	python-requests/2.34.2	directus_permissions	19	\N
132	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.838+00	127.0.0.1	python-requests/2.34.2	directus_permissions	20	\N
133	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.849+00	127.0.0.1	python-requests/2.34.2	directus_permissions	21	\N
134	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.861+00	127.0.0.1	python-requests/2.34.2	directus_permissions	22	\N
135	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.871+00	127.0.0.1	python-requests/2.34.2	directus_permissions	23	\N
136	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.885+00	127.0.0.1	python-requests/2.34.2	directus_permissions	24	\N
137	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.899+00	127.0.0.1	python-requests/2.34.2	directus_permissions	25	\N
138	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.912+00	127.0.0.1	python-requests/2.34.2	directus_permissions	26	\N
139	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.923+00	127.0.0.1	python-requests/2.34.2	directus_permissions	27	\N
140	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.936+00	127.0.0.1	python-requests/2.34.2	directus_permissions	28	\N
141	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.949+00	127.0.0.1	python-requests/2.34.2	directus_permissions	29	\N
142	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.96+00	127.0.0.1	python-requests/2.34.2	directus_permissions	30	\N
143	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.973+00	127.0.0.1	python-requests/2.34.2	directus_permissions	31	\N
144	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.986+00	127.0.0.1	python-requests/2.34.2	directus_permissions	32	\N
145	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:04.996+00	127.0.0.1	python-requests/2.34.2	directus_permissions	33	\N
146	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.008+00	127.0.0.1	python-requests/2.34.2	directus_permissions	34	\N
147	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.026+00	127.0.0.1	python-requests/2.34.2	directus_permissions	35	\N
148	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.043+00	127.0.0.1	python-requests/2.34.2	directus_permissions	36	\N
149	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.055+00	127.0.0.1	python-requests/2.34.2	directus_permissions	37	\N
150	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.067+00	127.0.0.1	python-requests/2.34.2	directus_permissions	38	\N
151	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.085+00	127.0.0.1	python-requests/2.34.2	directus_permissions	39	\N
152	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.099+00	127.0.0.1	python-requests/2.34.2	directus_permissions	40	\N
153	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.111+00	127.0.0.1	python-requests/2.34.2	directus_permissions	41	\N
154	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.122+00	127.0.0.1	python-requests/2.34.2	directus_permissions	42	\N
155	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.133+00	127.0.0.1	python-requests/2.34.2	directus_permissions	43	\N
156	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.142+00	127.0.0.1	python-requests/2.34.2	directus_permissions	44	\N
157	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.151+00	127.0.0.1	python-requests/2.34.2	directus_permissions	45	\N
158	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.36+00	127.0.0.1	python-requests/2.34.2	directus_users	10000000-0000-4000-8000-000000000001	\N
159	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.518+00	127.0.0.1	python-requests/2.34.2	directus_users	10000000-0000-4000-8000-000000000002	\N
160	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.642+00	127.0.0.1	python-requests/2.34.2	directus_users	10000000-0000-4000-8000-000000000003	\N
161	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.754+00	127.0.0.1	python-requests/2.34.2	directus_users	10000000-0000-4000-8000-000000000004	\N
162	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:05.882+00	127.0.0.1	python-requests/2.34.2	directus_users	10000000-0000-4000-8000-000000000005	\N
163	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.031+00	127.0.0.1	python-requests/2.34.2	directus_users	10000000-0000-4000-8000-000000000006	\N
164	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.165+00	127.0.0.1	python-requests/2.34.2	directus_users	10000000-0000-4000-8000-000000000007	\N
165	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.276+00	127.0.0.1	python-requests/2.34.2	directus_users	10000000-0000-4000-8000-000000000008	\N
166	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.394+00	127.0.0.1	python-requests/2.34.2	directus_users	10000000-0000-4000-8000-000000000009	\N
167	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.41+00	127.0.0.1	python-requests/2.34.2	directus_access	413a1ae4-bbb9-4330-b770-5c940c1ab32b	\N
168	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.43+00	127.0.0.1	python-requests/2.34.2	directus_access	9e711793-0e7d-437c-8122-595d5e234748	\N
169	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.449+00	127.0.0.1	python-requests/2.34.2	directus_access	86ccb654-99f7-4fdd-bbc1-a60b38b42583	\N
170	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.466+00	127.0.0.1	python-requests/2.34.2	directus_access	c9ba82ef-6333-4c6f-8a7a-b30595d1fd7f	\N
171	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.484+00	127.0.0.1	python-requests/2.34.2	directus_access	86c46a12-d12a-4503-9f0f-8c1baa10cf04	\N
172	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.503+00	127.0.0.1	python-requests/2.34.2	directus_access	b25eb849-bc7e-4b47-96f9-92e0a45f7248	\N
173	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.521+00	127.0.0.1	python-requests/2.34.2	directus_access	1c2044ab-f6d8-4ef5-b274-4a9897c700e9	\N
174	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.634+00	127.0.0.1	python-requests/2.34.2	authors	a0000000-0000-4000-8000-000000000001	\N
175	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.647+00	127.0.0.1	python-requests/2.34.2	authors	a0000000-0000-4000-8000-000000000002	\N
176	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.656+00	127.0.0.1	python-requests/2.34.2	authors	a0000000-0000-4000-8000-000000000003	\N
177	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.665+00	127.0.0.1	python-requests/2.34.2	authors	a0000000-0000-4000-8000-000000000004	\N
178	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.674+00	127.0.0.1	python-requests/2.34.2	categories	news	\N
179	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.683+00	127.0.0.1	python-requests/2.34.2	categories	tech	\N
180	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.693+00	127.0.0.1	python-requests/2.34.2	categories	ai	\N
181	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.701+00	127.0.0.1	python-requests/2.34.2	categories	sports	\N
182	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.712+00	127.0.0.1	python-requests/2.34.2	categories	opinion	\N
183	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.722+00	127.0.0.1	python-requests/2.34.2	tags	1	\N
184	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.734+00	127.0.0.1	python-requests/2.34.2	tags	2	\N
185	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.741+00	127.0.0.1	python-requests/2.34.2	tags	3	\N
186	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.75+00	127.0.0.1	python-requests/2.34.2	tags	4	\N
187	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.762+00	127.0.0.1	python-requests/2.34.2	articles_tags	1	\N
188	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.766+00	127.0.0.1	python-requests/2.34.2	articles_tags	2	\N
189	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.769+00	127.0.0.1	python-requests/2.34.2	articles	1	\N
190	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.784+00	127.0.0.1	python-requests/2.34.2	articles_tags	3	\N
191	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.788+00	127.0.0.1	python-requests/2.34.2	articles_tags	4	\N
192	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.791+00	127.0.0.1	python-requests/2.34.2	articles	2	\N
193	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.808+00	127.0.0.1	python-requests/2.34.2	articles	3	\N
194	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.819+00	127.0.0.1	python-requests/2.34.2	articles	4	\N
195	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.836+00	127.0.0.1	python-requests/2.34.2	articles	5	\N
196	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.855+00	127.0.0.1	python-requests/2.34.2	articles	6	\N
197	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.869+00	127.0.0.1	python-requests/2.34.2	articles	7	\N
198	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.882+00	127.0.0.1	python-requests/2.34.2	articles	8	\N
199	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.894+00	127.0.0.1	python-requests/2.34.2	comments	1	\N
200	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.905+00	127.0.0.1	python-requests/2.34.2	comments	2	\N
201	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.914+00	127.0.0.1	python-requests/2.34.2	comments	3	\N
202	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.925+00	127.0.0.1	python-requests/2.34.2	comments	4	\N
203	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.935+00	127.0.0.1	python-requests/2.34.2	comments	5	\N
204	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.942+00	127.0.0.1	python-requests/2.34.2	comments	6	\N
205	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.949+00	127.0.0.1	python-requests/2.34.2	block_text	1	\N
206	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.951+00	127.0.0.1	python-requests/2.34.2	pages_blocks	1	\N
207	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.954+00	127.0.0.1	python-requests/2.34.2	block_image	1	\N
208	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.955+00	127.0.0.1	python-requests/2.34.2	pages_blocks	2	\N
209	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.958+00	127.0.0.1	python-requests/2.34.2	pages	1	\N
210	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.967+00	127.0.0.1	python-requests/2.34.2	block_text	2	\N
211	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.968+00	127.0.0.1	python-requests/2.34.2	pages_blocks	3	\N
212	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.971+00	127.0.0.1	python-requests/2.34.2	pages	2	\N
213	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.983+00	127.0.0.1	python-requests/2.34.2	site_settings	1	\N
214	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.99+00	127.0.0.1	python-requests/2.34.2	messages	1	\N
215	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:06.996+00	127.0.0.1	python-requests/2.34.2	messages	2	\N
216	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:07.002+00	127.0.0.1	python-requests/2.34.2	messages	3	\N
217	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:07.012+00	127.0.0.1	python-requests/2.34.2	test_ws_integer	1	\N
218	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:07.02+00	127.0.0.1	python-requests/2.34.2	test_ws_integer	2	\N
219	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:07.026+00	127.0.0.1	python-requests/2.34.2	test_ws_uuid	b0000000-0000-4000-8000-000000000001	\N
220	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:07.033+00	127.0.0.1	python-requests/2.34.2	test_ws_uuid	b0000000-0000-4000-8000-000000000002	\N
221	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:07.042+00	127.0.0.1	python-requests/2.34.2	test_ws_string	s-one	\N
222	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:07.047+00	127.0.0.1	python-requests/2.34.2	test_ws_string	s-two	\N
223	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:07.058+00	127.0.0.1	python-requests/2.34.2	presence	c0000000-0000-4000-8000-000000000001	\N
224	create	400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	2026-11-20 23:07:07.068+00	127.0.0.1	python-requests/2.34.2	no_access	1	\N
\.


--
-- Data for Name: directus_collections; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_collections (collection, icon, note, display_template, hidden, singleton, translations, archive_field, archive_app_filter, archive_value, unarchive_value, sort_field, accountability, color, item_duplication_fields, sort, "group", collapse, preview_url, versioning, status, autosave_revision_interval) FROM stdin;
authors	\N	\N	\N	f	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
categories	\N	\N	\N	f	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
articles	\N	\N	\N	f	f	\N	\N	t	\N	\N	sort	all	\N	\N	\N	\N	open	\N	f	active	\N
comments	\N	\N	\N	f	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
tags	\N	\N	\N	f	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
articles_tags	\N	\N	\N	t	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
block_text	\N	\N	\N	f	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
block_image	\N	\N	\N	f	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
pages	\N	\N	\N	f	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
pages_blocks	\N	\N	\N	t	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
site_settings	\N	\N	\N	f	t	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
messages	\N	\N	\N	f	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
presence	\N	\N	\N	f	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
test_ws_integer	\N	\N	\N	f	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
test_ws_uuid	\N	\N	\N	f	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
test_ws_string	\N	\N	\N	f	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
no_access	\N	\N	\N	f	f	\N	\N	t	\N	\N	\N	all	\N	\N	\N	\N	open	\N	f	active	\N
\.


--
-- Data for Name: directus_comments; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_comments (id, collection, item, comment, date_created, date_updated, user_created, user_updated) FROM stdin;
\.


--
-- Data for Name: directus_dashboards; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_dashboards (id, name, icon, note, date_created, user_created, color) FROM stdin;
\.


--
-- Data for Name: directus_deployment_projects; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_deployment_projects (id, deployment, external_id, name, date_created, user_created, url, framework, deployable) FROM stdin;
\.


--
-- Data for Name: directus_deployment_runs; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_deployment_runs (id, project, external_id, target, date_created, user_created, status, url, started_at, completed_at) FROM stdin;
\.


--
-- Data for Name: directus_deployments; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_deployments (id, provider, credentials, options, date_created, user_created, webhook_ids, webhook_secret, last_synced_at) FROM stdin;
\.


--
-- Data for Name: directus_extensions; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_extensions (enabled, id, folder, source, bundle) FROM stdin;
\.


--
-- Data for Name: directus_fields; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_fields (id, collection, field, special, interface, options, display, display_options, readonly, hidden, sort, width, translations, note, conditions, required, "group", validation, validation_message, searchable) FROM stdin;
1	authors	id	uuid	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
2	authors	name	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
3	authors	email	\N	\N	\N	\N	\N	f	f	3	full	\N	\N	\N	f	\N	\N	\N	t
4	authors	bio	\N	\N	\N	\N	\N	f	f	4	full	\N	\N	\N	f	\N	\N	\N	t
5	authors	rating	\N	\N	\N	\N	\N	f	f	5	full	\N	\N	\N	f	\N	\N	\N	t
6	authors	active	\N	\N	\N	\N	\N	f	f	6	full	\N	\N	\N	f	\N	\N	\N	t
7	authors	born	\N	\N	\N	\N	\N	f	f	7	full	\N	\N	\N	f	\N	\N	\N	t
8	authors	interests	cast-csv	\N	\N	\N	\N	f	f	8	full	\N	\N	\N	f	\N	\N	\N	t
9	authors	settings	cast-json	\N	\N	\N	\N	f	f	9	full	\N	\N	\N	f	\N	\N	\N	t
10	authors	password	hash,conceal	\N	\N	\N	\N	f	f	10	full	\N	\N	\N	f	\N	\N	\N	t
11	categories	id	\N	\N	\N	\N	\N	f	f	1	full	\N	\N	\N	f	\N	\N	\N	t
12	categories	name	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
13	categories	parent	\N	\N	\N	\N	\N	f	f	3	full	\N	\N	\N	f	\N	\N	\N	t
14	categories	children	o2m	\N	\N	\N	\N	f	f	4	full	\N	\N	\N	f	\N	\N	\N	t
15	articles	id	\N	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
16	articles	title	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	t	\N	\N	\N	t
17	articles	slug	\N	\N	\N	\N	\N	f	f	3	full	\N	\N	\N	f	\N	\N	\N	t
18	articles	status	\N	\N	\N	\N	\N	f	f	4	full	\N	\N	\N	f	\N	\N	\N	t
19	articles	body	\N	\N	\N	\N	\N	f	f	5	full	\N	\N	\N	f	\N	\N	\N	t
20	articles	views	\N	\N	\N	\N	\N	f	f	6	full	\N	\N	\N	f	\N	\N	\N	t
21	articles	score	\N	\N	\N	\N	\N	f	f	7	full	\N	\N	\N	f	\N	\N	\N	t
22	articles	price	\N	\N	\N	\N	\N	f	f	8	full	\N	\N	\N	f	\N	\N	\N	t
23	articles	big	\N	\N	\N	\N	\N	f	f	9	full	\N	\N	\N	f	\N	\N	\N	t
24	articles	published_at	\N	\N	\N	\N	\N	f	f	10	full	\N	\N	\N	f	\N	\N	\N	t
25	articles	event_date	\N	\N	\N	\N	\N	f	f	11	full	\N	\N	\N	f	\N	\N	\N	t
26	articles	event_time	\N	\N	\N	\N	\N	f	f	12	full	\N	\N	\N	f	\N	\N	\N	t
27	articles	event_datetime	\N	\N	\N	\N	\N	f	f	13	full	\N	\N	\N	f	\N	\N	\N	t
28	articles	meta	cast-json	\N	\N	\N	\N	f	f	14	full	\N	\N	\N	f	\N	\N	\N	t
29	articles	labels	cast-csv	\N	\N	\N	\N	f	f	15	full	\N	\N	\N	f	\N	\N	\N	t
30	articles	featured	cast-boolean	\N	\N	\N	\N	f	f	16	full	\N	\N	\N	f	\N	\N	\N	t
31	articles	secret	\N	\N	\N	\N	\N	f	f	17	full	\N	\N	\N	f	\N	\N	\N	t
32	articles	author	m2o	\N	\N	\N	\N	f	f	18	full	\N	\N	\N	f	\N	\N	\N	t
33	articles	category	m2o	\N	\N	\N	\N	f	f	19	full	\N	\N	\N	f	\N	\N	\N	t
34	articles	comments	o2m	\N	\N	\N	\N	f	f	20	full	\N	\N	\N	f	\N	\N	\N	t
35	articles	tags	m2m	\N	\N	\N	\N	f	f	21	full	\N	\N	\N	f	\N	\N	\N	t
36	articles	date_created	date-created	\N	\N	\N	\N	f	f	22	full	\N	\N	\N	f	\N	\N	\N	t
37	articles	date_updated	date-updated	\N	\N	\N	\N	f	f	23	full	\N	\N	\N	f	\N	\N	\N	t
38	articles	user_created	user-created	\N	\N	\N	\N	f	f	24	full	\N	\N	\N	f	\N	\N	\N	t
39	articles	user_updated	user-updated	\N	\N	\N	\N	f	f	25	full	\N	\N	\N	f	\N	\N	\N	t
40	articles	sort	\N	\N	\N	\N	\N	f	f	26	full	\N	\N	\N	f	\N	\N	\N	t
41	comments	id	\N	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
42	comments	article	m2o	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
43	comments	text	\N	\N	\N	\N	\N	f	f	3	full	\N	\N	\N	f	\N	\N	\N	t
44	comments	approved	\N	\N	\N	\N	\N	f	f	4	full	\N	\N	\N	f	\N	\N	\N	t
45	comments	author_name	\N	\N	\N	\N	\N	f	f	5	full	\N	\N	\N	f	\N	\N	\N	t
46	tags	id	\N	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
47	tags	label	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
48	articles_tags	id	\N	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
49	articles_tags	articles_id	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
50	articles_tags	tags_id	\N	\N	\N	\N	\N	f	f	3	full	\N	\N	\N	f	\N	\N	\N	t
51	block_text	id	\N	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
52	block_text	body	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
53	block_image	id	\N	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
54	block_image	url	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
55	block_image	caption	\N	\N	\N	\N	\N	f	f	3	full	\N	\N	\N	f	\N	\N	\N	t
56	pages	id	\N	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
57	pages	title	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
58	pages	blocks	m2a	\N	\N	\N	\N	f	f	3	full	\N	\N	\N	f	\N	\N	\N	t
59	pages_blocks	id	\N	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
60	pages_blocks	pages_id	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
61	pages_blocks	item	\N	\N	\N	\N	\N	f	f	3	full	\N	\N	\N	f	\N	\N	\N	t
62	pages_blocks	collection	\N	\N	\N	\N	\N	f	f	4	full	\N	\N	\N	f	\N	\N	\N	t
63	pages_blocks	sort	\N	\N	\N	\N	\N	f	f	5	full	\N	\N	\N	f	\N	\N	\N	t
64	site_settings	id	\N	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
65	site_settings	site_name	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
66	site_settings	theme	cast-json	\N	\N	\N	\N	f	f	3	full	\N	\N	\N	f	\N	\N	\N	t
67	messages	id	\N	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
68	messages	text	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
69	messages	user	\N	\N	\N	\N	\N	f	f	3	full	\N	\N	\N	f	\N	\N	\N	t
70	messages	date_created	date-created	\N	\N	\N	\N	f	f	4	full	\N	\N	\N	f	\N	\N	\N	t
71	presence	id	uuid	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
72	presence	collection	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
73	presence	item	\N	\N	\N	\N	\N	f	f	3	full	\N	\N	\N	f	\N	\N	\N	t
74	presence	user	\N	\N	\N	\N	\N	f	f	4	full	\N	\N	\N	f	\N	\N	\N	t
75	presence	timestamp	\N	\N	\N	\N	\N	f	f	5	full	\N	\N	\N	f	\N	\N	\N	t
76	test_ws_integer	id	\N	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
77	test_ws_integer	name	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
78	test_ws_uuid	id	uuid	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
79	test_ws_uuid	name	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
80	test_ws_string	id	\N	\N	\N	\N	\N	f	f	1	full	\N	\N	\N	f	\N	\N	\N	t
81	test_ws_string	name	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
82	no_access	id	\N	\N	\N	\N	\N	t	t	1	full	\N	\N	\N	f	\N	\N	\N	t
83	no_access	v	\N	\N	\N	\N	\N	f	f	2	full	\N	\N	\N	f	\N	\N	\N	t
\.


--
-- Data for Name: directus_files; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_files (id, storage, filename_disk, filename_download, title, type, folder, uploaded_by, created_on, modified_by, modified_on, charset, filesize, width, height, duration, embed, description, location, tags, metadata, focal_point_x, focal_point_y, tus_id, tus_data, uploaded_on) FROM stdin;
\.


--
-- Data for Name: directus_flows; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_flows (id, name, icon, color, description, status, trigger, accountability, options, operation, date_created, user_created, folder) FROM stdin;
\.


--
-- Data for Name: directus_folders; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_folders (id, name, parent, type) FROM stdin;
\.


--
-- Data for Name: directus_migrations; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_migrations (version, name, "timestamp") FROM stdin;
20201028A	Remove Collection Foreign Keys	2026-11-20 22:55:47.434408+00
20201029A	Remove System Relations	2026-11-20 22:55:47.440933+00
20201029B	Remove System Collections	2026-11-20 22:55:47.446611+00
20201029C	Remove System Fields	2026-11-20 22:55:47.455666+00
20201105A	Add Cascade System Relations	2026-11-20 22:55:47.4769+00
20201105B	Change Webhook URL Type	2026-11-20 22:55:47.482426+00
20210225A	Add Relations Sort Field	2026-11-20 22:55:47.487719+00
20210304A	Remove Locked Fields	2026-11-20 22:55:47.490205+00
20210312A	Webhooks Collections Text	2026-11-20 22:55:47.493985+00
20210331A	Add Refresh Interval	2026-11-20 22:55:47.495664+00
20210415A	Make Filesize Nullable	2026-11-20 22:55:47.499687+00
20210416A	Add Collections Accountability	2026-11-20 22:55:47.502566+00
20210422A	Remove Files Interface	2026-11-20 22:55:47.504234+00
20210506A	Rename Interfaces	2026-11-20 22:55:47.51707+00
20210510A	Restructure Relations	2026-11-20 22:55:47.524647+00
20210518A	Add Foreign Key Constraints	2026-11-20 22:55:47.529999+00
20210519A	Add System Fk Triggers	2026-11-20 22:55:47.543923+00
20210521A	Add Collections Icon Color	2026-11-20 22:55:47.546139+00
20210525A	Add Insights	2026-11-20 22:55:47.55487+00
20210608A	Add Deep Clone Config	2026-11-20 22:55:47.557435+00
20210626A	Change Filesize Bigint	2026-11-20 22:55:47.564994+00
20210716A	Add Conditions to Fields	2026-11-20 22:55:47.567099+00
20210721A	Add Default Folder	2026-11-20 22:55:47.5711+00
20210802A	Replace Groups	2026-11-20 22:55:47.574642+00
20210803A	Add Required to Fields	2026-11-20 22:55:47.576726+00
20210805A	Update Groups	2026-11-20 22:55:47.579407+00
20210805B	Change Image Metadata Structure	2026-11-20 22:55:47.582233+00
20210811A	Add Geometry Config	2026-11-20 22:55:47.584349+00
20210831A	Remove Limit Column	2026-11-20 22:55:47.586274+00
20210903A	Add Auth Provider	2026-11-20 22:55:47.595479+00
20210907A	Webhooks Collections Not Null	2026-11-20 22:55:47.59994+00
20210910A	Move Module Setup	2026-11-20 22:55:47.602358+00
20210920A	Webhooks URL Not Null	2026-11-20 22:55:47.605624+00
20210924A	Add Collection Organization	2026-11-20 22:55:47.609426+00
20210927A	Replace Fields Group	2026-11-20 22:55:47.614088+00
20210927B	Replace M2M Interface	2026-11-20 22:55:47.615472+00
20210929A	Rename Login Action	2026-11-20 22:55:47.616703+00
20211007A	Update Presets	2026-11-20 22:55:47.620358+00
20211009A	Add Auth Data	2026-11-20 22:55:47.622068+00
20211016A	Add Webhook Headers	2026-11-20 22:55:47.623539+00
20211103A	Set Unique to User Token	2026-11-20 22:55:47.62557+00
20211103B	Update Special Geometry	2026-11-20 22:55:47.62738+00
20211104A	Remove Collections Listing	2026-11-20 22:55:47.628962+00
20211118A	Add Notifications	2026-11-20 22:55:47.637162+00
20211211A	Add Shares	2026-11-20 22:55:47.647178+00
20211230A	Add Project Descriptor	2026-11-20 22:55:47.649255+00
20220303A	Remove Default Project Color	2026-11-20 22:55:47.653203+00
20220308A	Add Bookmark Icon and Color	2026-11-20 22:55:47.655171+00
20220314A	Add Translation Strings	2026-11-20 22:55:47.656863+00
20220322A	Rename Field Typecast Flags	2026-11-20 22:55:47.659735+00
20220323A	Add Field Validation	2026-11-20 22:55:47.661446+00
20220325A	Fix Typecast Flags	2026-11-20 22:55:47.665468+00
20220325B	Add Default Language	2026-11-20 22:55:47.674268+00
20220402A	Remove Default Value Panel Icon	2026-11-20 22:55:47.678352+00
20220429A	Add Flows	2026-11-20 22:55:47.694246+00
20220429B	Add Color to Insights Icon	2026-11-20 22:55:47.696884+00
20220429C	Drop Non Null From IP of Activity	2026-11-20 22:55:47.701857+00
20220429D	Drop Non Null From Sender of Notifications	2026-11-20 22:55:47.708395+00
20220614A	Rename Hook Trigger to Event	2026-11-20 22:55:47.710522+00
20220801A	Update Notifications Timestamp Column	2026-11-20 22:55:47.717364+00
20220802A	Add Custom Aspect Ratios	2026-11-20 22:55:47.720055+00
20220826A	Add Origin to Accountability	2026-11-20 22:55:47.722764+00
20230401A	Update Material Icons	2026-11-20 22:55:47.73863+00
20230525A	Add Preview Settings	2026-11-20 22:55:47.742977+00
20230526A	Migrate Translation Strings	2026-11-20 22:55:47.781085+00
20230721A	Require Shares Fields	2026-11-20 22:55:47.793874+00
20230823A	Add Content Versioning	2026-11-20 22:55:47.808367+00
20230927A	Themes	2026-11-20 22:55:47.821351+00
20231009A	Update CSV Fields to Text	2026-11-20 22:55:47.82487+00
20231009B	Update Panel Options	2026-11-20 22:55:47.826865+00
20231010A	Add Extensions	2026-11-20 22:55:47.830276+00
20231215A	Add Focalpoints	2026-11-20 22:55:47.831821+00
20240122A	Add Report URL Fields	2026-11-20 22:55:47.833428+00
20240204A	Marketplace	2026-11-20 22:55:47.848181+00
20240305A	Change Useragent Type	2026-11-20 22:55:47.855755+00
20240311A	Deprecate Webhooks	2026-11-20 22:55:47.861108+00
20240422A	Public Registration	2026-11-20 22:55:47.863712+00
20240515A	Add Session Window	2026-11-20 22:55:47.865067+00
20240701A	Add Tus Data	2026-11-20 22:55:47.866602+00
20240716A	Update Files Date Fields	2026-11-20 22:55:47.86997+00
20240806A	Permissions Policies	2026-11-20 22:55:47.887441+00
20240817A	Update Icon Fields Length	2026-11-20 22:55:47.897576+00
20240909A	Separate Comments	2026-11-20 22:55:47.905194+00
20240909B	Consolidate Content Versioning	2026-11-20 22:55:47.907066+00
20240924A	Migrate Legacy Comments	2026-11-20 22:55:47.910855+00
20240924B	Populate Versioning Deltas	2026-11-20 22:55:47.914881+00
20250224A	Visual Editor	2026-11-20 22:55:47.918231+00
20250609A	License Banner	2026-11-20 22:55:47.924122+00
20250613A	Add Project ID	2026-11-20 22:55:47.938895+00
20250718A	Add Direction	2026-11-20 22:55:47.940797+00
20250813A	Add MCP	2026-11-20 22:55:47.943132+00
20251012A	Add Field Searchable	2026-11-20 22:55:47.944835+00
20251014A	Add Project Owner	2026-11-20 22:55:47.978543+00
20251028A	Add Retention Indexes	2026-11-20 22:55:48.001702+00
20251103A	Add AI Settings	2026-11-20 22:55:48.003986+00
20251224A	Remove Webhooks	2026-11-20 22:55:48.00734+00
20260110A	Add AI Provider Settings	2026-11-20 22:55:48.010007+00
20260113A	Add Revisions Index	2026-11-20 22:55:48.018435+00
20260128A	Add Collaborative Editing	2026-11-20 22:55:48.020464+00
20260204A	Add Deployment	2026-11-20 22:55:48.032461+00
20260211A	Add Deployment Webhooks	2026-11-20 22:55:48.035777+00
20260217A	Null Item Versions	2026-11-20 22:55:48.037881+00
20260312A	Add AI Translation Settings	2026-11-20 22:55:48.039537+00
20260507A	Add Licensing	2026-11-20 22:55:48.0421+00
20260512A	Add Autosave Revision Interval	2026-11-20 22:55:48.044254+00
20260512B	Add MCP Oauth	2026-11-20 22:55:48.078637+00
20260727A	Add Default Save Action	2026-11-20 22:55:48.080814+00
20260818A	Add Flow Folders	2026-11-20 22:55:48.085174+00
20260909A	Add Flows Module	2026-11-20 22:55:48.08687+00
\.


--
-- Data for Name: directus_notifications; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_notifications (id, "timestamp", status, recipient, sender, subject, message, collection, item) FROM stdin;
\.


--
-- Data for Name: directus_oauth_clients; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_oauth_clients (client_id, client_name, redirect_uris, grant_types, token_endpoint_auth_method, client_secret_hash, registration_type, client_uri, logo_uri, tos_uri, policy_uri, metadata_fetched_at, metadata_expires_at, metadata_etag, date_created) FROM stdin;
\.


--
-- Data for Name: directus_oauth_codes; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_oauth_codes (id, code_hash, client, "user", redirect_uri, resource, code_challenge, code_challenge_method, scope, expires_at, used_at) FROM stdin;
\.


--
-- Data for Name: directus_oauth_consents; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_oauth_consents (id, "user", client, redirect_uri, scope, date_created, date_updated) FROM stdin;
\.


--
-- Data for Name: directus_oauth_tokens; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_oauth_tokens (id, client, "user", session, previous_session, resource, code_hash, scope, expires_at, date_created) FROM stdin;
\.


--
-- Data for Name: directus_operations; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_operations (id, name, key, type, position_x, position_y, options, resolve, reject, flow, date_created, user_created) FROM stdin;
\.


--
-- Data for Name: directus_panels; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_panels (id, dashboard, name, icon, color, show_header, note, type, position_x, position_y, width, height, options, date_created, user_created) FROM stdin;
\.


--
-- Data for Name: directus_permissions; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_permissions (id, collection, action, permissions, validation, presets, fields, policy) FROM stdin;
1	articles	create	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
2	articles	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
3	articles	update	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
4	articles	delete	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
5	comments	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
6	tags	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
7	categories	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
8	authors	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
9	articles_tags	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
10	comments	create	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
11	pages	create	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
12	pages	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
13	pages	update	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
14	pages	delete	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
15	pages_blocks	create	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
16	pages_blocks	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
17	pages_blocks	update	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
18	pages_blocks	delete	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
19	block_text	create	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
20	block_text	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
21	block_text	update	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
22	block_text	delete	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
23	block_image	create	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
24	block_image	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
25	block_image	update	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
26	block_image	delete	{}	{}	\N	*	30000000-0000-4000-8000-000000000001
27	articles	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000002
28	authors	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000002
29	comments	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000002
30	articles	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000003
31	authors	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000003
32	categories	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000003
33	messages	create	{}	{}	\N	*	30000000-0000-4000-8000-000000000004
34	messages	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000004
35	messages	update	{}	{}	\N	*	30000000-0000-4000-8000-000000000004
36	presence	create	{}	{}	\N	*	30000000-0000-4000-8000-000000000004
37	presence	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000004
38	presence	update	{}	{}	\N	*	30000000-0000-4000-8000-000000000004
39	presence	delete	{}	{}	\N	*	30000000-0000-4000-8000-000000000004
40	articles	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000005
41	articles	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000006
42	articles	update	{}	{}	\N	*	30000000-0000-4000-8000-000000000006
43	articles	read	{}	{}	\N	*	30000000-0000-4000-8000-000000000007
44	messages	read	{}	{}	\N	*	abf8a154-5b1c-4a46-ac9c-7300570f4f17
45	messages	create	{}	{}	\N	*	abf8a154-5b1c-4a46-ac9c-7300570f4f17
\.


--
-- Data for Name: directus_policies; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_policies (id, name, icon, description, ip_access, enforce_tfa, admin_access, app_access) FROM stdin;
abf8a154-5b1c-4a46-ac9c-7300570f4f17	$t:public_label	public	$t:public_description	\N	f	f	f
faaaae14-94fd-4bd1-a812-bec935db531a	Administrator	verified	$t:admin_description	\N	f	t	t
30000000-0000-4000-8000-000000000001	editor	badge	\N	\N	f	f	f
30000000-0000-4000-8000-000000000002	reporter	badge	\N	\N	f	f	f
30000000-0000-4000-8000-000000000003	reader	badge	\N	\N	f	f	f
30000000-0000-4000-8000-000000000004	writer	badge	\N	\N	f	f	f
30000000-0000-4000-8000-000000000005	multi_drafts	badge	\N	\N	f	f	f
30000000-0000-4000-8000-000000000006	multi_featured	badge	\N	\N	f	f	f
30000000-0000-4000-8000-000000000007	ipbound	badge	\N	10.9.9.9	f	f	f
\.


--
-- Data for Name: directus_presets; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_presets (id, bookmark, "user", role, collection, search, layout, layout_query, layout_options, refresh_interval, filter, icon, color) FROM stdin;
\.


--
-- Data for Name: directus_relations; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_relations (id, many_collection, many_field, one_collection, one_field, one_collection_field, one_allowed_collections, junction_field, sort_field, one_deselect_action) FROM stdin;
1	articles	author	authors	\N	\N	\N	\N	\N	nullify
2	articles	category	categories	\N	\N	\N	\N	\N	nullify
3	articles	user_created	directus_users	\N	\N	\N	\N	\N	nullify
4	articles	user_updated	directus_users	\N	\N	\N	\N	\N	nullify
5	categories	parent	categories	children	\N	\N	\N	\N	nullify
6	comments	article	articles	comments	\N	\N	\N	\N	nullify
7	articles_tags	articles_id	articles	tags	\N	\N	tags_id	\N	nullify
8	articles_tags	tags_id	tags	\N	\N	\N	articles_id	\N	nullify
9	pages_blocks	pages_id	pages	blocks	\N	\N	item	sort	nullify
10	pages_blocks	item	\N	\N	collection	block_text,block_image	pages_id	\N	nullify
\.


--
-- Data for Name: directus_revisions; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_revisions (id, activity, collection, item, data, delta, parent, version) FROM stdin;
1	1	directus_fields	1	{"sort":1,"field":"id","special":["uuid"],"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":["uuid"],"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
2	2	directus_fields	2	{"sort":2,"field":"name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
3	3	directus_fields	3	{"sort":3,"field":"email","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":3,"field":"email","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
4	4	directus_fields	4	{"sort":4,"field":"bio","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":4,"field":"bio","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
5	5	directus_fields	5	{"sort":5,"field":"rating","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":5,"field":"rating","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
6	6	directus_fields	6	{"sort":6,"field":"active","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":6,"field":"active","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
7	7	directus_fields	7	{"sort":7,"field":"born","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":7,"field":"born","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
8	8	directus_fields	8	{"sort":8,"field":"interests","special":["cast-csv"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":8,"field":"interests","special":["cast-csv"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
9	9	directus_fields	9	{"sort":9,"field":"settings","special":["cast-json"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":9,"field":"settings","special":["cast-json"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
10	10	directus_fields	10	{"sort":10,"field":"password","special":["hash","conceal"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":10,"field":"password","special":["hash","conceal"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
11	11	directus_collections	authors	{"collection":"authors"}	{"collection":"authors"}	\N	\N
12	12	directus_fields	11	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
13	13	directus_fields	12	{"sort":2,"field":"name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
14	14	directus_fields	13	{"sort":3,"field":"parent","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":3,"field":"parent","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
15	15	directus_fields	14	{"sort":4,"field":"children","special":["o2m"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":4,"field":"children","special":["o2m"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
16	16	directus_collections	categories	{"collection":"categories"}	{"collection":"categories"}	\N	\N
17	17	directus_fields	15	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
18	18	directus_fields	16	{"sort":2,"field":"title","special":null,"interface":null,"required":true,"readonly":false,"hidden":false}	{"sort":2,"field":"title","special":null,"interface":null,"required":true,"readonly":false,"hidden":false}	\N	\N
19	19	directus_fields	17	{"sort":3,"field":"slug","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":3,"field":"slug","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
20	20	directus_fields	18	{"sort":4,"field":"status","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":4,"field":"status","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
21	21	directus_fields	19	{"sort":5,"field":"body","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":5,"field":"body","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
22	22	directus_fields	20	{"sort":6,"field":"views","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":6,"field":"views","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
23	23	directus_fields	21	{"sort":7,"field":"score","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":7,"field":"score","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
24	24	directus_fields	22	{"sort":8,"field":"price","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":8,"field":"price","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
25	25	directus_fields	23	{"sort":9,"field":"big","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":9,"field":"big","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
26	26	directus_fields	24	{"sort":10,"field":"published_at","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":10,"field":"published_at","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
27	27	directus_fields	25	{"sort":11,"field":"event_date","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":11,"field":"event_date","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
28	28	directus_fields	26	{"sort":12,"field":"event_time","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":12,"field":"event_time","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
29	29	directus_fields	27	{"sort":13,"field":"event_datetime","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":13,"field":"event_datetime","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
30	30	directus_fields	28	{"sort":14,"field":"meta","special":["cast-json"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":14,"field":"meta","special":["cast-json"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
31	31	directus_fields	29	{"sort":15,"field":"labels","special":["cast-csv"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":15,"field":"labels","special":["cast-csv"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
32	32	directus_fields	30	{"sort":16,"field":"featured","special":["cast-boolean"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":16,"field":"featured","special":["cast-boolean"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
33	33	directus_fields	31	{"sort":17,"field":"secret","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":17,"field":"secret","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
34	34	directus_fields	32	{"sort":18,"field":"author","special":["m2o"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":18,"field":"author","special":["m2o"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
35	35	directus_fields	33	{"sort":19,"field":"category","special":["m2o"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":19,"field":"category","special":["m2o"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
36	36	directus_fields	34	{"sort":20,"field":"comments","special":["o2m"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":20,"field":"comments","special":["o2m"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
37	37	directus_fields	35	{"sort":21,"field":"tags","special":["m2m"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":21,"field":"tags","special":["m2m"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
38	38	directus_fields	36	{"sort":22,"field":"date_created","special":["date-created"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":22,"field":"date_created","special":["date-created"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
39	39	directus_fields	37	{"sort":23,"field":"date_updated","special":["date-updated"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":23,"field":"date_updated","special":["date-updated"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
40	40	directus_fields	38	{"sort":24,"field":"user_created","special":["user-created"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":24,"field":"user_created","special":["user-created"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
41	41	directus_fields	39	{"sort":25,"field":"user_updated","special":["user-updated"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":25,"field":"user_updated","special":["user-updated"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
42	42	directus_fields	40	{"sort":26,"field":"sort","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":26,"field":"sort","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
43	43	directus_collections	articles	{"collection":"articles","sort_field":"sort"}	{"collection":"articles","sort_field":"sort"}	\N	\N
44	44	directus_fields	41	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
45	45	directus_fields	42	{"sort":2,"field":"article","special":["m2o"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"article","special":["m2o"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
46	46	directus_fields	43	{"sort":3,"field":"text","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":3,"field":"text","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
47	47	directus_fields	44	{"sort":4,"field":"approved","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":4,"field":"approved","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
48	48	directus_fields	45	{"sort":5,"field":"author_name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":5,"field":"author_name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
49	49	directus_collections	comments	{"collection":"comments"}	{"collection":"comments"}	\N	\N
50	50	directus_fields	46	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
51	51	directus_fields	47	{"sort":2,"field":"label","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"label","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
52	52	directus_collections	tags	{"collection":"tags"}	{"collection":"tags"}	\N	\N
53	53	directus_fields	48	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
54	54	directus_fields	49	{"sort":2,"field":"articles_id","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"articles_id","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
55	55	directus_fields	50	{"sort":3,"field":"tags_id","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":3,"field":"tags_id","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
56	56	directus_collections	articles_tags	{"collection":"articles_tags","hidden":true}	{"collection":"articles_tags","hidden":true}	\N	\N
57	57	directus_fields	51	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
58	58	directus_fields	52	{"sort":2,"field":"body","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"body","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
59	59	directus_collections	block_text	{"collection":"block_text"}	{"collection":"block_text"}	\N	\N
60	60	directus_fields	53	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
61	61	directus_fields	54	{"sort":2,"field":"url","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"url","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
62	62	directus_fields	55	{"sort":3,"field":"caption","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":3,"field":"caption","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
63	63	directus_collections	block_image	{"collection":"block_image"}	{"collection":"block_image"}	\N	\N
64	64	directus_fields	56	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
65	65	directus_fields	57	{"sort":2,"field":"title","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"title","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
66	66	directus_fields	58	{"sort":3,"field":"blocks","special":["m2a"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":3,"field":"blocks","special":["m2a"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
67	67	directus_collections	pages	{"collection":"pages"}	{"collection":"pages"}	\N	\N
68	68	directus_fields	59	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
69	69	directus_fields	60	{"sort":2,"field":"pages_id","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"pages_id","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
70	70	directus_fields	61	{"sort":3,"field":"item","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":3,"field":"item","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
71	71	directus_fields	62	{"sort":4,"field":"collection","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":4,"field":"collection","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
72	72	directus_fields	63	{"sort":5,"field":"sort","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":5,"field":"sort","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
73	73	directus_collections	pages_blocks	{"collection":"pages_blocks","hidden":true}	{"collection":"pages_blocks","hidden":true}	\N	\N
74	74	directus_fields	64	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
75	75	directus_fields	65	{"sort":2,"field":"site_name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"site_name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
76	76	directus_fields	66	{"sort":3,"field":"theme","special":["cast-json"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":3,"field":"theme","special":["cast-json"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
77	77	directus_collections	site_settings	{"collection":"site_settings","singleton":true}	{"collection":"site_settings","singleton":true}	\N	\N
78	78	directus_fields	67	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
79	79	directus_fields	68	{"sort":2,"field":"text","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"text","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
80	80	directus_fields	69	{"sort":3,"field":"user","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":3,"field":"user","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
81	81	directus_fields	70	{"sort":4,"field":"date_created","special":["date-created"],"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":4,"field":"date_created","special":["date-created"],"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
82	82	directus_collections	messages	{"collection":"messages"}	{"collection":"messages"}	\N	\N
83	83	directus_fields	71	{"sort":1,"field":"id","special":["uuid"],"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":["uuid"],"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
84	84	directus_fields	72	{"sort":2,"field":"collection","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"collection","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
85	85	directus_fields	73	{"sort":3,"field":"item","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":3,"field":"item","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
86	86	directus_fields	74	{"sort":4,"field":"user","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":4,"field":"user","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
87	87	directus_fields	75	{"sort":5,"field":"timestamp","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":5,"field":"timestamp","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
88	88	directus_collections	presence	{"collection":"presence"}	{"collection":"presence"}	\N	\N
89	89	directus_fields	76	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
90	90	directus_fields	77	{"sort":2,"field":"name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
91	91	directus_collections	test_ws_integer	{"collection":"test_ws_integer"}	{"collection":"test_ws_integer"}	\N	\N
92	92	directus_fields	78	{"sort":1,"field":"id","special":["uuid"],"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":["uuid"],"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
93	93	directus_fields	79	{"sort":2,"field":"name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
94	94	directus_collections	test_ws_uuid	{"collection":"test_ws_uuid"}	{"collection":"test_ws_uuid"}	\N	\N
95	95	directus_fields	80	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
96	96	directus_fields	81	{"sort":2,"field":"name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"name","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
97	97	directus_collections	test_ws_string	{"collection":"test_ws_string"}	{"collection":"test_ws_string"}	\N	\N
98	98	directus_fields	82	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	{"sort":1,"field":"id","special":null,"interface":null,"required":false,"readonly":true,"hidden":true}	\N	\N
99	99	directus_fields	83	{"sort":2,"field":"v","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	{"sort":2,"field":"v","special":null,"interface":null,"required":false,"readonly":false,"hidden":false}	\N	\N
100	100	directus_collections	no_access	{"collection":"no_access"}	{"collection":"no_access"}	\N	\N
101	101	directus_roles	20000000-0000-4000-8000-000000000001	{"id":"20000000-0000-4000-8000-000000000001","name":"editor"}	{"id":"20000000-0000-4000-8000-000000000001","name":"editor"}	\N	\N
102	102	directus_roles	20000000-0000-4000-8000-000000000002	{"id":"20000000-0000-4000-8000-000000000002","name":"reporter"}	{"id":"20000000-0000-4000-8000-000000000002","name":"reporter"}	\N	\N
103	103	directus_roles	20000000-0000-4000-8000-000000000003	{"id":"20000000-0000-4000-8000-000000000003","name":"reader"}	{"id":"20000000-0000-4000-8000-000000000003","name":"reader"}	\N	\N
104	104	directus_roles	20000000-0000-4000-8000-000000000004	{"id":"20000000-0000-4000-8000-000000000004","name":"writer"}	{"id":"20000000-0000-4000-8000-000000000004","name":"writer"}	\N	\N
105	105	directus_roles	20000000-0000-4000-8000-000000000005	{"id":"20000000-0000-4000-8000-000000000005","name":"junior"}	{"id":"20000000-0000-4000-8000-000000000005","name":"junior"}	\N	\N
106	106	directus_policies	30000000-0000-4000-8000-000000000001	{"id":"30000000-0000-4000-8000-000000000001","name":"editor","app_access":false,"admin_access":false,"ip_access":null}	{"id":"30000000-0000-4000-8000-000000000001","name":"editor","app_access":false,"admin_access":false,"ip_access":null}	\N	\N
107	107	directus_policies	30000000-0000-4000-8000-000000000002	{"id":"30000000-0000-4000-8000-000000000002","name":"reporter","app_access":false,"admin_access":false,"ip_access":null}	{"id":"30000000-0000-4000-8000-000000000002","name":"reporter","app_access":false,"admin_access":false,"ip_access":null}	\N	\N
108	108	directus_policies	30000000-0000-4000-8000-000000000003	{"id":"30000000-0000-4000-8000-000000000003","name":"reader","app_access":false,"admin_access":false,"ip_access":null}	{"id":"30000000-0000-4000-8000-000000000003","name":"reader","app_access":false,"admin_access":false,"ip_access":null}	\N	\N
109	109	directus_policies	30000000-0000-4000-8000-000000000004	{"id":"30000000-0000-4000-8000-000000000004","name":"writer","app_access":false,"admin_access":false,"ip_access":null}	{"id":"30000000-0000-4000-8000-000000000004","name":"writer","app_access":false,"admin_access":false,"ip_access":null}	\N	\N
110	110	directus_policies	30000000-0000-4000-8000-000000000005	{"id":"30000000-0000-4000-8000-000000000005","name":"multi_drafts","app_access":false,"admin_access":false,"ip_access":null}	{"id":"30000000-0000-4000-8000-000000000005","name":"multi_drafts","app_access":false,"admin_access":false,"ip_access":null}	\N	\N
111	111	directus_policies	30000000-0000-4000-8000-000000000006	{"id":"30000000-0000-4000-8000-000000000006","name":"multi_featured","app_access":false,"admin_access":false,"ip_access":null}	{"id":"30000000-0000-4000-8000-000000000006","name":"multi_featured","app_access":false,"admin_access":false,"ip_access":null}	\N	\N
112	112	directus_policies	30000000-0000-4000-8000-000000000007	{"id":"30000000-0000-4000-8000-000000000007","name":"ipbound","app_access":false,"admin_access":false,"ip_access":["10.9.9.9"]}	{"id":"30000000-0000-4000-8000-000000000007","name":"ipbound","app_access":false,"admin_access":false,"ip_access":["10.9.9.9"]}	\N	\N
113	113	directus_permissions	1	{"collection":"articles","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"articles","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
114	114	directus_permissions	2	{"collection":"articles","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"articles","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
115	115	directus_permissions	3	{"collection":"articles","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"articles","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
116	116	directus_permissions	4	{"collection":"articles","action":"delete","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"articles","action":"delete","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
117	117	directus_permissions	5	{"collection":"comments","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"comments","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
118	118	directus_permissions	6	{"collection":"tags","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"tags","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
119	119	directus_permissions	7	{"collection":"categories","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"categories","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
120	120	directus_permissions	8	{"collection":"authors","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"authors","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
121	121	directus_permissions	9	{"collection":"articles_tags","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"articles_tags","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
122	122	directus_permissions	10	{"collection":"comments","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"comments","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
123	123	directus_permissions	11	{"collection":"pages","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"pages","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
124	124	directus_permissions	12	{"collection":"pages","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"pages","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
125	125	directus_permissions	13	{"collection":"pages","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"pages","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
126	126	directus_permissions	14	{"collection":"pages","action":"delete","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"pages","action":"delete","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
127	127	directus_permissions	15	{"collection":"pages_blocks","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"pages_blocks","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
128	128	directus_permissions	16	{"collection":"pages_blocks","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"pages_blocks","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
129	129	directus_permissions	17	{"collection":"pages_blocks","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"pages_blocks","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
130	130	directus_permissions	18	{"collection":"pages_blocks","action":"delete","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"pages_blocks","action":"delete","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
131	131	directus_permissions	19	{"collection":"block_text","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"block_text","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
132	132	directus_permissions	20	{"collection":"block_text","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"block_text","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
133	133	directus_permissions	21	{"collection":"block_text","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"block_text","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
134	134	directus_permissions	22	{"collection":"block_text","action":"delete","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"block_text","action":"delete","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
135	135	directus_permissions	23	{"collection":"block_image","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"block_image","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
136	136	directus_permissions	24	{"collection":"block_image","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"block_image","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
137	137	directus_permissions	25	{"collection":"block_image","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"block_image","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
138	138	directus_permissions	26	{"collection":"block_image","action":"delete","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"block_image","action":"delete","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
139	139	directus_permissions	27	{"collection":"articles","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"articles","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
140	140	directus_permissions	28	{"collection":"authors","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"authors","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
141	141	directus_permissions	29	{"collection":"comments","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"comments","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
142	142	directus_permissions	30	{"collection":"articles","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"articles","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
143	143	directus_permissions	31	{"collection":"authors","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"authors","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
144	144	directus_permissions	32	{"collection":"categories","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"categories","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
145	145	directus_permissions	33	{"collection":"messages","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"messages","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
146	146	directus_permissions	34	{"collection":"messages","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"messages","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
147	147	directus_permissions	35	{"collection":"messages","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"messages","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
148	148	directus_permissions	36	{"collection":"presence","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"presence","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
149	149	directus_permissions	37	{"collection":"presence","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"presence","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
150	150	directus_permissions	38	{"collection":"presence","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"presence","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
151	151	directus_permissions	39	{"collection":"presence","action":"delete","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"presence","action":"delete","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
152	152	directus_permissions	40	{"collection":"articles","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"articles","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
153	153	directus_permissions	41	{"collection":"articles","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"articles","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
154	154	directus_permissions	42	{"collection":"articles","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"articles","action":"update","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
155	155	directus_permissions	43	{"collection":"articles","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"articles","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
156	156	directus_permissions	44	{"collection":"messages","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"messages","action":"read","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
157	157	directus_permissions	45	{"collection":"messages","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	{"collection":"messages","action":"create","fields":["*"],"permissions":{},"validation":{},"presets":null}	\N	\N
158	158	directus_users	10000000-0000-4000-8000-000000000001	{"id":"10000000-0000-4000-8000-000000000001","email":"editor@example.com","password":"**********","token":"**********","first_name":"editor","last_name":"User","status":"active"}	{"id":"10000000-0000-4000-8000-000000000001","email":"editor@example.com","password":"**********","token":"**********","first_name":"editor","last_name":"User","status":"active"}	\N	\N
159	159	directus_users	10000000-0000-4000-8000-000000000002	{"id":"10000000-0000-4000-8000-000000000002","email":"reporter@example.com","password":"**********","token":"**********","first_name":"reporter","last_name":"User","status":"active"}	{"id":"10000000-0000-4000-8000-000000000002","email":"reporter@example.com","password":"**********","token":"**********","first_name":"reporter","last_name":"User","status":"active"}	\N	\N
160	160	directus_users	10000000-0000-4000-8000-000000000003	{"id":"10000000-0000-4000-8000-000000000003","email":"reader@example.com","password":"**********","token":"**********","first_name":"reader","last_name":"User","status":"active"}	{"id":"10000000-0000-4000-8000-000000000003","email":"reader@example.com","password":"**********","token":"**********","first_name":"reader","last_name":"User","status":"active"}	\N	\N
161	161	directus_users	10000000-0000-4000-8000-000000000004	{"id":"10000000-0000-4000-8000-000000000004","email":"writer@example.com","password":"**********","token":"**********","first_name":"writer","last_name":"User","status":"active"}	{"id":"10000000-0000-4000-8000-000000000004","email":"writer@example.com","password":"**********","token":"**********","first_name":"writer","last_name":"User","status":"active"}	\N	\N
162	162	directus_users	10000000-0000-4000-8000-000000000005	{"id":"10000000-0000-4000-8000-000000000005","email":"multi@example.com","password":"**********","token":"**********","first_name":"multi","last_name":"User","status":"active"}	{"id":"10000000-0000-4000-8000-000000000005","email":"multi@example.com","password":"**********","token":"**********","first_name":"multi","last_name":"User","status":"active"}	\N	\N
163	163	directus_users	10000000-0000-4000-8000-000000000006	{"id":"10000000-0000-4000-8000-000000000006","email":"ipbound@example.com","password":"**********","token":"**********","first_name":"ipbound","last_name":"User","status":"active"}	{"id":"10000000-0000-4000-8000-000000000006","email":"ipbound@example.com","password":"**********","token":"**********","first_name":"ipbound","last_name":"User","status":"active"}	\N	\N
164	164	directus_users	10000000-0000-4000-8000-000000000007	{"id":"10000000-0000-4000-8000-000000000007","email":"norole@example.com","password":"**********","token":"**********","first_name":"norole","last_name":"User","status":"active"}	{"id":"10000000-0000-4000-8000-000000000007","email":"norole@example.com","password":"**********","token":"**********","first_name":"norole","last_name":"User","status":"active"}	\N	\N
165	165	directus_users	10000000-0000-4000-8000-000000000008	{"id":"10000000-0000-4000-8000-000000000008","email":"suspended@example.com","password":"**********","token":"**********","first_name":"suspended","last_name":"User","status":"suspended"}	{"id":"10000000-0000-4000-8000-000000000008","email":"suspended@example.com","password":"**********","token":"**********","first_name":"suspended","last_name":"User","status":"suspended"}	\N	\N
166	166	directus_users	10000000-0000-4000-8000-000000000009	{"id":"10000000-0000-4000-8000-000000000009","email":"nested@example.com","password":"**********","token":"**********","first_name":"nested","last_name":"User","status":"active"}	{"id":"10000000-0000-4000-8000-000000000009","email":"nested@example.com","password":"**********","token":"**********","first_name":"nested","last_name":"User","status":"active"}	\N	\N
167	167	directus_access	413a1ae4-bbb9-4330-b770-5c940c1ab32b	{"sort":1}	{"sort":1}	\N	\N
168	168	directus_access	9e711793-0e7d-437c-8122-595d5e234748	{"sort":1}	{"sort":1}	\N	\N
169	169	directus_access	86ccb654-99f7-4fdd-bbc1-a60b38b42583	{"sort":1}	{"sort":1}	\N	\N
170	170	directus_access	c9ba82ef-6333-4c6f-8a7a-b30595d1fd7f	{"sort":1}	{"sort":1}	\N	\N
171	171	directus_access	86c46a12-d12a-4503-9f0f-8c1baa10cf04	{"sort":1}	{"sort":1}	\N	\N
172	172	directus_access	b25eb849-bc7e-4b47-96f9-92e0a45f7248	{"sort":2}	{"sort":2}	\N	\N
173	173	directus_access	1c2044ab-f6d8-4ef5-b274-4a9897c700e9	{"sort":1}	{"sort":1}	\N	\N
174	174	authors	a0000000-0000-4000-8000-000000000001	{"id":"a0000000-0000-4000-8000-000000000001","name":"Ada Lovelace","email":"ada@example.com","bio":"First programmer.","rating":"4.50","active":true,"born":"1815-12-10","interests":["math","engines"],"settings":{"theme":"dark","size":12},"password":"**********"}	{"id":"a0000000-0000-4000-8000-000000000001","name":"Ada Lovelace","email":"ada@example.com","bio":"First programmer.","rating":"4.50","active":true,"born":"1815-12-10","interests":["math","engines"],"settings":{"theme":"dark","size":12},"password":"**********"}	\N	\N
175	175	authors	a0000000-0000-4000-8000-000000000002	{"id":"a0000000-0000-4000-8000-000000000002","name":"Grace Hopper","email":"grace@example.com","bio":null,"rating":"5.00","active":true,"born":"1906-12-09","interests":["navy"],"settings":{"theme":"light","nested":{"a":[1,2,3]}}}	{"id":"a0000000-0000-4000-8000-000000000002","name":"Grace Hopper","email":"grace@example.com","bio":null,"rating":"5.00","active":true,"born":"1906-12-09","interests":["navy"],"settings":{"theme":"light","nested":{"a":[1,2,3]}}}	\N	\N
176	176	authors	a0000000-0000-4000-8000-000000000003	{"id":"a0000000-0000-4000-8000-000000000003","name":"Alan Turing","email":"alan@example.com","bio":"Machines.","rating":"3.25","active":false,"born":"1912-06-23","interests":[],"settings":null}	{"id":"a0000000-0000-4000-8000-000000000003","name":"Alan Turing","email":"alan@example.com","bio":"Machines.","rating":"3.25","active":false,"born":"1912-06-23","interests":[],"settings":null}	\N	\N
219	219	test_ws_uuid	b0000000-0000-4000-8000-000000000001	{"id":"b0000000-0000-4000-8000-000000000001","name":"uuid one"}	{"id":"b0000000-0000-4000-8000-000000000001","name":"uuid one"}	\N	\N
177	177	authors	a0000000-0000-4000-8000-000000000004	{"id":"a0000000-0000-4000-8000-000000000004","name":"Émilie du Châtelet","email":null,"bio":"Näturphilosophie ✓","rating":null,"active":null,"born":null,"interests":null,"settings":{}}	{"id":"a0000000-0000-4000-8000-000000000004","name":"Émilie du Châtelet","email":null,"bio":"Näturphilosophie ✓","rating":null,"active":null,"born":null,"interests":null,"settings":{}}	\N	\N
178	178	categories	news	{"id":"news","name":"News"}	{"id":"news","name":"News"}	\N	\N
179	179	categories	tech	{"id":"tech","name":"Technology"}	{"id":"tech","name":"Technology"}	\N	\N
180	180	categories	ai	{"id":"ai","name":"AI"}	{"id":"ai","name":"AI"}	\N	\N
181	181	categories	sports	{"id":"sports","name":"Sports"}	{"id":"sports","name":"Sports"}	\N	\N
182	182	categories	opinion	{"id":"opinion","name":"Opinion"}	{"id":"opinion","name":"Opinion"}	\N	\N
183	183	tags	1	{"label":"alpha"}	{"label":"alpha"}	\N	\N
184	184	tags	2	{"label":"beta"}	{"label":"beta"}	\N	\N
185	185	tags	3	{"label":"gamma"}	{"label":"gamma"}	\N	\N
186	186	tags	4	{"label":"delta"}	{"label":"delta"}	\N	\N
189	189	articles	1	{"title":"Engines of analysis","slug":"engines","status":"published","body":"The engine weaves.","views":100,"score":1.5,"price":"19.99","big":"9007199254740993","published_at":"2026-01-02T03:04:05.000Z","event_date":"2026-02-03","event_time":"08:30:00","event_datetime":"2026-02-03T08:30:00","meta":{"k":"v","n":1,"list":[1,2]},"labels":["one","two"],"featured":true,"secret":"s1","sort":3}	{"title":"Engines of analysis","slug":"engines","status":"published","body":"The engine weaves.","views":100,"score":1.5,"price":"19.99","big":"9007199254740993","published_at":"2026-01-02T03:04:05.000Z","event_date":"2026-02-03","event_time":"08:30:00","event_datetime":"2026-02-03T08:30:00","meta":{"k":"v","n":1,"list":[1,2]},"labels":["one","two"],"featured":true,"secret":"s1","sort":3}	\N	\N
187	187	articles_tags	1	\N	\N	189	\N
188	188	articles_tags	2	\N	\N	189	\N
192	192	articles	2	{"title":"Compilers for all","slug":"compilers","status":"published","body":"A-0 System.","views":250,"score":2.25,"price":"5.00","big":"12","published_at":"2026-03-01T00:00:00.000Z","event_date":"2026-03-01","featured":false,"secret":"s2","sort":1}	{"title":"Compilers for all","slug":"compilers","status":"published","body":"A-0 System.","views":250,"score":2.25,"price":"5.00","big":"12","published_at":"2026-03-01T00:00:00.000Z","event_date":"2026-03-01","featured":false,"secret":"s2","sort":1}	\N	\N
190	190	articles_tags	3	\N	\N	192	\N
191	191	articles_tags	4	\N	\N	192	\N
193	193	articles	3	{"title":"On computable numbers","slug":"computable","status":"draft","body":"Entscheidungsproblem","views":7,"score":-0.5,"price":"0.10","featured":true,"secret":"s3","sort":2}	{"title":"On computable numbers","slug":"computable","status":"draft","body":"Entscheidungsproblem","views":7,"score":-0.5,"price":"0.10","featured":true,"secret":"s3","sort":2}	\N	\N
194	194	articles	4	{"title":"Heat and fire","slug":"heat","status":"archived","body":null,"views":0,"featured":false,"sort":null}	{"title":"Heat and fire","slug":"heat","status":"archived","body":null,"views":0,"featured":false,"sort":null}	\N	\N
195	195	articles	5	{"title":"Draft by editor","slug":"draft-editor","status":"draft","body":"wip","views":1,"meta":{"k":"w"},"labels":[]}	{"title":"Draft by editor","slug":"draft-editor","status":"draft","body":"wip","views":1,"meta":{"k":"w"},"labels":[]}	\N	\N
196	196	articles	6	{"title":"Draft by reporter","slug":"draft-reporter","status":"draft","body":"notes","views":2,"secret":"s6"}	{"title":"Draft by reporter","slug":"draft-reporter","status":"draft","body":"notes","views":2,"secret":"s6"}	\N	\N
197	197	articles	7	{"title":"Match report","slug":"match","status":"published","body":"2-1 after extra time","views":999,"score":10,"published_at":"2026-05-05T12:00:00.123Z","labels":["sport"]}	{"title":"Match report","slug":"match","status":"published","body":"2-1 after extra time","views":999,"score":10,"published_at":"2026-05-05T12:00:00.123Z","labels":["sport"]}	\N	\N
198	198	articles	8	{"title":"zeta: lower case title","slug":null,"status":"archived","body":"percent % and _ and 'quote'","views":42,"featured":true,"secret":"s8"}	{"title":"zeta: lower case title","slug":null,"status":"archived","body":"percent % and _ and 'quote'","views":42,"featured":true,"secret":"s8"}	\N	\N
199	199	comments	1	{"text":"Great read","approved":true,"author_name":"ann"}	{"text":"Great read","approved":true,"author_name":"ann"}	\N	\N
200	200	comments	2	{"text":"spam spam","approved":false,"author_name":"bot"}	{"text":"spam spam","approved":false,"author_name":"bot"}	\N	\N
201	201	comments	3	{"text":"Thanks","approved":true,"author_name":"bob"}	{"text":"Thanks","approved":true,"author_name":"bob"}	\N	\N
202	202	comments	4	{"text":"Typo in line 3","approved":null,"author_name":null}	{"text":"Typo in line 3","approved":null,"author_name":null}	\N	\N
203	203	comments	5	{"text":"Undecidable","approved":true,"author_name":"ann"}	{"text":"Undecidable","approved":true,"author_name":"ann"}	\N	\N
204	204	comments	6	{"text":"orphan","approved":true,"author_name":"bob"}	{"text":"orphan","approved":true,"author_name":"bob"}	\N	\N
205	205	block_text	1	{"body":"Welcome"}	{"body":"Welcome"}	206	\N
207	207	block_image	1	{"url":"/img/a.png","caption":"A"}	{"url":"/img/a.png","caption":"A"}	208	\N
209	209	pages	1	{"title":"Home"}	{"title":"Home"}	\N	\N
206	206	pages_blocks	1	{"collection":"block_text","sort":1}	{"collection":"block_text","sort":1}	209	\N
208	208	pages_blocks	2	{"collection":"block_image","sort":2}	{"collection":"block_image","sort":2}	209	\N
210	210	block_text	2	{"body":"About us"}	{"body":"About us"}	211	\N
212	212	pages	2	{"title":"About"}	{"title":"About"}	\N	\N
211	211	pages_blocks	3	{"collection":"block_text","sort":1}	{"collection":"block_text","sort":1}	212	\N
213	213	site_settings	1	{"site_name":"Newsroom","theme":{"primary":"#6644FF"}}	{"site_name":"Newsroom","theme":{"primary":"#6644FF"}}	\N	\N
214	214	messages	1	{"text":"Hello World!","user":"Ben"}	{"text":"Hello World!","user":"Ben"}	\N	\N
215	215	messages	2	{"text":"Hello Universe!","user":"Rijk"}	{"text":"Hello Universe!","user":"Rijk"}	\N	\N
216	216	messages	3	{"text":"Hello Everyone Everywhere All At Once!","user":"Kevin"}	{"text":"Hello Everyone Everywhere All At Once!","user":"Kevin"}	\N	\N
217	217	test_ws_integer	1	{"name":"int one"}	{"name":"int one"}	\N	\N
218	218	test_ws_integer	2	{"name":"int two"}	{"name":"int two"}	\N	\N
220	220	test_ws_uuid	b0000000-0000-4000-8000-000000000002	{"id":"b0000000-0000-4000-8000-000000000002","name":"uuid two"}	{"id":"b0000000-0000-4000-8000-000000000002","name":"uuid two"}	\N	\N
221	221	test_ws_string	s-one	{"id":"s-one","name":"string one"}	{"id":"s-one","name":"string one"}	\N	\N
222	222	test_ws_string	s-two	{"id":"s-two","name":"string two"}	{"id":"s-two","name":"string two"}	\N	\N
223	223	presence	c0000000-0000-4000-8000-000000000001	{"id":"c0000000-0000-4000-8000-000000000001","collection":"articles","item":"1","user":"Ben","timestamp":"2026-01-01T00:00:00.000Z"}	{"id":"c0000000-0000-4000-8000-000000000001","collection":"articles","item":"1","user":"Ben","timestamp":"2026-01-01T00:00:00.000Z"}	\N	\N
224	224	no_access	1	{"v":"hidden"}	{"v":"hidden"}	\N	\N
\.


--
-- Data for Name: directus_roles; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_roles (id, name, icon, description, parent) FROM stdin;
2397896a-b51e-4659-aaae-99fbd432aa62	Administrator	verified	$t:admin_description	\N
20000000-0000-4000-8000-000000000001	editor	supervised_user_circle	\N	\N
20000000-0000-4000-8000-000000000002	reporter	supervised_user_circle	\N	\N
20000000-0000-4000-8000-000000000003	reader	supervised_user_circle	\N	\N
20000000-0000-4000-8000-000000000004	writer	supervised_user_circle	\N	\N
20000000-0000-4000-8000-000000000005	junior	supervised_user_circle	\N	20000000-0000-4000-8000-000000000002
\.


--
-- Data for Name: directus_sessions; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_sessions (token, "user", expires, ip, user_agent, share, origin, next_token, oauth_client) FROM stdin;
\.


--
-- Data for Name: directus_settings; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_settings (id, project_name, project_url, project_color, project_logo, public_foreground, public_background, public_note, auth_login_attempts, auth_password_policy, storage_asset_transform, storage_asset_presets, custom_css, storage_default_folder, basemaps, mapbox_key, module_bar, project_descriptor, default_language, custom_aspect_ratios, public_favicon, default_appearance, default_theme_light, theme_light_overrides, default_theme_dark, theme_dark_overrides, report_error_url, report_bug_url, report_feature_url, public_registration, public_registration_verify_email, public_registration_role, public_registration_email_filter, visual_editor_urls, project_id, mcp_enabled, mcp_allow_deletes, mcp_prompts_collection, mcp_system_prompt_enabled, mcp_system_prompt, project_owner, project_usage, org_name, product_updates, project_status, ai_openai_api_key, ai_anthropic_api_key, ai_system_prompt, ai_google_api_key, ai_openai_compatible_api_key, ai_openai_compatible_base_url, ai_openai_compatible_name, ai_openai_compatible_models, ai_openai_compatible_headers, ai_openai_allowed_models, ai_anthropic_allowed_models, ai_google_allowed_models, collaborative_editing_enabled, ai_translation_default_model, ai_translation_glossary, ai_translation_style_guide, license_key, license_token, mcp_oauth_enabled, mcp_oauth_dcr_enabled, mcp_oauth_cimd_enabled, default_save_action) FROM stdin;
1	Directus	\N	#6644FF	\N	\N	\N	\N	25	\N	all	\N	\N	\N	\N	\N	\N	\N	en-US	\N	\N	auto	\N	\N	\N	\N	\N	\N	\N	f	t	\N	\N	\N	01a1fb2c-50e1-7388-9860-fe4916736eda	f	f	\N	t	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	["gpt-5.4-nano","gpt-5.4-mini","gpt-5.4"]	["claude-haiku-4-5","claude-sonnet-4-6"]	["gemini-3-pro-preview","gemini-3-flash-preview","gemini-2.5-pro","gemini-2.5-flash"]	f	\N	\N	\N	\N	\N	f	f	f	save-and-quit
\.


--
-- Data for Name: directus_shares; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_shares (id, name, collection, item, role, password, user_created, date_created, date_start, date_end, times_used, max_uses) FROM stdin;
\.


--
-- Data for Name: directus_translations; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_translations (id, language, key, value) FROM stdin;
\.


--
-- Data for Name: directus_users; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_users (id, first_name, last_name, email, password, location, title, description, tags, avatar, language, tfa_secret, status, role, token, last_access, last_page, provider, external_identifier, auth_data, email_notifications, appearance, theme_dark, theme_light, theme_light_overrides, theme_dark_overrides, text_direction) FROM stdin;
400bebf9-3545-4d03-b4a7-6e2eb3b0c12b	Admin	User	admin@example.com	$argon2id$v=19$m=65536,t=3,p=4$N923O2qI36cmWjp3XSy4HA$OETPb/vPi8Q3Sv8Zgf4ILOBwPsGVNG7v9VqH85pexEs	\N	\N	\N	\N	\N	\N	\N	active	2397896a-b51e-4659-aaae-99fbd432aa62	admin-token-000000000000000000000000	\N	\N	default	\N	\N	t	\N	\N	\N	\N	\N	auto
10000000-0000-4000-8000-000000000001	editor	User	editor@example.com	$argon2id$v=19$m=65536,t=3,p=4$4U6rGw22ozwUDCVlwILjZw$pvJYJVTW/zU74nCGG9IgFJUdbFySWKVmicV1n3uwBTE	\N	\N	\N	\N	\N	\N	\N	active	20000000-0000-4000-8000-000000000001	tok-editor	\N	\N	default	\N	\N	t	\N	\N	\N	\N	\N	auto
10000000-0000-4000-8000-000000000002	reporter	User	reporter@example.com	$argon2id$v=19$m=65536,t=3,p=4$7sEK3ieB10uRtD2mOXVEbw$avSJlpB6nqrZq9DXGCWeZFUX2e+BVRY63SQm/qa2t7Y	\N	\N	\N	\N	\N	\N	\N	active	20000000-0000-4000-8000-000000000002	tok-reporter	\N	\N	default	\N	\N	t	\N	\N	\N	\N	\N	auto
10000000-0000-4000-8000-000000000003	reader	User	reader@example.com	$argon2id$v=19$m=65536,t=3,p=4$JW9s6zPLinBO6UxARUQCHA$KyAbrepFk04MpKbnF39IT45jIkRxlp7xFojA9bJjDD4	\N	\N	\N	\N	\N	\N	\N	active	20000000-0000-4000-8000-000000000003	tok-reader	\N	\N	default	\N	\N	t	\N	\N	\N	\N	\N	auto
10000000-0000-4000-8000-000000000004	writer	User	writer@example.com	$argon2id$v=19$m=65536,t=3,p=4$aIRmkFeuXd1khuxh+xcAiw$D0E8L2Kb2FnIrKFrV59T68VqT0K7DYgzSihuoFXqgTA	\N	\N	\N	\N	\N	\N	\N	active	20000000-0000-4000-8000-000000000004	tok-writer	\N	\N	default	\N	\N	t	\N	\N	\N	\N	\N	auto
10000000-0000-4000-8000-000000000005	multi	User	multi@example.com	$argon2id$v=19$m=65536,t=3,p=4$u9hBiJtlpIjGjrCGOYL6rQ$hNgkBHXoYgM/hCvAqCQYZPm721JvQDfhJB2JlXSSOkI	\N	\N	\N	\N	\N	\N	\N	active	\N	tok-multi	\N	\N	default	\N	\N	t	\N	\N	\N	\N	\N	auto
10000000-0000-4000-8000-000000000006	ipbound	User	ipbound@example.com	$argon2id$v=19$m=65536,t=3,p=4$/mib81xhBCS9Ff4nhPDSSA$ch7fdfHHhx1QG+gaMtq7v1AjuM2kqPt3gQCTJhaSYXs	\N	\N	\N	\N	\N	\N	\N	active	\N	tok-ipbound	\N	\N	default	\N	\N	t	\N	\N	\N	\N	\N	auto
10000000-0000-4000-8000-000000000007	norole	User	norole@example.com	$argon2id$v=19$m=65536,t=3,p=4$HlasgrPCw8opV6kM5v7ToA$jMEnhxQD9fEx3P5y+4cLlpBrHIwYK8s39O0E3KAtpwk	\N	\N	\N	\N	\N	\N	\N	active	\N	tok-norole	\N	\N	default	\N	\N	t	\N	\N	\N	\N	\N	auto
10000000-0000-4000-8000-000000000008	suspended	User	suspended@example.com	$argon2id$v=19$m=65536,t=3,p=4$OZbVBzZWEQTTJYWCdbHkFQ$VTqV7PDOBXInFKAeWOvsqjgh0fzou+8kSyBWG/NdQYQ	\N	\N	\N	\N	\N	\N	\N	suspended	20000000-0000-4000-8000-000000000003	tok-suspended	\N	\N	default	\N	\N	t	\N	\N	\N	\N	\N	auto
10000000-0000-4000-8000-000000000009	nested	User	nested@example.com	$argon2id$v=19$m=65536,t=3,p=4$yj/FsYaJHqG17Cguc7bEHA$OIP9d9ew7BS8C2Fm78LKenGwrFlmktLt3w5oFgn6AfQ	\N	\N	\N	\N	\N	\N	\N	active	20000000-0000-4000-8000-000000000005	tok-nested	\N	\N	default	\N	\N	t	\N	\N	\N	\N	\N	auto
\.


--
-- Data for Name: directus_versions; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.directus_versions (id, key, name, collection, item, hash, date_created, date_updated, user_created, user_updated, delta) FROM stdin;
\.


--
-- Data for Name: messages; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.messages (id, text, "user", date_created) FROM stdin;
1	Hello World!	Ben	2026-01-01 12:00:00+00
2	Hello Universe!	Rijk	2026-01-02 12:00:00+00
3	Hello Everyone Everywhere All At Once!	Kevin	2026-01-03 12:00:00+00
\.


--
-- Data for Name: no_access; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.no_access (id, v) FROM stdin;
1	hidden
\.


--
-- Data for Name: pages; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.pages (id, title) FROM stdin;
1	Home
2	About
\.


--
-- Data for Name: pages_blocks; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.pages_blocks (id, pages_id, item, collection, sort) FROM stdin;
1	1	1	block_text	1
2	1	1	block_image	2
3	2	2	block_text	1
\.


--
-- Data for Name: presence; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.presence (id, collection, item, "user", "timestamp") FROM stdin;
c0000000-0000-4000-8000-000000000001	articles	1	Ben	2026-01-01 00:00:00+00
\.


--
-- Data for Name: site_settings; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.site_settings (id, site_name, theme) FROM stdin;
1	Newsroom	{"primary":"#6644FF"}
\.


--
-- Data for Name: tags; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.tags (id, label) FROM stdin;
1	alpha
2	beta
3	gamma
4	delta
\.


--
-- Data for Name: test_ws_integer; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.test_ws_integer (id, name) FROM stdin;
1	int one
2	int two
\.


--
-- Data for Name: test_ws_string; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.test_ws_string (id, name) FROM stdin;
s-one	string one
s-two	string two
\.


--
-- Data for Name: test_ws_uuid; Type: TABLE DATA; Schema: public; Owner: -
--

COPY public.test_ws_uuid (id, name) FROM stdin;
b0000000-0000-4000-8000-000000000001	uuid one
b0000000-0000-4000-8000-000000000002	uuid two
\.


--
-- Name: articles_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.articles_id_seq', 8, true);


--
-- Name: articles_tags_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.articles_tags_id_seq', 4, true);


--
-- Name: block_image_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.block_image_id_seq', 1, true);


--
-- Name: block_text_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.block_text_id_seq', 2, true);


--
-- Name: comments_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.comments_id_seq', 6, true);


--
-- Name: directus_activity_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.directus_activity_id_seq', 224, true);


--
-- Name: directus_fields_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.directus_fields_id_seq', 83, true);


--
-- Name: directus_notifications_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.directus_notifications_id_seq', 1, false);


--
-- Name: directus_permissions_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.directus_permissions_id_seq', 45, true);


--
-- Name: directus_presets_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.directus_presets_id_seq', 1, false);


--
-- Name: directus_relations_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.directus_relations_id_seq', 10, true);


--
-- Name: directus_revisions_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.directus_revisions_id_seq', 224, true);


--
-- Name: directus_settings_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.directus_settings_id_seq', 1, true);


--
-- Name: messages_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.messages_id_seq', 3, true);


--
-- Name: no_access_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.no_access_id_seq', 1, true);


--
-- Name: pages_blocks_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.pages_blocks_id_seq', 3, true);


--
-- Name: pages_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.pages_id_seq', 2, true);


--
-- Name: site_settings_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.site_settings_id_seq', 1, true);


--
-- Name: tags_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.tags_id_seq', 4, true);


--
-- Name: test_ws_integer_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.test_ws_integer_id_seq', 2, true);


--
-- Name: articles articles_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.articles
    ADD CONSTRAINT articles_pkey PRIMARY KEY (id);


--
-- Name: articles articles_slug_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.articles
    ADD CONSTRAINT articles_slug_unique UNIQUE (slug);


--
-- Name: articles_tags articles_tags_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.articles_tags
    ADD CONSTRAINT articles_tags_pkey PRIMARY KEY (id);


--
-- Name: authors authors_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.authors
    ADD CONSTRAINT authors_pkey PRIMARY KEY (id);


--
-- Name: block_image block_image_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.block_image
    ADD CONSTRAINT block_image_pkey PRIMARY KEY (id);


--
-- Name: block_text block_text_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.block_text
    ADD CONSTRAINT block_text_pkey PRIMARY KEY (id);


--
-- Name: categories categories_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_pkey PRIMARY KEY (id);


--
-- Name: comments comments_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.comments
    ADD CONSTRAINT comments_pkey PRIMARY KEY (id);


--
-- Name: directus_access directus_access_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_access
    ADD CONSTRAINT directus_access_pkey PRIMARY KEY (id);


--
-- Name: directus_activity directus_activity_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_activity
    ADD CONSTRAINT directus_activity_pkey PRIMARY KEY (id);


--
-- Name: directus_collections directus_collections_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_collections
    ADD CONSTRAINT directus_collections_pkey PRIMARY KEY (collection);


--
-- Name: directus_comments directus_comments_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_comments
    ADD CONSTRAINT directus_comments_pkey PRIMARY KEY (id);


--
-- Name: directus_dashboards directus_dashboards_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_dashboards
    ADD CONSTRAINT directus_dashboards_pkey PRIMARY KEY (id);


--
-- Name: directus_deployment_projects directus_deployment_projects_deployment_external_id_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_deployment_projects
    ADD CONSTRAINT directus_deployment_projects_deployment_external_id_unique UNIQUE (deployment, external_id);


--
-- Name: directus_deployment_projects directus_deployment_projects_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_deployment_projects
    ADD CONSTRAINT directus_deployment_projects_pkey PRIMARY KEY (id);


--
-- Name: directus_deployment_runs directus_deployment_runs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_deployment_runs
    ADD CONSTRAINT directus_deployment_runs_pkey PRIMARY KEY (id);


--
-- Name: directus_deployments directus_deployments_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_deployments
    ADD CONSTRAINT directus_deployments_pkey PRIMARY KEY (id);


--
-- Name: directus_deployments directus_deployments_provider_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_deployments
    ADD CONSTRAINT directus_deployments_provider_unique UNIQUE (provider);


--
-- Name: directus_extensions directus_extensions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_extensions
    ADD CONSTRAINT directus_extensions_pkey PRIMARY KEY (id);


--
-- Name: directus_fields directus_fields_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_fields
    ADD CONSTRAINT directus_fields_pkey PRIMARY KEY (id);


--
-- Name: directus_files directus_files_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_files
    ADD CONSTRAINT directus_files_pkey PRIMARY KEY (id);


--
-- Name: directus_flows directus_flows_operation_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_flows
    ADD CONSTRAINT directus_flows_operation_unique UNIQUE (operation);


--
-- Name: directus_flows directus_flows_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_flows
    ADD CONSTRAINT directus_flows_pkey PRIMARY KEY (id);


--
-- Name: directus_folders directus_folders_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_folders
    ADD CONSTRAINT directus_folders_pkey PRIMARY KEY (id);


--
-- Name: directus_migrations directus_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_migrations
    ADD CONSTRAINT directus_migrations_pkey PRIMARY KEY (version);


--
-- Name: directus_notifications directus_notifications_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_notifications
    ADD CONSTRAINT directus_notifications_pkey PRIMARY KEY (id);


--
-- Name: directus_oauth_clients directus_oauth_clients_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_oauth_clients
    ADD CONSTRAINT directus_oauth_clients_pkey PRIMARY KEY (client_id);


--
-- Name: directus_oauth_codes directus_oauth_codes_code_hash_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_oauth_codes
    ADD CONSTRAINT directus_oauth_codes_code_hash_unique UNIQUE (code_hash);


--
-- Name: directus_oauth_codes directus_oauth_codes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_oauth_codes
    ADD CONSTRAINT directus_oauth_codes_pkey PRIMARY KEY (id);


--
-- Name: directus_oauth_consents directus_oauth_consents_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_oauth_consents
    ADD CONSTRAINT directus_oauth_consents_pkey PRIMARY KEY (id);


--
-- Name: directus_oauth_consents directus_oauth_consents_user_client_redirect_uri_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_oauth_consents
    ADD CONSTRAINT directus_oauth_consents_user_client_redirect_uri_unique UNIQUE ("user", client, redirect_uri);


--
-- Name: directus_oauth_tokens directus_oauth_tokens_client_user_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_oauth_tokens
    ADD CONSTRAINT directus_oauth_tokens_client_user_unique UNIQUE (client, "user");


--
-- Name: directus_oauth_tokens directus_oauth_tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_oauth_tokens
    ADD CONSTRAINT directus_oauth_tokens_pkey PRIMARY KEY (id);


--
-- Name: directus_operations directus_operations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_operations
    ADD CONSTRAINT directus_operations_pkey PRIMARY KEY (id);


--
-- Name: directus_operations directus_operations_reject_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_operations
    ADD CONSTRAINT directus_operations_reject_unique UNIQUE (reject);


--
-- Name: directus_operations directus_operations_resolve_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_operations
    ADD CONSTRAINT directus_operations_resolve_unique UNIQUE (resolve);


--
-- Name: directus_panels directus_panels_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_panels
    ADD CONSTRAINT directus_panels_pkey PRIMARY KEY (id);


--
-- Name: directus_permissions directus_permissions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_permissions
    ADD CONSTRAINT directus_permissions_pkey PRIMARY KEY (id);


--
-- Name: directus_policies directus_policies_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_policies
    ADD CONSTRAINT directus_policies_pkey PRIMARY KEY (id);


--
-- Name: directus_presets directus_presets_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_presets
    ADD CONSTRAINT directus_presets_pkey PRIMARY KEY (id);


--
-- Name: directus_relations directus_relations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_relations
    ADD CONSTRAINT directus_relations_pkey PRIMARY KEY (id);


--
-- Name: directus_revisions directus_revisions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_revisions
    ADD CONSTRAINT directus_revisions_pkey PRIMARY KEY (id);


--
-- Name: directus_roles directus_roles_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_roles
    ADD CONSTRAINT directus_roles_pkey PRIMARY KEY (id);


--
-- Name: directus_sessions directus_sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_sessions
    ADD CONSTRAINT directus_sessions_pkey PRIMARY KEY (token);


--
-- Name: directus_settings directus_settings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_settings
    ADD CONSTRAINT directus_settings_pkey PRIMARY KEY (id);


--
-- Name: directus_shares directus_shares_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_shares
    ADD CONSTRAINT directus_shares_pkey PRIMARY KEY (id);


--
-- Name: directus_translations directus_translations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_translations
    ADD CONSTRAINT directus_translations_pkey PRIMARY KEY (id);


--
-- Name: directus_users directus_users_email_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_users
    ADD CONSTRAINT directus_users_email_unique UNIQUE (email);


--
-- Name: directus_users directus_users_external_identifier_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_users
    ADD CONSTRAINT directus_users_external_identifier_unique UNIQUE (external_identifier);


--
-- Name: directus_users directus_users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_users
    ADD CONSTRAINT directus_users_pkey PRIMARY KEY (id);


--
-- Name: directus_users directus_users_token_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_users
    ADD CONSTRAINT directus_users_token_unique UNIQUE (token);


--
-- Name: directus_versions directus_versions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_versions
    ADD CONSTRAINT directus_versions_pkey PRIMARY KEY (id);


--
-- Name: messages messages_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (id);


--
-- Name: no_access no_access_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.no_access
    ADD CONSTRAINT no_access_pkey PRIMARY KEY (id);


--
-- Name: pages_blocks pages_blocks_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pages_blocks
    ADD CONSTRAINT pages_blocks_pkey PRIMARY KEY (id);


--
-- Name: pages pages_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pages
    ADD CONSTRAINT pages_pkey PRIMARY KEY (id);


--
-- Name: presence presence_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.presence
    ADD CONSTRAINT presence_pkey PRIMARY KEY (id);


--
-- Name: site_settings site_settings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.site_settings
    ADD CONSTRAINT site_settings_pkey PRIMARY KEY (id);


--
-- Name: tags tags_label_unique; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tags_label_unique UNIQUE (label);


--
-- Name: tags tags_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tags_pkey PRIMARY KEY (id);


--
-- Name: test_ws_integer test_ws_integer_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.test_ws_integer
    ADD CONSTRAINT test_ws_integer_pkey PRIMARY KEY (id);


--
-- Name: test_ws_string test_ws_string_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.test_ws_string
    ADD CONSTRAINT test_ws_string_pkey PRIMARY KEY (id);


--
-- Name: test_ws_uuid test_ws_uuid_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.test_ws_uuid
    ADD CONSTRAINT test_ws_uuid_pkey PRIMARY KEY (id);


--
-- Name: directus_activity_timestamp_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX directus_activity_timestamp_index ON public.directus_activity USING btree ("timestamp");


--
-- Name: directus_oauth_clients_date_created_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX directus_oauth_clients_date_created_index ON public.directus_oauth_clients USING btree (date_created);


--
-- Name: directus_oauth_codes_expires_at_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX directus_oauth_codes_expires_at_index ON public.directus_oauth_codes USING btree (expires_at);


--
-- Name: directus_oauth_codes_used_at_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX directus_oauth_codes_used_at_index ON public.directus_oauth_codes USING btree (used_at);


--
-- Name: directus_oauth_consents_client_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX directus_oauth_consents_client_index ON public.directus_oauth_consents USING btree (client);


--
-- Name: directus_oauth_tokens_code_hash_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX directus_oauth_tokens_code_hash_index ON public.directus_oauth_tokens USING btree (code_hash);


--
-- Name: directus_oauth_tokens_expires_at_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX directus_oauth_tokens_expires_at_index ON public.directus_oauth_tokens USING btree (expires_at);


--
-- Name: directus_oauth_tokens_previous_session_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX directus_oauth_tokens_previous_session_index ON public.directus_oauth_tokens USING btree (previous_session);


--
-- Name: directus_oauth_tokens_session_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX directus_oauth_tokens_session_index ON public.directus_oauth_tokens USING btree (session);


--
-- Name: directus_revisions_activity_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX directus_revisions_activity_index ON public.directus_revisions USING btree (activity);


--
-- Name: directus_revisions_parent_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX directus_revisions_parent_index ON public.directus_revisions USING btree (parent);


--
-- Name: directus_sessions_oauth_client_index; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX directus_sessions_oauth_client_index ON public.directus_sessions USING btree (oauth_client);


--
-- Name: articles articles_author_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.articles
    ADD CONSTRAINT articles_author_foreign FOREIGN KEY (author) REFERENCES public.authors(id) ON DELETE SET NULL;


--
-- Name: articles articles_category_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.articles
    ADD CONSTRAINT articles_category_foreign FOREIGN KEY (category) REFERENCES public.categories(id) ON DELETE SET NULL;


--
-- Name: articles_tags articles_tags_articles_id_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.articles_tags
    ADD CONSTRAINT articles_tags_articles_id_foreign FOREIGN KEY (articles_id) REFERENCES public.articles(id) ON DELETE CASCADE;


--
-- Name: articles_tags articles_tags_tags_id_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.articles_tags
    ADD CONSTRAINT articles_tags_tags_id_foreign FOREIGN KEY (tags_id) REFERENCES public.tags(id) ON DELETE CASCADE;


--
-- Name: articles articles_user_created_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.articles
    ADD CONSTRAINT articles_user_created_foreign FOREIGN KEY (user_created) REFERENCES public.directus_users(id);


--
-- Name: articles articles_user_updated_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.articles
    ADD CONSTRAINT articles_user_updated_foreign FOREIGN KEY (user_updated) REFERENCES public.directus_users(id);


--
-- Name: categories categories_parent_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_parent_foreign FOREIGN KEY (parent) REFERENCES public.categories(id) ON DELETE SET NULL;


--
-- Name: comments comments_article_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.comments
    ADD CONSTRAINT comments_article_foreign FOREIGN KEY (article) REFERENCES public.articles(id) ON DELETE CASCADE;


--
-- Name: directus_access directus_access_policy_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_access
    ADD CONSTRAINT directus_access_policy_foreign FOREIGN KEY (policy) REFERENCES public.directus_policies(id) ON DELETE CASCADE;


--
-- Name: directus_access directus_access_role_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_access
    ADD CONSTRAINT directus_access_role_foreign FOREIGN KEY (role) REFERENCES public.directus_roles(id) ON DELETE CASCADE;


--
-- Name: directus_access directus_access_user_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_access
    ADD CONSTRAINT directus_access_user_foreign FOREIGN KEY ("user") REFERENCES public.directus_users(id) ON DELETE CASCADE;


--
-- Name: directus_collections directus_collections_group_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_collections
    ADD CONSTRAINT directus_collections_group_foreign FOREIGN KEY ("group") REFERENCES public.directus_collections(collection);


--
-- Name: directus_comments directus_comments_user_created_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_comments
    ADD CONSTRAINT directus_comments_user_created_foreign FOREIGN KEY (user_created) REFERENCES public.directus_users(id) ON DELETE SET NULL;


--
-- Name: directus_comments directus_comments_user_updated_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_comments
    ADD CONSTRAINT directus_comments_user_updated_foreign FOREIGN KEY (user_updated) REFERENCES public.directus_users(id);


--
-- Name: directus_dashboards directus_dashboards_user_created_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_dashboards
    ADD CONSTRAINT directus_dashboards_user_created_foreign FOREIGN KEY (user_created) REFERENCES public.directus_users(id) ON DELETE SET NULL;


--
-- Name: directus_deployment_projects directus_deployment_projects_deployment_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_deployment_projects
    ADD CONSTRAINT directus_deployment_projects_deployment_foreign FOREIGN KEY (deployment) REFERENCES public.directus_deployments(id) ON DELETE CASCADE;


--
-- Name: directus_deployment_projects directus_deployment_projects_user_created_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_deployment_projects
    ADD CONSTRAINT directus_deployment_projects_user_created_foreign FOREIGN KEY (user_created) REFERENCES public.directus_users(id) ON DELETE SET NULL;


--
-- Name: directus_deployment_runs directus_deployment_runs_project_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_deployment_runs
    ADD CONSTRAINT directus_deployment_runs_project_foreign FOREIGN KEY (project) REFERENCES public.directus_deployment_projects(id) ON DELETE CASCADE;


--
-- Name: directus_deployment_runs directus_deployment_runs_user_created_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_deployment_runs
    ADD CONSTRAINT directus_deployment_runs_user_created_foreign FOREIGN KEY (user_created) REFERENCES public.directus_users(id) ON DELETE SET NULL;


--
-- Name: directus_deployments directus_deployments_user_created_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_deployments
    ADD CONSTRAINT directus_deployments_user_created_foreign FOREIGN KEY (user_created) REFERENCES public.directus_users(id) ON DELETE SET NULL;


--
-- Name: directus_files directus_files_folder_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_files
    ADD CONSTRAINT directus_files_folder_foreign FOREIGN KEY (folder) REFERENCES public.directus_folders(id) ON DELETE SET NULL;


--
-- Name: directus_files directus_files_modified_by_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_files
    ADD CONSTRAINT directus_files_modified_by_foreign FOREIGN KEY (modified_by) REFERENCES public.directus_users(id);


--
-- Name: directus_files directus_files_uploaded_by_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_files
    ADD CONSTRAINT directus_files_uploaded_by_foreign FOREIGN KEY (uploaded_by) REFERENCES public.directus_users(id);


--
-- Name: directus_flows directus_flows_folder_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_flows
    ADD CONSTRAINT directus_flows_folder_foreign FOREIGN KEY (folder) REFERENCES public.directus_folders(id) ON DELETE SET NULL;


--
-- Name: directus_flows directus_flows_user_created_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_flows
    ADD CONSTRAINT directus_flows_user_created_foreign FOREIGN KEY (user_created) REFERENCES public.directus_users(id) ON DELETE SET NULL;


--
-- Name: directus_folders directus_folders_parent_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_folders
    ADD CONSTRAINT directus_folders_parent_foreign FOREIGN KEY (parent) REFERENCES public.directus_folders(id);


--
-- Name: directus_notifications directus_notifications_recipient_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_notifications
    ADD CONSTRAINT directus_notifications_recipient_foreign FOREIGN KEY (recipient) REFERENCES public.directus_users(id) ON DELETE CASCADE;


--
-- Name: directus_notifications directus_notifications_sender_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_notifications
    ADD CONSTRAINT directus_notifications_sender_foreign FOREIGN KEY (sender) REFERENCES public.directus_users(id);


--
-- Name: directus_oauth_codes directus_oauth_codes_client_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_oauth_codes
    ADD CONSTRAINT directus_oauth_codes_client_foreign FOREIGN KEY (client) REFERENCES public.directus_oauth_clients(client_id) ON DELETE CASCADE;


--
-- Name: directus_oauth_codes directus_oauth_codes_user_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_oauth_codes
    ADD CONSTRAINT directus_oauth_codes_user_foreign FOREIGN KEY ("user") REFERENCES public.directus_users(id) ON DELETE CASCADE;


--
-- Name: directus_oauth_consents directus_oauth_consents_client_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_oauth_consents
    ADD CONSTRAINT directus_oauth_consents_client_foreign FOREIGN KEY (client) REFERENCES public.directus_oauth_clients(client_id) ON DELETE CASCADE;


--
-- Name: directus_oauth_consents directus_oauth_consents_user_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_oauth_consents
    ADD CONSTRAINT directus_oauth_consents_user_foreign FOREIGN KEY ("user") REFERENCES public.directus_users(id) ON DELETE CASCADE;


--
-- Name: directus_oauth_tokens directus_oauth_tokens_client_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_oauth_tokens
    ADD CONSTRAINT directus_oauth_tokens_client_foreign FOREIGN KEY (client) REFERENCES public.directus_oauth_clients(client_id) ON DELETE CASCADE;


--
-- Name: directus_oauth_tokens directus_oauth_tokens_user_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_oauth_tokens
    ADD CONSTRAINT directus_oauth_tokens_user_foreign FOREIGN KEY ("user") REFERENCES public.directus_users(id) ON DELETE CASCADE;


--
-- Name: directus_operations directus_operations_flow_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_operations
    ADD CONSTRAINT directus_operations_flow_foreign FOREIGN KEY (flow) REFERENCES public.directus_flows(id) ON DELETE CASCADE;


--
-- Name: directus_operations directus_operations_reject_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_operations
    ADD CONSTRAINT directus_operations_reject_foreign FOREIGN KEY (reject) REFERENCES public.directus_operations(id);


--
-- Name: directus_operations directus_operations_resolve_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_operations
    ADD CONSTRAINT directus_operations_resolve_foreign FOREIGN KEY (resolve) REFERENCES public.directus_operations(id);


--
-- Name: directus_operations directus_operations_user_created_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_operations
    ADD CONSTRAINT directus_operations_user_created_foreign FOREIGN KEY (user_created) REFERENCES public.directus_users(id) ON DELETE SET NULL;


--
-- Name: directus_panels directus_panels_dashboard_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_panels
    ADD CONSTRAINT directus_panels_dashboard_foreign FOREIGN KEY (dashboard) REFERENCES public.directus_dashboards(id) ON DELETE CASCADE;


--
-- Name: directus_panels directus_panels_user_created_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_panels
    ADD CONSTRAINT directus_panels_user_created_foreign FOREIGN KEY (user_created) REFERENCES public.directus_users(id) ON DELETE SET NULL;


--
-- Name: directus_permissions directus_permissions_policy_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_permissions
    ADD CONSTRAINT directus_permissions_policy_foreign FOREIGN KEY (policy) REFERENCES public.directus_policies(id) ON DELETE CASCADE;


--
-- Name: directus_presets directus_presets_role_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_presets
    ADD CONSTRAINT directus_presets_role_foreign FOREIGN KEY (role) REFERENCES public.directus_roles(id) ON DELETE CASCADE;


--
-- Name: directus_presets directus_presets_user_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_presets
    ADD CONSTRAINT directus_presets_user_foreign FOREIGN KEY ("user") REFERENCES public.directus_users(id) ON DELETE CASCADE;


--
-- Name: directus_revisions directus_revisions_activity_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_revisions
    ADD CONSTRAINT directus_revisions_activity_foreign FOREIGN KEY (activity) REFERENCES public.directus_activity(id) ON DELETE CASCADE;


--
-- Name: directus_revisions directus_revisions_parent_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_revisions
    ADD CONSTRAINT directus_revisions_parent_foreign FOREIGN KEY (parent) REFERENCES public.directus_revisions(id);


--
-- Name: directus_revisions directus_revisions_version_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_revisions
    ADD CONSTRAINT directus_revisions_version_foreign FOREIGN KEY (version) REFERENCES public.directus_versions(id) ON DELETE CASCADE;


--
-- Name: directus_roles directus_roles_parent_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_roles
    ADD CONSTRAINT directus_roles_parent_foreign FOREIGN KEY (parent) REFERENCES public.directus_roles(id);


--
-- Name: directus_sessions directus_sessions_oauth_client_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_sessions
    ADD CONSTRAINT directus_sessions_oauth_client_foreign FOREIGN KEY (oauth_client) REFERENCES public.directus_oauth_clients(client_id) ON DELETE CASCADE;


--
-- Name: directus_sessions directus_sessions_share_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_sessions
    ADD CONSTRAINT directus_sessions_share_foreign FOREIGN KEY (share) REFERENCES public.directus_shares(id) ON DELETE CASCADE;


--
-- Name: directus_sessions directus_sessions_user_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_sessions
    ADD CONSTRAINT directus_sessions_user_foreign FOREIGN KEY ("user") REFERENCES public.directus_users(id) ON DELETE CASCADE;


--
-- Name: directus_settings directus_settings_project_logo_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_settings
    ADD CONSTRAINT directus_settings_project_logo_foreign FOREIGN KEY (project_logo) REFERENCES public.directus_files(id);


--
-- Name: directus_settings directus_settings_public_background_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_settings
    ADD CONSTRAINT directus_settings_public_background_foreign FOREIGN KEY (public_background) REFERENCES public.directus_files(id);


--
-- Name: directus_settings directus_settings_public_favicon_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_settings
    ADD CONSTRAINT directus_settings_public_favicon_foreign FOREIGN KEY (public_favicon) REFERENCES public.directus_files(id);


--
-- Name: directus_settings directus_settings_public_foreground_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_settings
    ADD CONSTRAINT directus_settings_public_foreground_foreign FOREIGN KEY (public_foreground) REFERENCES public.directus_files(id);


--
-- Name: directus_settings directus_settings_public_registration_role_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_settings
    ADD CONSTRAINT directus_settings_public_registration_role_foreign FOREIGN KEY (public_registration_role) REFERENCES public.directus_roles(id) ON DELETE SET NULL;


--
-- Name: directus_settings directus_settings_storage_default_folder_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_settings
    ADD CONSTRAINT directus_settings_storage_default_folder_foreign FOREIGN KEY (storage_default_folder) REFERENCES public.directus_folders(id) ON DELETE SET NULL;


--
-- Name: directus_shares directus_shares_collection_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_shares
    ADD CONSTRAINT directus_shares_collection_foreign FOREIGN KEY (collection) REFERENCES public.directus_collections(collection) ON DELETE CASCADE;


--
-- Name: directus_shares directus_shares_role_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_shares
    ADD CONSTRAINT directus_shares_role_foreign FOREIGN KEY (role) REFERENCES public.directus_roles(id) ON DELETE CASCADE;


--
-- Name: directus_shares directus_shares_user_created_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_shares
    ADD CONSTRAINT directus_shares_user_created_foreign FOREIGN KEY (user_created) REFERENCES public.directus_users(id) ON DELETE SET NULL;


--
-- Name: directus_users directus_users_role_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_users
    ADD CONSTRAINT directus_users_role_foreign FOREIGN KEY (role) REFERENCES public.directus_roles(id) ON DELETE SET NULL;


--
-- Name: directus_versions directus_versions_collection_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_versions
    ADD CONSTRAINT directus_versions_collection_foreign FOREIGN KEY (collection) REFERENCES public.directus_collections(collection) ON DELETE CASCADE;


--
-- Name: directus_versions directus_versions_user_created_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_versions
    ADD CONSTRAINT directus_versions_user_created_foreign FOREIGN KEY (user_created) REFERENCES public.directus_users(id) ON DELETE SET NULL;


--
-- Name: directus_versions directus_versions_user_updated_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.directus_versions
    ADD CONSTRAINT directus_versions_user_updated_foreign FOREIGN KEY (user_updated) REFERENCES public.directus_users(id);


--
-- Name: pages_blocks pages_blocks_pages_id_foreign; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.pages_blocks
    ADD CONSTRAINT pages_blocks_pages_id_foreign FOREIGN KEY (pages_id) REFERENCES public.pages(id) ON DELETE CASCADE;


--
-- PostgreSQL database dump complete
--


