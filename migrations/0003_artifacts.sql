-- +goose Up
-- A path names bytes by their digest; the bytes lie in the blob store, once per digest.
CREATE TABLE artifacts (
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  path         {{key}} NOT NULL,
  size         BIGINT NOT NULL,
  digest       {{key}} NOT NULL,
  created_at   BIGINT NOT NULL,
  created_by   {{key}} NOT NULL,
  PRIMARY KEY (workspace_id, path)
) {{clustered}};
CREATE INDEX artifacts_digest ON artifacts (digest);

CREATE TABLE uploads (
  id           {{key}} PRIMARY KEY,
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  path         TEXT NOT NULL,
  parts        BIGINT NOT NULL,
  created_at   BIGINT NOT NULL,
  created_by   {{key}} NOT NULL
);
