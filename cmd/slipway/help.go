package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// examples stand at the end of a command's help.
var examples = map[string]string{
	"": `  slipway serve
  slipway serve --db postgres://slipway@db/slipway --base-url https://ml.example.org/slipway`,
	"serve": `  slipway serve                                     on http://127.0.0.1:5000, data in ./slipway-data
  slipway serve --addr 0.0.0.0:5000 --base-url https://ml.example.org
  SLIPWAY_DB_FILE=/run/secrets/db slipway serve     the database URL from a file`,
	"status": `  slipway status --server https://ml.example.org
  slipway status PR-12`,
	"request":       `  slipway request churn 7 production --reason "Recall is up by two points"`,
	"approve":       `  slipway approve PR-12 --comment "The errors on the holdout are what we expected"`,
	"execute":       `  slipway execute PR-12`,
	"rollback":      `  slipway rollback churn production --reason "Errors doubled" --to 6`,
	"close-debt":    `  slipway close-debt PR-12 --comment "Looked at INC-482 with the team: it was right to do"`,
	"check":         `  SLIPWAY_TOKEN=slw_… slipway check $DIGEST load-test success --url $RUN_URL`,
	"migrate":       `  slipway migrate --data /var/lib/slipway`,
	"backup":        `  slipway backup --data /var/lib/slipway slipway-$(date +%F).db`,
	"verify":        `  slipway verify models --data /var/lib/slipway`,
	"verify models": `  slipway verify models --data /var/lib/slipway`,
	"audit": `  slipway audit verify
  slipway audit export > audit.jsonl`,
	"audit verify": `  slipway audit verify                              against the newest checkpoint that the server signed
  slipway audit verify --checkpoint yesterday.checkpoint
  slipway audit verify --from audit.jsonl --checkpoint yesterday.checkpoint --audit-key-file audit.pub`,
	"audit export":     `  slipway audit export --chain workspace/default --format csv --texts > audit.csv`,
	"audit checkpoint": `  slipway audit checkpoint --out $(date +%F).checkpoint`,
	"audit key":        `  slipway audit key > audit.pub`,
	"env": `  slipway env list
  slipway env unprotect production --reason "the review team was dissolved"`,
	"env list":      `  slipway env list --data /var/lib/slipway`,
	"env unprotect": `  slipway env unprotect production --reason "the review team was dissolved"`,
	"secrets": `  slipway secrets list
  slipway secrets rotate-key --data /var/lib/slipway`,
	"secrets list":       `  slipway secrets list --data /var/lib/slipway`,
	"secrets rotate-key": `  slipway secrets rotate-key --data /var/lib/slipway`,
	"secrets rewrap":     `  slipway secrets rewrap --data /var/lib/slipway`,
	"secrets retire-key": `  slipway secrets retire-key 4f0c2a9be1d37c58 --data /var/lib/slipway`,
	"user": `  echo "$PASSWORD" | slipway user create ada --role admin --password-stdin
  slipway user list`,
	"user create":  `  echo "$PASSWORD" | slipway user create ada --role editor --password-stdin`,
	"user passwd":  `  echo "$PASSWORD" | slipway user passwd ada --password-stdin`,
	"user disable": `  slipway user disable ada`,
	"user enable":  `  slipway user enable ada`,
	"user erase":   `  slipway user erase ada --yes`,
	"user list":    `  slipway user list --data /var/lib/slipway`,
	"token":        `  slipway token create --user ci --name nightly --scope write --expires 90d`,
	"token create": `  export MLFLOW_TRACKING_TOKEN=$(slipway token create --user ada --name laptop --scope read --scope write --expires 90d)`,
	"config":       `  slipway config print`,
	"config print": `  slipway config print --config slipway.json`,
	"version":      `  slipway version`,
	"completion": `  slipway completion bash > /etc/bash_completion.d/slipway
  slipway completion zsh  > "${fpath[1]}/_slipway"`,
}

// help is kong's help with examples.
func help(o kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(o, ctx); err != nil {
		return err
	}
	name := ""
	if n := ctx.Selected(); n != nil {
		name = n.Path()
	} else if len(ctx.Path) > 1 && ctx.Path[len(ctx.Path)-1].Command != nil {
		name = ctx.Path[len(ctx.Path)-1].Command.Path()
	}
	name = strings.TrimSpace(strings.TrimPrefix(name, "slipway"))
	if i := strings.IndexAny(name, "<["); i >= 0 {
		name = strings.TrimSpace(name[:i])
	}
	if e := examples[name]; e != "" {
		_, err := fmt.Fprintf(ctx.Stdout, "\nExamples:\n%s\n", e)
		return err
	}
	return nil
}
