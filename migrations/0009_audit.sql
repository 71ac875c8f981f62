-- +goose Up
-- The lines of all chains. Facts and objects keep every byte, for they are hashed.
CREATE TABLE audit_lines (
  chain      {{key}} NOT NULL,
  seq        BIGINT NOT NULL,
  at         BIGINT NOT NULL,
  actor      {{key}} NOT NULL,
  token      {{key}} NOT NULL,
  action     {{key}} NOT NULL,
  objects    TEXT NOT NULL,
  facts      TEXT NOT NULL,
  request_id TEXT NOT NULL,
  source     TEXT NOT NULL,
  source_of  TEXT NOT NULL,
  prev       TEXT NOT NULL,
  hash       TEXT NOT NULL,
  PRIMARY KEY (chain, seq)
);
CREATE INDEX audit_lines_at ON audit_lines (chain, at);
CREATE INDEX audit_lines_actor ON audit_lines (chain, actor, seq);
CREATE INDEX audit_lines_action ON audit_lines (chain, action, seq);

-- The end of each chain, locked while the next line is written.
CREATE TABLE audit_heads (
  chain {{key}} PRIMARY KEY,
  seq   BIGINT NOT NULL,
  hash  TEXT NOT NULL
);

-- By which ids and names a line is found.
CREATE TABLE audit_objects (
  chain  {{key}} NOT NULL,
  object {{key}} NOT NULL,
  seq    BIGINT NOT NULL,
  PRIMARY KEY (chain, object, seq)
) {{clustered}};
CREATE INDEX audit_objects_seq ON audit_objects (chain, seq);

-- What lines commit to and may be erased: addresses, names of people, free text. The subject is the person.
CREATE TABLE audit_texts (
  commitment {{key}} PRIMARY KEY,
  chain      {{key}} NOT NULL,
  seq        BIGINT NOT NULL,
  subject    {{key}} NOT NULL,
  salt       TEXT NOT NULL,
  text       TEXT NOT NULL
);
CREATE INDEX audit_texts_line ON audit_texts (chain, seq);
CREATE INDEX audit_texts_subject ON audit_texts (subject);
