package main

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

func printed(t *testing.T, r result) map[string]string {
	t.Helper()
	r.want(t, "config print", 0)
	var out map[string]string
	if err := json.Unmarshal([]byte(r.out), &out); err != nil {
		t.Fatalf("%v in %q", err, r.out)
	}
	return out
}

var defaults = map[string]string{
	"data": "./slipway-data", "db": "", "config": "", "addr": "127.0.0.1:5000", "base-url": "", "session-key-file": "", "audit-key-file": "", "audit-checkpoints": "", "log-format": "json", "log-level": "info", "stale-after": "6h0m0s", "outbound-allow": "", "secrets-key-file": "",
	"server": "http://127.0.0.1:5000", "token": "",
}

func TestConfigDefaults(t *testing.T) {
	got := printed(t, slipway(t, "config", "print"))
	if !maps.Equal(got, defaults) {
		t.Errorf("got %v, want %v", got, defaults)
	}
	for name := range knownSettings() {
		if _, shown := got[name]; !shown {
			t.Errorf("the setting %s is not printed", name)
		}
	}
}

// A flag comes before the environment, that before the file, that before the default; for each setting.
func TestConfigPrecedence(t *testing.T) {
	values := map[string][3]string{ // in the file, the environment and as a flag
		"data": {"/file", "/env", "/flag"}, "db": {"postgres://file/x", "postgres://env/x", "postgres://flag/x"},
		"addr": {"file:1", "env:2", "flag:3"}, "base-url": {"https://file", "https://env", "https://flag"},
		"session-key-file": {"/file.key", "/env.key", "/flag.key"}, "audit-key-file": {"/file.audit", "/env.audit", "/flag.audit"}, "audit-checkpoints": {"/file.d", "/env.d", "off"}, "log-format": {"text", "json", "text"}, "log-level": {"debug", "warn", "error"},
		"stale-after": {"1h0m0s", "2h0m0s", "0s"}, "outbound-allow": {"10.0.0.0/8", "10.1.0.0/16,10.2.0.1", "192.168.1.1"}, "secrets-key-file": {"/file.keys", "/env.keys", "/flag.keys"}, "server": {"http://file", "http://env", "http://flag"},
	}
	all := map[string]string{}
	for name, v := range values {
		all[name] = v[0]
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, "slipway.json", string(b))
	for name := range knownSettings() {
		v, ok := values[name]
		if !ok {
			if name != "config" && name != "token" { // which is not shown
				t.Errorf("the setting %s is not tested", name)
			}
			continue
		}
		env := []string{envPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "=" + v[1], "PATH=/bin"}
		fromFile, fromEnv, flag := []string{"config", "print", "--config", file}, env, "--"+name+"="+v[2]
		for _, c := range []struct {
			what string
			r    result
			want string
		}{
			{"by default", slipway(t, "config", "print"), defaults[name]},
			{"in the file", slipway(t, fromFile...), v[0]},
			{"in the file, named by the environment", slipwayIn(t, []string{"SLIPWAY_CONFIG=" + file}, "", "config", "print"), v[0]},
			{"in the file, named with =", slipway(t, "config", "print", "--config="+file), v[0]},
			{"in the environment", slipwayIn(t, fromEnv, "", "config", "print"), v[1]},
			{"in the environment and the file", slipwayIn(t, fromEnv, "", fromFile...), v[1]},
			{"as a flag", slipway(t, "config", "print", flag), v[2]},
			{"as a flag and in the file", slipway(t, append(fromFile, flag)...), v[2]},
			{"in all three", slipwayIn(t, fromEnv, "", append(fromFile, flag)...), v[2]},
		} {
			if got := printed(t, c.r)[name]; got != c.want {
				t.Errorf("%s %s: got %q, want %q", name, c.what, got, c.want)
			}
		}
	}
}

func TestConfigFileOfTheFlagComesFirst(t *testing.T) {
	one, two := write(t, "one.json", `{"addr": "one:1"}`), write(t, "two.json", `{"addr": "two:2"}`)
	got := printed(t, slipwayIn(t, []string{"SLIPWAY_CONFIG=" + one}, "", "config", "print", "--config", two))
	if got["addr"] != "two:2" || got["config"] != two {
		t.Errorf("got %v", got)
	}
}

func TestConfigSecretFromFile(t *testing.T) {
	secret := write(t, "db", " postgres://u@host/x \n")
	if got := printed(t, slipwayIn(t, []string{"SLIPWAY_DB_FILE=" + secret}, "", "config", "print")); got["db"] != "postgres://u@host/x" {
		t.Errorf("got %v", got)
	}
	if got := printed(t, slipwayIn(t, []string{"SLIPWAY_DB_FILE=" + secret}, "", "config", "print", "--db", "postgres://flag/x")); got["db"] != "postgres://flag/x" {
		t.Errorf("got %v", got)
	}
}

