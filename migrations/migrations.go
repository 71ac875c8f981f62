// Package migrations embeds the schema, one numbered file per step, read by both engines.
//
// Files hold tokens that storage/sqldb fills in per engine: {{key}} is text in byte order, {{json}},
// {{blob}}, and {{clustered}} makes a table that is its primary key's index where the engine can.
// A file named NNNN_name.ENGINE.sql runs on that engine only; where there is a NNNN_name.sql too, it is the end of that step.
package migrations

import "embed"

// FS holds the files.
//
//go:embed *.sql
var FS embed.FS
