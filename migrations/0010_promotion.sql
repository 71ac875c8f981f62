-- +goose Up
-- Where versions are put to use. The policy is JSON that only the rules of promotions read.
CREATE TABLE environments (
  id           {{key}} PRIMARY KEY,
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  name         {{key}} NOT NULL,
  rank         BIGINT NOT NULL,
  protected    BOOLEAN NOT NULL DEFAULT FALSE,
  policy       TEXT NOT NULL,
  digest       {{key}} NOT NULL,
  revision     BIGINT NOT NULL,
  created_at   BIGINT NOT NULL,
  updated_at   BIGINT NOT NULL,
  updated_by   {{key}} NOT NULL
);
CREATE UNIQUE INDEX environments_name ON environments (workspace_id, name);

INSERT INTO environments (id, workspace_id, name, rank, policy, digest, revision, created_at, updated_at, updated_by)
SELECT w.id || '.' || e.name, w.id, e.name, e.rank, '{}', '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a', 1, 0, 0, 'system:setup'
  FROM workspaces w CROSS JOIN (SELECT 'dev' AS name, 1 AS rank UNION ALL SELECT 'test', 2 UNION ALL SELECT 'staging', 3 UNION ALL SELECT 'production', 4) e;

-- What is live of one asset in one environment. Generation counts the changes.
CREATE TABLE slots (
  id             {{key}} PRIMARY KEY,
  workspace_id   {{key}} NOT NULL REFERENCES workspaces(id),
  environment_id {{key}} NOT NULL REFERENCES environments(id),
  kind           {{key}} NOT NULL,
  asset_id       {{key}} NOT NULL,
  generation     BIGINT NOT NULL,
  version_id     {{key}} NOT NULL,
  version        BIGINT NOT NULL,
  digest         {{key}} NOT NULL,
  active         {{key}} NOT NULL DEFAULT '', -- the promotion that is being carried out
  since          BIGINT NOT NULL,
  changed_by     {{key}} NOT NULL
);
CREATE UNIQUE INDEX slots_asset ON slots (environment_id, kind, asset_id);
CREATE INDEX slots_of_asset ON slots (asset_id, kind);
CREATE INDEX slots_version ON slots (version_id);

CREATE TABLE slot_changes (
  slot_id      {{key}} NOT NULL REFERENCES slots(id) ON DELETE CASCADE,
  generation   BIGINT NOT NULL,
  from_id      {{key}} NOT NULL,
  from_version BIGINT NOT NULL,
  from_digest  {{key}} NOT NULL,
  to_id        {{key}} NOT NULL,
  to_version   BIGINT NOT NULL,
  to_digest    {{key}} NOT NULL,
  cause        {{key}} NOT NULL,
  promotion_id {{key}} NOT NULL,
  reason       TEXT NOT NULL,
  at           BIGINT NOT NULL,
  changed_by   {{key}} NOT NULL,
  PRIMARY KEY (slot_id, generation)
);
CREATE INDEX slot_changes_at ON slot_changes (slot_id, at);

-- Aliases that were called like an environment before there were any are its view from now on.
INSERT INTO slots (id, workspace_id, environment_id, kind, asset_id, generation, version_id, version, digest, since, changed_by)
SELECT e.id || '.' || a.model_id, m.workspace_id, e.id, 'model', a.model_id, 1, v.id, v.version, v.digest, m.updated_at, 'system:setup'
  FROM model_aliases a
  JOIN registered_models m ON m.id = a.model_id
  JOIN environments e ON e.workspace_id = m.workspace_id AND e.name = a.alias
  JOIN model_versions v ON v.model_id = a.model_id AND v.version = a.version;
INSERT INTO slot_changes (slot_id, generation, from_id, from_version, from_digest, to_id, to_version, to_digest, cause, promotion_id, reason, at, changed_by)
SELECT id, 1, '', 0, '', version_id, version, digest, 'adopt', '', '', since, changed_by FROM slots;

