-- +goose Up
CREATE TABLE experiments (
  id                BIGINT PRIMARY KEY,
  workspace_id      {{key}} NOT NULL REFERENCES workspaces(id),
  name              {{key}} NOT NULL,
  artifact_location TEXT NOT NULL,
  deleted_at        BIGINT NOT NULL DEFAULT 0,
  created_at        BIGINT NOT NULL,
  updated_at        BIGINT NOT NULL,
  created_by        {{key}} NOT NULL,
  UNIQUE (workspace_id, name)
);
CREATE INDEX experiments_recent ON experiments (workspace_id, created_at DESC, id);
INSERT INTO counters (name, value) VALUES ('experiment', 0);
INSERT INTO experiments (id, workspace_id, name, artifact_location, created_at, updated_at, created_by)
VALUES (0, 'default', 'Default', 'mlflow-artifacts:/0', 0, 0, 'system');

CREATE TABLE experiment_tags (
  experiment_id BIGINT NOT NULL REFERENCES experiments(id) ON DELETE CASCADE,
  key           {{key}} NOT NULL,
  value         TEXT NOT NULL,
  PRIMARY KEY (experiment_id, key)
) {{clustered}};

CREATE TABLE runs (
  id            {{key}} PRIMARY KEY,
  experiment_id BIGINT NOT NULL REFERENCES experiments(id),
  workspace_id  {{key}} NOT NULL,
  name          {{key}} NOT NULL,
  user_id       {{key}} NOT NULL,
  status        {{key}} NOT NULL,
  start_time    BIGINT NOT NULL,
  end_time      BIGINT NOT NULL DEFAULT 0,
  artifact_uri  {{key}} NOT NULL,
  deleted_at    BIGINT NOT NULL DEFAULT 0,
  created_by    {{key}} NOT NULL
);
CREATE INDEX runs_recent ON runs (experiment_id, start_time DESC, id);

CREATE TABLE params (
  run_id {{key}} NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  key    {{key}} NOT NULL,
  value  {{key}} NOT NULL,
  PRIMARY KEY (run_id, key)
) {{clustered}};

CREATE TABLE tags (
  run_id {{key}} NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  key    {{key}} NOT NULL,
  value  {{key}} NOT NULL,
  PRIMARY KEY (run_id, key)
) {{clustered}};

-- One row per series: the latest value, which is the greatest (step, timestamp, value), and where
-- its points are. A NaN is stored as 0 with is_nan, because SQLite has none.
CREATE TABLE metrics (
  run_id        {{key}} NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  key           {{key}} NOT NULL,
  series        BIGINT NOT NULL,
  experiment_id BIGINT NOT NULL,
  value         DOUBLE PRECISION NOT NULL,
  is_nan        BOOLEAN NOT NULL,
  step          BIGINT NOT NULL,
  timestamp     BIGINT NOT NULL,
  tail_seq      BIGINT NOT NULL,
  tail_points   BIGINT NOT NULL,
  PRIMARY KEY (run_id, key)
) {{clustered}};
CREATE UNIQUE INDEX metrics_series ON metrics (series);
CREATE INDEX metrics_order ON metrics (experiment_id, key, is_nan, value);

-- Points as they came: one row per series and request, in any order, maybe doubled.
CREATE TABLE metric_tail (
  series BIGINT NOT NULL,
  seq    BIGINT NOT NULL,
  data   {{blob}} NOT NULL,
  PRIMARY KEY (series, seq)
) {{clustered}};

-- Points at rest: blocks ordered by seq, each ordered by (timestamp, step, value) inside, none doubled.
CREATE TABLE metric_blocks (
  series   BIGINT NOT NULL,
  seq      BIGINT NOT NULL,
  points   BIGINT NOT NULL,
  last_ts  BIGINT NOT NULL,
  last_step BIGINT NOT NULL,
  min_step BIGINT NOT NULL,
  max_step BIGINT NOT NULL,
  data     {{blob}} NOT NULL,
  PRIMARY KEY (series, seq)
) {{clustered}};

CREATE TABLE datasets (
  id            {{key}} PRIMARY KEY,
  experiment_id BIGINT NOT NULL REFERENCES experiments(id) ON DELETE CASCADE,
  name          {{key}} NOT NULL,
  digest        {{key}} NOT NULL,
  source_type   TEXT NOT NULL,
  source        TEXT NOT NULL,
  schema        TEXT NOT NULL,
  profile       TEXT NOT NULL,
  UNIQUE (experiment_id, name, digest)
);

CREATE TABLE dataset_inputs (
  run_id     {{key}} NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  dataset_id {{key}} NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
  position   BIGINT NOT NULL,
  tags       {{json}} NOT NULL,
  context    {{key}} NOT NULL,
  PRIMARY KEY (run_id, dataset_id)
);
CREATE INDEX dataset_inputs_dataset ON dataset_inputs (dataset_id);

CREATE TABLE logged_models (
  id            {{key}} PRIMARY KEY,
  experiment_id BIGINT NOT NULL REFERENCES experiments(id),
  workspace_id  {{key}} NOT NULL,
  name          {{key}} NOT NULL,
  model_type    {{key}} NOT NULL,
  status        {{key}} NOT NULL,
  source_run_id {{key}} NOT NULL,
  artifact_uri  {{key}} NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  deleted_at    BIGINT NOT NULL DEFAULT 0,
  created_by    {{key}} NOT NULL
);
CREATE INDEX logged_models_recent ON logged_models (experiment_id, created_at DESC, id);
CREATE INDEX logged_models_run ON logged_models (source_run_id);

CREATE TABLE logged_model_params (
  model_id {{key}} NOT NULL REFERENCES logged_models(id) ON DELETE CASCADE,
  key      {{key}} NOT NULL,
  value    {{key}} NOT NULL,
  PRIMARY KEY (model_id, key)
) {{clustered}};

CREATE TABLE logged_model_tags (
  model_id {{key}} NOT NULL REFERENCES logged_models(id) ON DELETE CASCADE,
  key      {{key}} NOT NULL,
  value    {{key}} NOT NULL,
  PRIMARY KEY (model_id, key)
) {{clustered}};

-- The points measured of a model.
CREATE TABLE logged_model_metrics (
  model_id       {{key}} NOT NULL REFERENCES logged_models(id) ON DELETE CASCADE,
  key            {{key}} NOT NULL,
  dataset_name   {{key}} NOT NULL,
  dataset_digest {{key}} NOT NULL,
  run_id         {{key}} NOT NULL,
  value          DOUBLE PRECISION NOT NULL,
  is_nan         BOOLEAN NOT NULL,
  step           BIGINT NOT NULL,
  timestamp      BIGINT NOT NULL,
  PRIMARY KEY (model_id, key, run_id, dataset_name, dataset_digest, step, timestamp)
) {{clustered}};

-- Models that a run read (input) or made (output).
CREATE TABLE run_models (
  run_id    {{key}} NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  model_id  {{key}} NOT NULL,
  direction {{key}} NOT NULL CHECK (direction IN ('input', 'output')),
  step      BIGINT NOT NULL,
  position  BIGINT NOT NULL,
  PRIMARY KEY (run_id, direction, model_id)
) {{clustered}};
CREATE INDEX run_models_model ON run_models (model_id);
