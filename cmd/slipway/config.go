package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// place is where the data lie. Every command that touches them has it.
type place struct {
	Data string `default:"./slipway-data" placeholder:"DIR" help:"Folder of the database, the artifacts and the keys. ($SLIPWAY_DATA)"`
	DB   string `placeholder:"URL" help:"postgres://… to keep the records in PostgreSQL; empty for SQLite in the data folder. ($SLIPWAY_DB, $SLIPWAY_DB_FILE)"`

	Config string `placeholder:"FILE" help:"JSON file with these settings, by the flags' names. ($SLIPWAY_CONFIG)"`
}

// serving is how the server is reached and what it says.
type serving struct {
	Addr           string `default:"127.0.0.1:5000" placeholder:"HOST:PORT" help:"Address to listen on. ($SLIPWAY_ADDR)"`
	BaseURL        string `name:"base-url" placeholder:"URL" help:"How clients reach the server, with the path prefix if it has one. ($SLIPWAY_BASE_URL)"`
	SessionKeyFile string `placeholder:"FILE" help:"Key that signs sessions, shared by all processes; made in the data folder if not given. ($SLIPWAY_SESSION_KEY_FILE)"`
	LogFormat      string `default:"json" enum:"json,text" help:"json or text. ($SLIPWAY_LOG_FORMAT)"`
	LogLevel       string `default:"info" enum:"debug,info,warn,error" help:"debug, info, warn or error. ($SLIPWAY_LOG_LEVEL)"`

	OutboundAllow []string `placeholder:"NETWORK" help:"Networks around this machine that the server may call, as in 192.168.1.0/24, with commas between them; the internet is open, this machine is not. ($SLIPWAY_OUTBOUND_ALLOW)"`

	StaleAfter time.Duration `default:"6h" placeholder:"DURATION" help:"How long a running run may write nothing before pages call it stale, as in 90m or 6h; 0 is for ever. ($SLIPWAY_STALE_AFTER)"`
}

// settings are the values of the environment and the configuration file, by flag name.
type settings map[string]string

// names of the settings and whether the variable NAME_FILE may name a file that holds one.
func knownSettings() map[string]bool {
	known := map[string]bool{}
	for _, of := range []any{place{}, serving{}, signing{}, checkpoints{}, keeping{}, remote{}} {
		t := reflect.TypeOf(of)
		for i := range t.NumField() {
			name := t.Field(i).Tag.Get("name")
			if name == "" {
				name = dashed(t.Field(i).Name)
			}
			known[name] = name == "db" || name == "token"
		}
	}
	return known
}

// dashed is a field's name as a flag.
func dashed(s string) string {
	if s == "DB" {
		return "db"
	}
	var b strings.Builder
	for i, r := range s {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

const envPrefix = "SLIPWAY_"

// serviceLink is what Kubernetes sets in every container beside a service called slipway.
var serviceLink = regexp.MustCompile(`^(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_.+)?)$`)

// readSettings reads the environment and the file that --config or SLIPWAY_CONFIG names. A name that is not
// one of ours is an error, for it is a setting somebody believes to be in force.
func readSettings(args, env []string) (settings, error) {
	known, fromEnv := knownSettings(), settings{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		rest, ours := strings.CutPrefix(name, envPrefix)
		if !ours || strings.HasPrefix(rest, "TEST_") || serviceLink.MatchString(rest) {
			continue
		}
		key := strings.ReplaceAll(strings.ToLower(rest), "_", "-")
		if _, ok := known[key]; ok {
			fromEnv[key] = value
			continue
		}
		if base := strings.TrimSuffix(key, "-file"); base != key && known[base] {
			b, err := os.ReadFile(value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			fromEnv[base] = strings.TrimSpace(string(b))
			continue
		}
		return nil, fmt.Errorf("unknown variable %s: the settings are %s", name, list(known))
	}
	out, err := readFile(configFile(args, fromEnv), known)
	if err != nil {
		return nil, err
	}
	for k, v := range fromEnv {
		out[k] = v
	}
	return out, nil
}

func list(known map[string]bool) string {
	var names []string
	for k := range known {
		names = append(names, k)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func configFile(args []string, env settings) string {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--config="); ok {
			return v
		}
		if a == "--config" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return env["config"]
}

func readFile(name string, known map[string]bool) (settings, error) {
	out := settings{}
	if name == "" {
		return out, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var values map[string]any
	if err := json.Unmarshal(b, &values); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for k, v := range values {
		if _, ok := known[k]; !ok || k == "config" {
			return nil, fmt.Errorf("%s: unknown setting %q: the settings are %s", name, k, list(known))
		}
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("%s: the setting %q must be a text", name, k)
		}
		out[k] = s
	}
	return out, nil
}

// Validate implements kong.Resolver.
func (settings) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver.
func (s settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if v, ok := s[flag.Name]; ok {
		return v, nil
	}
	return nil, nil //nolint:nilnil // kong's word for "not set"
}

type configCmd struct {
	Print configPrintCmd `cmd:"" help:"Print the configuration in force as JSON, without secrets."`
}

type configPrintCmd struct {
	place
	serving
	signing
	checkpoints
	keeping
	remote
}

func (c configPrintCmd) Run(s streams) error {
	token := ""
	if c.Token != "" {
		token = "(set)"
	}
	e := json.NewEncoder(s.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(map[string]string{
		"data": c.Data, "db": redact(c.DB), "config": c.Config, "addr": c.Addr, "base-url": c.BaseURL,
		"session-key-file": c.SessionKeyFile, "audit-key-file": c.AuditKeyFile, "audit-checkpoints": c.AuditCheckpoints, "log-format": c.LogFormat, "log-level": c.LogLevel,
		"stale-after": c.StaleAfter.String(), "outbound-allow": strings.Join(c.OutboundAllow, ","), "secrets-key-file": c.SecretsKeyFile, "server": c.Server, "token": token,
	})
}

// redact takes the password out of a database URL, wherever it may stand. What is no proper URL, maybe because a
// character of the password in it should have been encoded, is not shown at all.
func redact(dsn string) string {
	if dsn == "" {
		return ""
	}
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" || u.Opaque != "" || u.Fragment != "" || strings.Contains(u.Path+u.RawQuery, "@") {
		return "(set; not a URL, so not shown)"
	}
	if _, set := u.User.Password(); set {
		u.User = url.UserPassword(u.User.Username(), "redacted")
	}
	q := u.Query()
	for k := range q {
		if strings.Contains(strings.ToLower(k), "password") {
			q.Set(k, "redacted")
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}
