-- +goose Up
-- The home page and the search walk the active runs from the newest on. Names are indexed by their beginning:
-- PostgreSQL has no room for a whole long one.
CREATE INDEX runs_active ON runs (workspace_id, start_time DESC, substr(name, 1, 200)) WHERE deleted_at = 0;
DROP INDEX runs_recent_all; -- the same with the deleted among them
DROP INDEX runs_running; -- by when they were written to, so that the silent ones are a range
CREATE INDEX runs_running ON runs (workspace_id, updated_at DESC) WHERE status = 'RUNNING' AND deleted_at = 0;
CREATE INDEX runs_failed ON runs (workspace_id, start_time) WHERE status = 'FAILED' AND deleted_at = 0;
CREATE INDEX logged_models_active ON logged_models (workspace_id, created_at DESC, substr(name, 1, 200)) WHERE deleted_at = 0;
CREATE INDEX tags_search ON tags (lower(substr(value, 1, 60)), key, run_id) WHERE substr(key, 1, 7) <> 'mlflow.';
CREATE INDEX experiment_keys_tag ON experiment_keys (key, experiment_id) WHERE kind = 'tag';

CREATE INDEX experiments_trash ON experiments (workspace_id, deleted_at DESC) WHERE deleted_at <> 0;
CREATE INDEX logged_models_trash ON logged_models (workspace_id, deleted_at DESC) WHERE deleted_at <> 0;

-- What is to be deleted for good: one thing of the trash, or with the kind 'all' whatever was in it at the instant at.
-- A row stays until the work is done, also over a restart.
CREATE TABLE purges (
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  kind         {{key}} NOT NULL CHECK (kind IN ('experiment', 'run', 'model', 'all')),
  id           {{key}} NOT NULL,
  at           BIGINT NOT NULL,
  created_by   {{key}} NOT NULL,
  PRIMARY KEY (workspace_id, kind, id)
);
