-- +goose Up
-- When a run was last written to: what a page that watches it asks, and what tells a stale run from a busy one.
ALTER TABLE runs ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE runs SET updated_at = CASE WHEN end_time > start_time THEN end_time ELSE start_time END;
CREATE INDEX runs_updated ON runs (experiment_id, updated_at DESC);
CREATE INDEX runs_count ON runs (experiment_id, deleted_at, start_time);
CREATE INDEX runs_recent_all ON runs (workspace_id, start_time DESC, id);
CREATE INDEX runs_trash ON runs (workspace_id, deleted_at DESC) WHERE deleted_at <> 0;
CREATE INDEX runs_running ON runs (workspace_id, start_time DESC) WHERE status = 'RUNNING' AND deleted_at = 0;
CREATE INDEX tags_parent ON tags (value, run_id) WHERE key = 'mlflow.parentRunId';

-- The keys that runs of an experiment have used, so that pickers and completion need not look at the runs.
CREATE TABLE experiment_keys (
  experiment_id BIGINT NOT NULL REFERENCES experiments(id) ON DELETE CASCADE,
  kind          {{key}} NOT NULL CHECK (kind IN ('metric', 'param', 'tag')),
  key           {{key}} NOT NULL,
  PRIMARY KEY (experiment_id, kind, key)
) {{clustered}};
INSERT INTO experiment_keys (experiment_id, kind, key) SELECT DISTINCT experiment_id, 'metric', key FROM metrics;
INSERT INTO experiment_keys (experiment_id, kind, key) SELECT DISTINCT r.experiment_id, 'param', p.key FROM params p JOIN runs r ON r.id = p.run_id;
INSERT INTO experiment_keys (experiment_id, kind, key) SELECT DISTINCT r.experiment_id, 'tag', t.key FROM tags t JOIN runs r ON r.id = t.run_id;

-- A saved view of an experiment's runs: the query of its address under a name.
CREATE TABLE views (
  id            {{key}} PRIMARY KEY,
  workspace_id  {{key}} NOT NULL REFERENCES workspaces(id),
  experiment_id BIGINT NOT NULL REFERENCES experiments(id) ON DELETE CASCADE,
  owner         {{key}} NOT NULL,
  name          {{key}} NOT NULL,
  shared        BOOLEAN NOT NULL,
  standard      BOOLEAN NOT NULL,
  query         TEXT NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL
);
CREATE INDEX views_experiment ON views (experiment_id, created_at);

-- A search for one value among many runs starts from these; a long value counts by its beginning.
CREATE INDEX params_value ON params (key, substr(value, 1, 64));
CREATE INDEX tags_value ON tags (key, substr(value, 1, 64));
