-- +goose Up
-- Where the catalog is from. What a source offers is fetched as a whole.
CREATE TABLE catalog_sources (
  id           {{key}} PRIMARY KEY,
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  kind         {{key}} NOT NULL,
  name         {{key}} NOT NULL,
  address      TEXT NOT NULL DEFAULT '',
  rank         BIGINT NOT NULL,               -- of two that disagree the lower is believed
  enabled      BOOLEAN NOT NULL DEFAULT FALSE,
  every        BIGINT NOT NULL,               -- milliseconds
  secret_id    {{key}} NOT NULL DEFAULT '',
  revision     BIGINT NOT NULL DEFAULT 1,
  etag         TEXT NOT NULL DEFAULT '',      -- what the source called its answer, to ask whether it is still that
  modified     TEXT NOT NULL DEFAULT '',
  due_at       BIGINT NOT NULL DEFAULT 0,
  tried_at     BIGINT NOT NULL DEFAULT 0,
  synced_at    BIGINT NOT NULL DEFAULT 0,     -- the last good answer
  took         BIGINT NOT NULL DEFAULT 0,     -- milliseconds, of the last try
  failures     BIGINT NOT NULL DEFAULT 0,     -- since then
  last_error   TEXT NOT NULL DEFAULT '',      -- JSON of key, text and arguments
  models       BIGINT NOT NULL DEFAULT 0,
  created_at   BIGINT NOT NULL,
  updated_at   BIGINT NOT NULL,
  updated_by   {{key}} NOT NULL
);
CREATE UNIQUE INDEX catalog_sources_name ON catalog_sources (workspace_id, name);

-- What each source says of each model, as facts and in its own words.
CREATE TABLE catalog_offers (
  source_id  {{key}} NOT NULL REFERENCES catalog_sources(id) ON DELETE CASCADE,
  provider   {{key}} NOT NULL,
  model_id   {{key}} NOT NULL,
  facts      TEXT NOT NULL,
  digest     {{key}} NOT NULL,
  raw        TEXT NOT NULL,
  first_seen BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  gone_at    BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (source_id, provider, model_id)
);
CREATE INDEX catalog_offers_model ON catalog_offers (provider, model_id);

-- What is believed of each model.
CREATE TABLE catalog_models (
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  provider     {{key}} NOT NULL,
  model_id     {{key}} NOT NULL,
  facts        TEXT NOT NULL,
  origins      TEXT NOT NULL, -- JSON: which source each fact is from, and which contradict it
  digest       {{key}} NOT NULL,
  sources      BIGINT NOT NULL,
  gone_at      BIGINT NOT NULL DEFAULT 0,
  first_seen   BIGINT NOT NULL,
  changed_at   BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, provider, model_id)
);

-- The generation counts the changes of what is believed, so that who keeps a copy knows when it is old.
CREATE TABLE catalog_state (
  workspace_id {{key}} PRIMARY KEY REFERENCES workspaces(id),
  generation   BIGINT NOT NULL
);

CREATE TABLE catalog_changes (
  id           {{key}} PRIMARY KEY, -- sorts by time
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  provider     {{key}} NOT NULL,
  model_id     {{key}} NOT NULL,
  at           BIGINT NOT NULL,
  kind         {{key}} NOT NULL,
  field        {{key}} NOT NULL,
  before       TEXT NOT NULL,
  after        TEXT NOT NULL,
  source_id    {{key}} NOT NULL
);
CREATE INDEX catalog_changes_time ON catalog_changes (workspace_id, id);
CREATE INDEX catalog_changes_kind ON catalog_changes (workspace_id, kind, id);
CREATE INDEX catalog_changes_model ON catalog_changes (workspace_id, provider, model_id, id);

-- What the workspace wants a model for, and which ones are considered.
CREATE TABLE catalog_use_cases (
  id           {{key}} PRIMARY KEY,
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  name         {{key}} NOT NULL,
  about        TEXT NOT NULL DEFAULT '',
  licences     TEXT NOT NULL DEFAULT '[]', -- that are allowed; none = any
  regions      TEXT NOT NULL DEFAULT '[]',
  revision     BIGINT NOT NULL DEFAULT 1,
  created_at   BIGINT NOT NULL,
  created_by   {{key}} NOT NULL,
  updated_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX catalog_use_cases_name ON catalog_use_cases (workspace_id, name);

CREATE TABLE catalog_choices (
  use_case_id {{key}} NOT NULL REFERENCES catalog_use_cases(id) ON DELETE CASCADE,
  provider    {{key}} NOT NULL,
  model_id    {{key}} NOT NULL,
  status      {{key}} NOT NULL,
  reason      TEXT NOT NULL,
  at          BIGINT NOT NULL,
  chosen_by   {{key}} NOT NULL,
  warned      TEXT NOT NULL DEFAULT '', -- of which end of the model, and how long ahead, the workspace was told
  PRIMARY KEY (use_case_id, provider, model_id)
);
CREATE INDEX catalog_choices_model ON catalog_choices (provider, model_id);

-- The catalog is full from the start: what came with the program needs no network.
INSERT INTO catalog_sources (id, workspace_id, kind, name, rank, enabled, every, created_at, updated_at, updated_by)
SELECT w.id || '.snapshot', w.id, 'snapshot', 'Built-in snapshot', 1000, TRUE, 86400000, 0, 0, 'system:setup' FROM workspaces w;
