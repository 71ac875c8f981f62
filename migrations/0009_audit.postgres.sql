-- +goose StatementBegin
CREATE FUNCTION audit_lines_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'lines of the audit log are never changed or deleted';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_lines_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_lines
  FOR EACH STATEMENT EXECUTE FUNCTION audit_lines_stay();
