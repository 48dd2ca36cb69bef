-- The newsroom: tables and rows that tests of access, sql and row share. Same columns as testing.rs.

CREATE TABLE directus_roles (
    id uuid NOT NULL PRIMARY KEY,
    name varchar(255),
    parent uuid
);
CREATE TABLE directus_users (
    id uuid NOT NULL PRIMARY KEY,
    first_name varchar(255),
    last_name varchar(255),
    email varchar(255),
    password varchar(255),
    status varchar(255) DEFAULT 'active',
    role uuid REFERENCES directus_roles(id),
    token varchar(255),
    last_access timestamptz
);

CREATE TABLE authors (
    id uuid PRIMARY KEY,
    name varchar(255),
    email varchar(255),
    bio text,
    rating numeric(10,2),
    active boolean,
    born date,
    interests text,
    settings json,
    password varchar(255)
);

CREATE TABLE categories (
    id varchar(255) PRIMARY KEY,
    name varchar(255),
    parent varchar(255)
);

CREATE TABLE articles (
    id serial PRIMARY KEY,
    title varchar(255),
    slug varchar(255),
    status varchar(255) DEFAULT 'draft',
    body text,
    views integer DEFAULT 0,
    score real,
    price numeric(10,2),
    big bigint,
    published_at timestamptz,
    event_date date,
    event_time time,
    event_datetime timestamp,
    meta json,
    labels text,
    featured boolean DEFAULT false,
    secret varchar(255),
    author uuid,
    category varchar(255),
    date_created timestamptz,
    date_updated timestamptz,
    user_created uuid,
    user_updated uuid,
    sort integer
);

CREATE TABLE comments (
    id serial PRIMARY KEY,
    article integer,
    text text,
    approved boolean,
    author_name varchar(255)
);

CREATE TABLE tags (
    id serial PRIMARY KEY,
    label varchar(255)
);

CREATE TABLE articles_tags (
    id serial PRIMARY KEY,
    articles_id integer,
    tags_id integer
);

CREATE TABLE pages (
    id serial PRIMARY KEY,
    title varchar(255)
);

CREATE TABLE block_text (
    id serial PRIMARY KEY,
    body text
);

CREATE TABLE block_image (
    id serial PRIMARY KEY,
    url varchar(255),
    caption varchar(255)
);

CREATE TABLE pages_blocks (
    id serial PRIMARY KEY,
    pages_id integer,
    item varchar(255),
    collection varchar(255),
    sort integer
);

CREATE TABLE messages (
    id serial PRIMARY KEY,
    text varchar(255),
    "user" varchar(255),
    date_created timestamptz
);

CREATE TABLE site_settings (
    id serial PRIMARY KEY,
    site_name varchar(255),
    theme json
);

ALTER TABLE articles ADD CONSTRAINT articles_slug_unique UNIQUE (slug);
ALTER TABLE tags ADD CONSTRAINT tags_label_unique UNIQUE (label);
ALTER TABLE articles ADD CONSTRAINT articles_author_foreign FOREIGN KEY (author) REFERENCES authors(id) ON DELETE SET NULL;
ALTER TABLE articles ADD CONSTRAINT articles_category_foreign FOREIGN KEY (category) REFERENCES categories(id) ON DELETE SET NULL;
ALTER TABLE articles_tags ADD CONSTRAINT articles_tags_articles_id_foreign FOREIGN KEY (articles_id) REFERENCES articles(id) ON DELETE CASCADE;
ALTER TABLE articles_tags ADD CONSTRAINT articles_tags_tags_id_foreign FOREIGN KEY (tags_id) REFERENCES tags(id) ON DELETE CASCADE;
ALTER TABLE categories ADD CONSTRAINT categories_parent_foreign FOREIGN KEY (parent) REFERENCES categories(id) ON DELETE SET NULL;
ALTER TABLE comments ADD CONSTRAINT comments_article_foreign FOREIGN KEY (article) REFERENCES articles(id) ON DELETE CASCADE;
ALTER TABLE pages_blocks ADD CONSTRAINT pages_blocks_pages_id_foreign FOREIGN KEY (pages_id) REFERENCES pages(id) ON DELETE CASCADE;

