-- +goose Up
-- Work behind the requests. A row stays from the order to some days after its end.
CREATE TABLE jobs (
  id           {{key}} PRIMARY KEY,
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  kind         {{key}} NOT NULL,
  key          {{key}} NOT NULL DEFAULT '', -- the work it is, so that it is not ordered twice; '' = every order counts
  payload      TEXT NOT NULL,               -- JSON that only the handler of the kind reads
  state        TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
  attempts     INTEGER NOT NULL DEFAULT 0,  -- begun so far; with owner it tells one attempt from the next
  max_attempts INTEGER NOT NULL,
  run_at       BIGINT NOT NULL,             -- not before this instant
  owner        {{key}} NOT NULL DEFAULT '', -- the process that runs it, while it is running
  lease_until  BIGINT NOT NULL DEFAULT 0,   -- and up to when it has said so
  last_error   TEXT NOT NULL DEFAULT '',
  created_at   BIGINT NOT NULL,
  created_by   {{key}} NOT NULL,
  started_at   BIGINT NOT NULL DEFAULT 0,   -- of the latest attempt
  finished_at  BIGINT NOT NULL DEFAULT 0
);
-- Of one key one job waits and one is under way (running, or between two attempts), never more.
CREATE UNIQUE INDEX jobs_waiting ON jobs (workspace_id, kind, key) WHERE key <> '' AND state = 'queued' AND attempts = 0;
CREATE UNIQUE INDEX jobs_begun ON jobs (workspace_id, kind, key) WHERE key <> '' AND state IN ('queued', 'running') AND attempts > 0;
CREATE INDEX jobs_due ON jobs (run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_leases ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX jobs_ended ON jobs (finished_at) WHERE state IN ('done', 'failed');
CREATE INDEX jobs_failed ON jobs (workspace_id, id) WHERE state = 'failed';
CREATE INDEX jobs_recent ON jobs (workspace_id, id);