func TestConfigRefused(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	file := func(s string) []string { return []string{"SLIPWAY_CONFIG=" + write(t, "slipway.json", s)} }
	for _, c := range []struct {
		name string
		env  []string
		says string
	}{
		{"a variable that is none", []string{"SLIPWAY_ADRR=x"}, "unknown variable SLIPWAY_ADRR"},
		{"an empty variable that is none", []string{"SLIPWAY_ADRR="}, "unknown variable SLIPWAY_ADRR"},
		{"a variable of the prefix alone", []string{"SLIPWAY_=x"}, "unknown variable SLIPWAY_"},
		{"a file for what is no secret", []string{"SLIPWAY_ADDR_FILE=" + missing}, "unknown variable SLIPWAY_ADDR_FILE"},
		{"a file that is missing", []string{"SLIPWAY_DB_FILE=" + missing}, "SLIPWAY_DB_FILE: open " + missing},
		{"a level that is none", []string{"SLIPWAY_LOG_LEVEL=loud"}, "--log-level must be one of"},
		{"a missing configuration", []string{"SLIPWAY_CONFIG=" + missing}, missing},
		{"an unknown name in the file", file(`{"adrr": "x"}`), `unknown setting "adrr": the settings are addr, audit-checkpoints, audit-key-file,`},
		{"a variable's name in the file", file(`{"SLIPWAY_ADDR": "x"}`), `unknown setting "SLIPWAY_ADDR"`},
		{"a file that names another", file(`{"config": "x"}`), `unknown setting "config"`},
		{"a number in the file", file(`{"addr": 5000}`), `the setting "addr" must be a text`},
		{"null in the file", file(`{"addr": null}`), `the setting "addr" must be a text`},
		{"a list for a file", file(`["addr"]`), "cannot unmarshal array"},
		{"a broken file", file(`{"addr": `), "unexpected end of JSON"},
		{"a blank file", file(``), "unexpected end of JSON"},
	} {
		slipwayIn(t, c.env, "", "config", "print").want(t, c.name, 2, "slipway: ", c.says)
	}
}

// What others put beside our variables is no mistake.
func TestConfigForeignVariables(t *testing.T) {
	env := []string{
		"SLIPWAY_TEST_POSTGRES=x", "SLIPWAY_SERVICE_HOST=10.0.0.1", "SLIPWAY_SERVICE_PORT=80", "SLIPWAY_SERVICE_PORT_HTTP=80", "SLIPWAY_PORT=tcp://10.0.0.1:80",
		"SLIPWAY_PORT_80_TCP_ADDR=10.0.0.1", "slipway_adrr=x", "MLFLOW_ADRR=x", "SLIPWAY", "=x", "",
	}
	if got := printed(t, slipwayIn(t, env, "", "config", "print")); !maps.Equal(got, defaults) {
		t.Errorf("got %v", got)
	}
}

func TestRedact(t *testing.T) {
	const hidden = "(set; not a URL, so not shown)"
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"postgres://host/db", "postgres://host/db"},
		{"postgres://u@host:5432/db?sslmode=require", "postgres://u@host:5432/db?sslmode=require"},
		{"postgres://u:s3cret@host/db", "postgres://u:redacted@host/db"},
		{"postgres://:s3cret@host/db", "postgres://:redacted@host/db"},
		{"postgres://u:@host/db", "postgres://u:redacted@host/db"},
		{"postgres://u:s3cr%40et@host/db", "postgres://u:redacted@host/db"},
		{"postgres://u:s3cr@et@host/db", "postgres://u:redacted@host/db"},
		{"postgres://host/db?password=s3cret&user=u", "postgres://host/db?password=redacted&user=u"},
		{"postgres://host/db?PASSWORD=s3cret", "postgres://host/db?PASSWORD=redacted"},
		{"postgres://host/db?sslpassword=s3cret", "postgres://host/db?sslpassword=redacted"},
		{"postgres://u:s3cret@host/db?password=s3cret", "postgres://u:redacted@host/db?password=redacted"},
		{"host=db user=u password=s3cret", hidden},
		{"s3cret", hidden},
		{"postgres://u:s3%cret@host/db", hidden},
		{"postgres:u:s3cret@host/db", hidden}, // the slashes are missing
		// a character in the password that should have been encoded
		{"postgres://u:12#s3cret@host/db", hidden},
		{"postgres://u:12?s3cret@host/db", hidden},
		{"postgres://u:12/s3cret@host/db", hidden},
		{"postgres://u#s3cret", hidden},
	} {
		got := redact(c.in)
		if got != c.want || strings.Contains(got, "s3c") {
			t.Errorf("%s is shown as %s, want %s", c.in, got, c.want)
		}
		if r := slipway(t, "config", "print", "--db="+c.in); strings.Contains(r.out+r.err, "s3c") {
			t.Errorf("config print shows the password in %s: %s", c.in, r.out+r.err)
		}
	}
}

func TestConfigShowsNoToken(t *testing.T) {
	if got := printed(t, slipwayIn(t, []string{"SLIPWAY_TOKEN=slw_s3cret"}, "", "config", "print")); got["token"] != "(set)" {
		t.Errorf("the token is shown as %q", got["token"])
	}
}
