-- +goose Up
-- Values that nobody reads back. The row of a version holds ciphertext alone; the key that opens it lies outside the database.
CREATE TABLE secrets (
  id           {{key}} PRIMARY KEY,
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  name         {{key}} NOT NULL,
  tail         TEXT NOT NULL,
  fingerprint  {{key}} NOT NULL,
  version      BIGINT NOT NULL,
  kek_id       {{key}} NOT NULL,
  created_at   BIGINT NOT NULL,
  created_by   {{key}} NOT NULL,
  updated_at   BIGINT NOT NULL,
  updated_by   {{key}} NOT NULL,
  used_at      BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX secrets_name ON secrets (workspace_id, name);

CREATE TABLE secret_versions (
  secret_id {{key}} NOT NULL REFERENCES secrets(id) ON DELETE CASCADE,
  version   BIGINT NOT NULL,
  kek_id    {{key}} NOT NULL,
  wrapped   {{blob}} NOT NULL,
  value     {{blob}} NOT NULL,
  at        BIGINT NOT NULL,
  until     BIGINT NOT NULL DEFAULT 0, -- 0: it is the current one
  PRIMARY KEY (secret_id, version)
);
CREATE INDEX secret_versions_kek ON secret_versions (kek_id);
