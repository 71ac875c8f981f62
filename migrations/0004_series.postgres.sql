-- +goose Up
CREATE SEQUENCE metric_series;
