package main

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/slipway-ml/slipway/clients/blob"
	"github.com/slipway-ml/slipway/clients/catalogsource"
	"github.com/slipway-ml/slipway/clients/httpx"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/secret"
	"github.com/slipway-ml/slipway/handlers"
	"github.com/slipway-ml/slipway/handlers/identity"
	"github.com/slipway-ml/slipway/handlers/ops"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/jobs"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/sqldb"
)

const (
	databaseFile   = "slipway.db"
	artifactFolder = "artifacts"
	catalogFolder  = "catalog"
	keyFile        = "session.key"
	keySize        = 32
	drainTime      = 10 * time.Second
)

type serveCmd struct {
	place
	serving
	keeping
	signing
	checkpoints
	Dev bool `help:"Development mode: show the style guide at /styleguide."`
}

// Run serves until the process is told to end, then lets running requests finish.
func (c serveCmd) Run(ctx context.Context, s streams) error {
	box := &secret.Box{}
	s.err = box.Redacting(s.err)
	log := c.logger(s)
	base, prefix, err := c.base()
	if err != nil {
		return err
	}
	if c.StaleAfter < 0 {
		return fmt.Errorf("--stale-after %s: give a time such as 6h, or 0 for never", c.StaleAfter)
	}
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fmt.Errorf("--addr %s: %w", c.Addr, err)
	}
	loopback := identity.IsLoopback(host)
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	if from, to, err := db.Migrate(ctx); err != nil {
		return err
	} else if from != to {
		log.InfoContext(ctx, "schema migrated", "from", from, "to", to)
	}
	blobs, err := blob.OpenLocal(filepath.Join(c.Data, artifactFolder))
	if err != nil {
		return err
	}
	defer blobs.Close()
	key, err := sessionKey(c.Data, c.SessionKeyFile)
	if err != nil {
		return err
	}
	signed, err := c.signed(c.place, c.signing)
	if err != nil {
		return err
	}
	cookies, err := hkdf.Key(sha256.New, key, nil, "session cookies", keySize)
	if err != nil {
		return err
	}
	links, err := hkdf.Key(sha256.New, key, nil, "signed links", keySize)
	if err != nil {
		return err
	}
	if err := c.fill(ctx, box, c.Data, log); err != nil {
		return err
	}
	door := identity.New(db, cookies, loopback && loopbackURL(base), strings.HasPrefix(base, "https:"), prefix)
	app := &route.App{DB: db, Blobs: blobs, Secrets: box, Sign: route.NewSigner(links), BaseURL: base, Prefix: prefix, Version: ops.Version(), Log: log, StaleAfter: c.StaleAfter, Dev: c.Dev}

	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return err
	}
	at := base
	if at == "" {
		at = "http://" + listener.Addr().String()
	}
	if err := announce(ctx, s, db, door, at, loopback && loopbackURL(base)); err != nil {
		return err
	}
	sources, err := c.sources(app.Version)
	if err != nil {
		return err
	}
	defer func() { _ = sources.Files.Close() }()
	stopJobs := jobs.Start(context.WithoutCancel(ctx), jobs.With{DB: db, Blobs: blobs, Sources: sources, Secrets: box, Signed: signed, Log: log})
	defer stopJobs()
	log.InfoContext(ctx, "serving", "url", at, "engine", string(db.Engine()), "version", app.Version)
	app.Stopping = ctx.Done()
	return serve(ctx, listener, handlers.New(app, door), log)
}

// sources is what asks the world for models: through the guarded client, or from the files that the operator lays out.
func (c serveCmd) sources(version string) (catalogsource.Reader, error) {
	var open []netip.Prefix
	for _, text := range c.OutboundAllow {
		p, err := netip.ParsePrefix(text)
		if a, one := netip.ParseAddr(text); one == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return catalogsource.Reader{}, fmt.Errorf("--outbound-allow %s: give a network such as 192.168.1.0/24, or an address", text)
		}
		open = append(open, p.Masked())
	}
	folder := filepath.Join(c.Data, catalogFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return catalogsource.Reader{}, err
	}
	files, err := os.OpenRoot(folder)
	return catalogsource.Reader{HTTP: httpx.New(httpx.Options{Open: open, Agent: "slipway/" + version}), Files: files}, err
}

func serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.InfoContext(ctx, "stopping: running requests may finish", "seconds", drainTime.Seconds())
	drain, stop := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer stop()
	if err := server.Shutdown(drain); err != nil {
		log.WarnContext(ctx, "some requests did not finish in time", "error", err.Error())
		return server.Close()
	}
	return nil
}

func (c serving) logger(s streams) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(s.err, o))
	}
	return slog.New(slog.NewJSONHandler(s.err, o))
}

// base is the --base-url without its final slash, and the path in it.
func (c serving) base() (base, prefix string, err error) {
	if c.BaseURL == "" {
		return "", "", nil
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", "", fmt.Errorf("--base-url %q: give an address like https://ml.example.org/slipway", c.BaseURL)
	}
	prefix = strings.TrimSuffix(u.EscapedPath(), "/")
	return u.Scheme + "://" + u.Host + prefix, prefix, nil
}

// loopbackURL reports whether base leads to this machine: a server that others reach by name is not local.
func loopbackURL(base string) bool {
	if base == "" {
		return true
	}
	u, err := url.Parse(base)
	return err == nil && identity.IsLoopback(u.Hostname())
}

// open opens the database of a place and makes the data folder.
func (p place) open(ctx context.Context) (*storage.DB, error) {
	if err := os.MkdirAll(p.Data, 0o700); err != nil {
		return nil, err
	}
	if p.DB != "" {
		if !sqldb.IsPostgres(p.DB) {
			return nil, errors.New("--db: give a postgres:// URL, or leave it empty for SQLite in the data folder")
		}
		return storage.Open(ctx, p.DB)
	}
	return storage.Open(ctx, filepath.Join(p.Data, databaseFile))
}

// sessionKey reads the installation's key, and makes it at the first start.
func sessionKey(data, file string) ([]byte, error) {
	made := file == ""
	if made {
		file = filepath.Join(data, keyFile)
	}
	key, err := os.ReadFile(file)
	if made && errors.Is(err, fs.ErrNotExist) {
		fresh := make([]byte, keySize)
		rand.Read(fresh) // never fails (crypto/rand)
		return newFile(file, fresh)
	}
	if err != nil {
		return nil, err
	}
	if len(key) < keySize {
		return nil, fmt.Errorf("%s: a key has at least %d bytes, this one has %d", file, keySize, len(key))
	}
	return key, nil
}

// newFile makes a key file that is there whole or not at all, and reads what it holds then; of two processes that start at
// once one wins.
func newFile(file string, key []byte) ([]byte, error) {
	tmp, err := beside(file, key)
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp)
	if err := os.Link(tmp, file); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(file)
}

// beside writes a text into a new file in the folder of another, for its owner alone, and names it once it lasts.
func beside(file string, text []byte) (name string, err error) {
	tmp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return "", err
	}
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		os.Remove(tmp.Name())
	}
	return tmp.Name(), err
}

// announce says how to come in: nothing to do in local mode, a one-time link where nobody has an account.
func announce(ctx context.Context, s streams, db *storage.DB, door *identity.Door, at string, loopback bool) error {
	some, err := door.HasAccounts(ctx)
	if err != nil || some {
		return err
	}
	if loopback {
		_, err = fmt.Fprintf(s.out, "\nSlipway is at %s\nNo account yet: whoever reaches this address is administrator. Create the first account at %s/setup\n\n", at, at)
		return err
	}
	secret := access.NewSecret("")
	g, err := access.Authorize(access.System("serve"), access.Maintain, access.DefaultWorkspace, access.Origin{})
	if err != nil {
		return err
	}
	if err := db.Write(ctx, g, func(tx *storage.Tx) error { return access.NewSetupLink(ctx, tx, g, secret, tx.Now()) }); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "\nSlipway is at %s\nNo account yet. Create the administrator with this link; it works once:\n\n  %s/setup?token=%s\n\n", at, at, secret)
	return err
}