CREATE TABLE promotions (
  id              {{key}} PRIMARY KEY,
  workspace_id    {{key}} NOT NULL REFERENCES workspaces(id),
  number          BIGINT NOT NULL,
  slot_id         {{key}} NOT NULL REFERENCES slots(id) ON DELETE CASCADE,
  environment_id  {{key}} NOT NULL,
  kind            {{key}} NOT NULL,
  asset_id        {{key}} NOT NULL,
  version_id      {{key}} NOT NULL,
  version         BIGINT NOT NULL,
  digest          {{key}} NOT NULL,
  reason          TEXT NOT NULL,
  revision        BIGINT NOT NULL,
  author          {{key}} NOT NULL,
  editor          {{key}} NOT NULL,
  base_generation BIGINT NOT NULL,
  state           {{key}} NOT NULL,
  cause           {{key}} NOT NULL,
  evidence_digest {{key}} NOT NULL,
  evidence        TEXT NOT NULL,
  policy_digest   {{key}} NOT NULL,
  not_before      BIGINT NOT NULL,
  deadline        BIGINT NOT NULL,
  due_at          BIGINT NOT NULL, -- when it has to be looked at again though nothing happens; 0 = never
  incident        TEXT NOT NULL,
  created_at      BIGINT NOT NULL,
  submitted_at    BIGINT NOT NULL,
  updated_at      BIGINT NOT NULL,
  ended_at        BIGINT NOT NULL
);
CREATE UNIQUE INDEX promotions_number ON promotions (workspace_id, number);
CREATE INDEX promotions_open_slot ON promotions (slot_id) WHERE ended_at = 0;
CREATE INDEX promotions_open_version ON promotions (version_id) WHERE ended_at = 0;
CREATE INDEX promotions_open ON promotions (workspace_id, number) WHERE ended_at = 0;
CREATE INDEX promotions_asset ON promotions (asset_id, number);
CREATE INDEX promotions_approved ON promotions (submitted_at) WHERE ended_at = 0 AND state = 'approved';
CREATE INDEX promotions_due ON promotions (due_at) WHERE ended_at = 0 AND due_at <> 0;

CREATE TABLE promotion_reviews (
  id              {{key}} PRIMARY KEY,
  promotion_id    {{key}} NOT NULL REFERENCES promotions(id) ON DELETE CASCADE,
  reviewer        {{key}} NOT NULL,
  decision        {{key}} NOT NULL CHECK (decision IN ('approve', 'request_changes', 'reject')),
  comment         TEXT NOT NULL,
  candidate       {{key}} NOT NULL,
  revision        BIGINT NOT NULL,
  evidence        {{key}} NOT NULL,
  policy          {{key}} NOT NULL,
  base_generation BIGINT NOT NULL,
  at              BIGINT NOT NULL,
  withdrawn_at    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX promotion_reviews_of ON promotion_reviews (promotion_id, at);
CREATE INDEX promotion_reviews_by ON promotion_reviews (reviewer);

CREATE TABLE promotion_waivers (
  id           {{key}} PRIMARY KEY,
  promotion_id {{key}} NOT NULL REFERENCES promotions(id) ON DELETE CASCADE,
  gate         {{key}} NOT NULL,
  reason       TEXT NOT NULL,
  waived_by    {{key}} NOT NULL,
  at           BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  ended_at     BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX promotion_waivers_of ON promotion_waivers (promotion_id, at);

-- What happened to a promotion, and what people say of it.
CREATE TABLE promotion_notes (
  id           {{key}} PRIMARY KEY,
  promotion_id {{key}} NOT NULL REFERENCES promotions(id) ON DELETE CASCADE,
  at           BIGINT NOT NULL,
  author       {{key}} NOT NULL,
  kind         {{key}} NOT NULL,
  body         TEXT NOT NULL
);
CREATE INDEX promotion_notes_of ON promotion_notes (promotion_id, at);

-- Statuses that outside systems report for a digest.
CREATE TABLE checks (
  id           {{key}} PRIMARY KEY,
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  digest       {{key}} NOT NULL,
  name         {{key}} NOT NULL,
  state        {{key}} NOT NULL CHECK (state IN ('pending', 'success', 'failure')),
  url          TEXT NOT NULL,
  note         TEXT NOT NULL,
  at           BIGINT NOT NULL,
  reported_by  {{key}} NOT NULL
);
CREATE INDEX checks_of ON checks (workspace_id, digest, name, at);

-- After a break-glass somebody has to look at what was done.
CREATE TABLE review_debts (
  promotion_id {{key}} PRIMARY KEY REFERENCES promotions(id) ON DELETE CASCADE,
  slot_id      {{key}} NOT NULL,
  opened_at    BIGINT NOT NULL,
  due_at       BIGINT NOT NULL,
  closed_at    BIGINT NOT NULL DEFAULT 0,
  closed_by    {{key}} NOT NULL DEFAULT '',
  comment      TEXT NOT NULL DEFAULT ''
);
CREATE INDEX review_debts_open ON review_debts (slot_id) WHERE closed_at = 0;

CREATE TABLE teams (
  id           {{key}} PRIMARY KEY,
  workspace_id {{key}} NOT NULL REFERENCES workspaces(id),
  name         {{key}} NOT NULL,
  created_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX teams_name ON teams (workspace_id, name);
CREATE TABLE team_members (
  team_id {{key}} NOT NULL REFERENCES teams(id) ON DELETE CASCADE,
  user_id {{key}} NOT NULL,
  PRIMARY KEY (team_id, user_id)
) {{clustered}};
CREATE INDEX team_members_user ON team_members (user_id);

-- What a person may besides their role: carry out and roll back; act in an emergency without reviews.
ALTER TABLE memberships ADD COLUMN operator BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE memberships ADD COLUMN breakglass BOOLEAN NOT NULL DEFAULT FALSE;
