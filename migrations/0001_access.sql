-- +goose Up
CREATE TABLE workspaces (
  id         {{key}} PRIMARY KEY,
  name       TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
INSERT INTO workspaces (id, name, created_at) VALUES ('default', 'default', 0);

CREATE TABLE users (
  id            {{key}} PRIMARY KEY,
  name          {{key}} NOT NULL UNIQUE,
  password_hash TEXT NOT NULL,
  disabled      BOOLEAN NOT NULL DEFAULT FALSE,
  created_at    BIGINT NOT NULL,
  created_by    {{key}} NOT NULL,
  seen_at       BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE memberships (
  user_id      {{key}} NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id) ON DELETE CASCADE,
  role         TEXT NOT NULL CHECK (role IN ('viewer', 'editor', 'reviewer', 'admin')),
  PRIMARY KEY (user_id, workspace_id)
);

CREATE TABLE api_tokens (
  id         {{key}} PRIMARY KEY,
  user_id    {{key}} NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  name       TEXT NOT NULL,
  prefix     {{key}} NOT NULL,
  hash       {{key}} NOT NULL UNIQUE,
  scopes     TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL DEFAULT 0,
  used_at    BIGINT NOT NULL DEFAULT 0,
  revoked_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX api_tokens_user ON api_tokens (user_id, created_at);

CREATE TABLE web_sessions (
  hash       {{key}} PRIMARY KEY,
  user_id    {{key}} NOT NULL REFERENCES users(id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL,
  seen_at    BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX web_sessions_user ON web_sessions (user_id);
CREATE INDEX web_sessions_expires ON web_sessions (expires_at);

-- The one-time link for the first administrator. At most one row.
CREATE TABLE setup_links (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  hash       {{key}} NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE audit_log (
  id           {{key}} PRIMARY KEY,
  at           BIGINT NOT NULL,
  workspace_id {{key}} NOT NULL,
  actor        {{key}} NOT NULL,
  token        {{key}} NOT NULL DEFAULT '',
  permission   TEXT NOT NULL,
  facts        {{json}} NOT NULL,
  request_id   TEXT NOT NULL DEFAULT '',
  address      TEXT NOT NULL DEFAULT ''
);
CREATE INDEX audit_log_at ON audit_log (at, id);

CREATE TABLE outbox (
  id      {{key}} PRIMARY KEY,
  at      BIGINT NOT NULL,
  kind    TEXT NOT NULL,
  subject TEXT NOT NULL,
  data    {{json}} NOT NULL
);

-- Numbers handed out one after another.
CREATE TABLE counters (
  name  {{key}} PRIMARY KEY,
  value BIGINT NOT NULL
);
