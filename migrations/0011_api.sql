-- +goose Up
-- What was answered to acts that came with an Idempotency-Key, for as long as a client may ask again.
CREATE TABLE idempotency_keys (
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  actor        {{key}} NOT NULL,
  name         {{key}} NOT NULL, -- the key, as the client made it
  request      {{key}} NOT NULL, -- SHA-256 of method, path and body
  at           BIGINT NOT NULL,
  status       BIGINT NOT NULL DEFAULT 0,
  etag         {{key}} NOT NULL DEFAULT '',
  location     TEXT NOT NULL DEFAULT '',
  answer       TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (workspace_id, actor, name)
);
CREATE INDEX idempotency_keys_at ON idempotency_keys (at);
