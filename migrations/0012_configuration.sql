-- +goose Up
-- What was proposed for the rules of a protected environment, or for a team that one counts on. A promotion puts it in force.
CREATE TABLE configurations (
  id           {{key}} PRIMARY KEY,
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  kind         {{key}} NOT NULL CHECK (kind IN ('rules', 'team')),
  subject      {{key}} NOT NULL, -- the environment or the team
  name         {{key}} NOT NULL, -- of it
  number       BIGINT NOT NULL,
  replaces     TEXT NOT NULL, -- canonical JSON, like document
  document     TEXT NOT NULL,
  digest       {{key}} NOT NULL, -- SHA-256 of document
  created_at   BIGINT NOT NULL,
  created_by   {{key}} NOT NULL
);
CREATE UNIQUE INDEX configurations_number ON configurations (subject, number);
CREATE INDEX promotions_open_rules ON promotions (number) WHERE ended_at = 0 AND kind <> 'model';
