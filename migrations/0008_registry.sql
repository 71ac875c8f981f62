-- +goose Up
CREATE TABLE registered_models (
  id           {{key}} PRIMARY KEY,
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  name         {{key}} NOT NULL,
  description  TEXT NOT NULL,
  last_version BIGINT NOT NULL DEFAULT 0,
  created_at   BIGINT NOT NULL,
  updated_at   BIGINT NOT NULL,
  deleted_at   BIGINT NOT NULL DEFAULT 0,
  created_by   {{key}} NOT NULL
);
-- What is in the trash has lost its name.
CREATE UNIQUE INDEX registered_models_name ON registered_models (workspace_id, name) WHERE deleted_at = 0;
CREATE INDEX registered_models_recent ON registered_models (workspace_id, updated_at) WHERE deleted_at = 0;
CREATE INDEX registered_models_trash ON registered_models (workspace_id, deleted_at) WHERE deleted_at <> 0;

CREATE TABLE registered_model_tags (
  model_id {{key}} NOT NULL REFERENCES registered_models(id) ON DELETE CASCADE,
  key      {{key}} NOT NULL,
  value    {{key}} NOT NULL,
  PRIMARY KEY (model_id, key)
) {{clustered}};

-- A version is a fact: its source, location, manifest and digest are written once.
CREATE TABLE model_versions (
  model_id        {{key}} NOT NULL REFERENCES registered_models(id) ON DELETE CASCADE,
  version         BIGINT NOT NULL,
  id              {{key}} NOT NULL,
  workspace_id    {{key}} NOT NULL,
  source          {{key}} NOT NULL,
  location        {{key}} NOT NULL,
  run_id          {{key}} NOT NULL,
  logged_model_id {{key}} NOT NULL,
  run_link        TEXT NOT NULL,
  description     TEXT NOT NULL,
  stage           {{key}} NOT NULL,
  standing        {{key}} NOT NULL CHECK (standing IN ('pinned', 'external', 'empty', 'text')),
  digest          {{key}} NOT NULL,
  manifest        TEXT NOT NULL,
  files           BIGINT NOT NULL,
  size            BIGINT NOT NULL,
  verified_at     BIGINT NOT NULL DEFAULT 0,
  broken          TEXT NOT NULL DEFAULT '',
  revoked_at      BIGINT NOT NULL DEFAULT 0,
  revoked_by      {{key}} NOT NULL DEFAULT '',
  revoke_reason   TEXT NOT NULL DEFAULT '',
  created_at      BIGINT NOT NULL,
  updated_at      BIGINT NOT NULL,
  deleted_at      BIGINT NOT NULL DEFAULT 0,
  created_by      {{key}} NOT NULL,
  PRIMARY KEY (model_id, version)
);
CREATE UNIQUE INDEX model_versions_id ON model_versions (id);
CREATE INDEX model_versions_stage ON model_versions (model_id, stage, version) WHERE deleted_at = 0;
CREATE INDEX model_versions_recent ON model_versions (workspace_id, updated_at) WHERE deleted_at = 0;
CREATE INDEX model_versions_recent_of ON model_versions (model_id, updated_at) WHERE deleted_at = 0;
CREATE INDEX model_versions_run ON model_versions (run_id);
CREATE INDEX model_versions_logged ON model_versions (logged_model_id);

CREATE TABLE model_version_tags (
  model_id {{key}} NOT NULL,
  version  BIGINT NOT NULL,
  key      {{key}} NOT NULL,
  value    {{key}} NOT NULL,
  PRIMARY KEY (model_id, version, key),
  FOREIGN KEY (model_id, version) REFERENCES model_versions (model_id, version) ON DELETE CASCADE
) {{clustered}};

CREATE TABLE model_aliases (
  model_id {{key}} NOT NULL,
  alias    {{key}} NOT NULL,
  version  BIGINT NOT NULL,
  PRIMARY KEY (model_id, alias),
  FOREIGN KEY (model_id, version) REFERENCES model_versions (model_id, version) ON DELETE CASCADE
) {{clustered}};
CREATE INDEX model_aliases_version ON model_aliases (model_id, version);

-- The history of aliases and stages; the newest line says how it is.
CREATE TABLE model_moves (
  id         {{key}} PRIMARY KEY,
  model_id   {{key}} NOT NULL REFERENCES registered_models(id) ON DELETE CASCADE,
  kind       {{key}} NOT NULL CHECK (kind IN ('alias', 'stage')),
  subject    {{key}} NOT NULL,
  from_value {{key}} NOT NULL,
  to_value   {{key}} NOT NULL,
  at         BIGINT NOT NULL,
  moved_by   {{key}} NOT NULL,
  undoes     {{key}} NOT NULL
);
CREATE INDEX model_moves_recent ON model_moves (model_id, at DESC, id);
CREATE INDEX model_moves_subject ON model_moves (model_id, kind, subject, at DESC);

-- What was found in the files of a version; evidence, not a verdict on it.
CREATE TABLE model_scans (
  version_id {{key}} PRIMARY KEY REFERENCES model_versions(id) ON DELETE CASCADE,
  verdict    {{key}} NOT NULL,
  report     TEXT NOT NULL,
  scanned_at BIGINT NOT NULL
);

-- The card of a version, in revisions. A version without one of its own has that of the version before it.
CREATE TABLE model_cards (
  model_id   {{key}} NOT NULL,
  version    BIGINT NOT NULL,
  revision   BIGINT NOT NULL,
  card       TEXT NOT NULL,
  digest     {{key}} NOT NULL,
  created_at BIGINT NOT NULL,
  created_by {{key}} NOT NULL,
  PRIMARY KEY (model_id, version, revision),
  FOREIGN KEY (model_id, version) REFERENCES model_versions (model_id, version) ON DELETE CASCADE
);
