-- +goose StatementBegin
CREATE TRIGGER audit_lines_stay BEFORE UPDATE ON audit_lines
BEGIN
  SELECT RAISE(ABORT, 'lines of the audit log are never changed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_lines_remain BEFORE DELETE ON audit_lines
BEGIN
  SELECT RAISE(ABORT, 'lines of the audit log are never deleted');
END;
-- +goose StatementEnd
