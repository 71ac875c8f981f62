-- +goose Up
-- Whom a comment on a promotion mentions, until they have opened the promotion or commented on it.
CREATE TABLE promotion_mentions (
  promotion_id {{key}} NOT NULL REFERENCES promotions(id) ON DELETE CASCADE,
  user_id      {{key}} NOT NULL,
  at           BIGINT NOT NULL,
  PRIMARY KEY (promotion_id, user_id)
);
CREATE INDEX promotion_mentions_of ON promotion_mentions (user_id);