INSERT INTO directus_roles VALUES ('20000000-0000-4000-8000-000000000002', 'reporter', NULL);
INSERT INTO directus_users (id, first_name, last_name, email, role) VALUES
    ('10000000-0000-4000-8000-000000000001', 'editor', 'User', 'editor@example.com', NULL),
    ('10000000-0000-4000-8000-000000000002', 'reporter', 'User', 'reporter@example.com', '20000000-0000-4000-8000-000000000002');

INSERT INTO authors (id, name, email, bio, rating, active, born, interests, settings, password) VALUES
    ('a0000000-0000-4000-8000-000000000001', 'Ada Lovelace', 'ada@example.com', 'First programmer.', '4.50', 't', '1815-12-10', 'math,engines', '{"theme":"dark","size":12}', '$argon2id$v=19$m=65536,t=3,p=4$keGTli5oqa+ScXVlfAmFXQ$LYoFliUYJywNH9eZA2io0iTeO1EWLsDAYGFY433+w6I'),
    ('a0000000-0000-4000-8000-000000000002', 'Grace Hopper', 'grace@example.com', NULL, '5.00', 't', '1906-12-09', 'navy', '{"theme":"light","nested":{"a":[1,2,3]}}', NULL),
    ('a0000000-0000-4000-8000-000000000003', 'Alan Turing', 'alan@example.com', 'Machines.', '3.25', 'f', '1912-06-23', '', NULL, NULL),
    ('a0000000-0000-4000-8000-000000000004', 'Émilie du Châtelet', NULL, 'Näturphilosophie ✓', NULL, NULL, NULL, NULL, '{}', NULL);
INSERT INTO categories (id, name, parent) VALUES
    ('news', 'News', NULL),
    ('tech', 'Technology', 'news'),
    ('ai', 'AI', 'tech'),
    ('sports', 'Sports', 'news'),
    ('opinion', 'Opinion', NULL);
INSERT INTO articles (id, title, slug, status, body, views, score, price, big, published_at, event_date, event_time, event_datetime, meta, labels, featured, secret, author, category, date_created, date_updated, user_created, user_updated, sort) VALUES
    ('1', 'Engines of analysis', 'engines', 'published', 'The engine weaves.', '100', '1.5', '19.99', '9007199254740993', '2026-01-02 03:04:05+00', '2026-02-03', '08:30:00', '2026-02-03 08:30:00', '{"k":"v","n":1,"list":[1,2]}', 'one,two', 't', 's1', 'a0000000-0000-4000-8000-000000000001', 'tech', '2026-01-01 10:00:00+00', NULL, '10000000-0000-4000-8000-000000000001', NULL, '3'),
    ('2', 'Compilers for all', 'compilers', 'published', 'A-0 System.', '250', '2.25', '5.00', '12', '2026-03-01 00:00:00+00', '2026-03-01', NULL, NULL, NULL, NULL, 'f', 's2', 'a0000000-0000-4000-8000-000000000002', 'tech', '2026-01-02 10:00:00+00', NULL, '10000000-0000-4000-8000-000000000001', NULL, '1'),
    ('3', 'On computable numbers', 'computable', 'draft', 'Entscheidungsproblem', '7', '-0.5', '0.10', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't', 's3', 'a0000000-0000-4000-8000-000000000003', 'ai', '2026-01-03 10:00:00+00', NULL, '10000000-0000-4000-8000-000000000001', NULL, '2'),
    ('4', 'Heat and fire', 'heat', 'archived', NULL, '0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'f', NULL, 'a0000000-0000-4000-8000-000000000004', 'opinion', '2026-01-04 10:00:00+00', NULL, '10000000-0000-4000-8000-000000000001', NULL, NULL),
    ('5', 'Draft by editor', 'draft-editor', 'draft', 'wip', '1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"k":"w"}', '', 'f', NULL, 'a0000000-0000-4000-8000-000000000001', NULL, '2026-01-05 10:00:00+00', NULL, '10000000-0000-4000-8000-000000000001', NULL, NULL),
    ('6', 'Draft by reporter', 'draft-reporter', 'draft', 'notes', '2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'f', 's6', NULL, 'sports', '2026-01-06 10:00:00+00', NULL, '10000000-0000-4000-8000-000000000002', NULL, NULL),
    ('7', 'Match report', 'match', 'published', '2-1 after extra time', '999', '10', NULL, NULL, '2026-05-05 12:00:00.123+00', NULL, NULL, NULL, NULL, 'sport', 'f', NULL, 'a0000000-0000-4000-8000-000000000002', 'sports', '2026-01-07 10:00:00+00', NULL, '10000000-0000-4000-8000-000000000001', NULL, NULL),
    ('8', 'zeta: lower case title', NULL, 'archived', 'percent % and _ and ''quote''', '42', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 't', 's8', NULL, NULL, '2026-01-08 10:00:00+00', NULL, '10000000-0000-4000-8000-000000000001', NULL, NULL);
SELECT setval('articles_id_seq', (SELECT max(id) FROM articles));
INSERT INTO comments (id, article, text, approved, author_name) VALUES
    ('1', '1', 'Great read', 't', 'ann'),
    ('2', '1', 'spam spam', 'f', 'bot'),
    ('3', '2', 'Thanks', 't', 'bob'),
    ('4', '2', 'Typo in line 3', NULL, NULL),
    ('5', '3', 'Undecidable', 't', 'ann'),
    ('6', NULL, 'orphan', 't', 'bob');
SELECT setval('comments_id_seq', (SELECT max(id) FROM comments));
INSERT INTO tags (id, label) VALUES
    ('1', 'alpha'),
    ('2', 'beta'),
    ('3', 'gamma'),
    ('4', 'delta');
SELECT setval('tags_id_seq', (SELECT max(id) FROM tags));
INSERT INTO articles_tags (id, articles_id, tags_id) VALUES
    ('1', '1', '1'),
    ('2', '1', '2'),
    ('3', '2', '2'),
    ('4', '2', '3');
SELECT setval('articles_tags_id_seq', (SELECT max(id) FROM articles_tags));
INSERT INTO pages (id, title) VALUES
    ('1', 'Home'),
    ('2', 'About');
SELECT setval('pages_id_seq', (SELECT max(id) FROM pages));
INSERT INTO block_text (id, body) VALUES
    ('1', 'Welcome'),
    ('2', 'About us');
SELECT setval('block_text_id_seq', (SELECT max(id) FROM block_text));
INSERT INTO block_image (id, url, caption) VALUES
    ('1', '/img/a.png', 'A');
SELECT setval('block_image_id_seq', (SELECT max(id) FROM block_image));
INSERT INTO pages_blocks (id, pages_id, item, collection, sort) VALUES
    ('1', '1', '1', 'block_text', '1'),
    ('2', '1', '1', 'block_image', '2'),
    ('3', '2', '2', 'block_text', '1');
SELECT setval('pages_blocks_id_seq', (SELECT max(id) FROM pages_blocks));
INSERT INTO messages (id, text, "user", date_created) VALUES
    ('1', 'Hello World!', 'Ben', '2026-01-01 12:00:00+00'),
    ('2', 'Hello Universe!', 'Rijk', '2026-01-02 12:00:00+00'),
    ('3', 'Hello Everyone Everywhere All At Once!', 'Kevin', '2026-01-03 12:00:00+00');
SELECT setval('messages_id_seq', (SELECT max(id) FROM messages));
INSERT INTO site_settings (id, site_name, theme) VALUES
    ('1', 'Newsroom', '{"primary":"#6644FF"}');
SELECT setval('site_settings_id_seq', (SELECT max(id) FROM site_settings));
