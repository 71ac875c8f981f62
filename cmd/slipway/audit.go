package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/audit"
	"github.com/slipway-ml/slipway/handlers/download"
	"github.com/slipway-ml/slipway/jobs"
	"github.com/slipway-ml/slipway/storage"
)

type auditCmd struct {
	Verify     auditVerifyCmd     `cmd:"" help:"Check the chains of the audit log, or an export of them."`
	Export     auditExportCmd     `cmd:"" help:"Write the audit log to standard output."`
	Checkpoint auditCheckpointCmd `cmd:"" help:"Sign how the chains end now. Keep it where nobody who has the server can change it."`
	Key        auditKeyCmd        `cmd:"" help:"Print the public key that verifies checkpoints."`
}

// signing is which key signs checkpoints of the audit log.
type signing struct {
	AuditKeyFile string `placeholder:"FILE" help:"Key that signs checkpoints of the audit log, or the public one to verify; made in the data folder if not given. ($SLIPWAY_AUDIT_KEY_FILE)"`
}

// checkpoints is where the server keeps checkpoints of the audit log.
type checkpoints struct {
	AuditCheckpoints string `placeholder:"DIR" help:"Folder of the checkpoints of the audit log that the server signs each hour, or off; checkpoints in the data folder if not given. ($SLIPWAY_AUDIT_CHECKPOINTS)"`
}

const noCheckpoints = "off"

// dir is the folder, "" for none.
func (c checkpoints) dir(p place) string {
	switch c.AuditCheckpoints {
	case "":
		return filepath.Join(p.Data, "checkpoints")
	case noCheckpoints:
		return ""
	}
	return c.AuditCheckpoints
}

// signed is the folder with the key, for the server.
func (c checkpoints) signed(p place, s signing) (out jobs.Checkpoints, err error) {
	if out.Dir = c.dir(p); out.Dir == "" {
		return out, nil
	}
	if out.Key, err = p.auditKey(s.AuditKeyFile, true); err == nil && !out.Key.Signs() {
		err = fmt.Errorf("--audit-key-file %s is a public key, which signs nothing: give the private one, or --audit-checkpoints %s", s.AuditKeyFile, noCheckpoints)
	}
	return out, err
}

const auditKeyFile = "audit.key"

// auditKey reads the key, and makes it at the first use if it may be made.
func (p place) auditKey(file string, make bool) (k audit.Key, err error) {
	own := file == ""
	if own {
		file = filepath.Join(p.Data, auditKeyFile)
	}
	text, err := os.ReadFile(file)
	if own && make && errors.Is(err, fs.ErrNotExist) {
		fresh, err := audit.NewKey()
		if err != nil {
			return k, err
		}
		if text, err = newFile(file, []byte(fresh)); err != nil {
			return k, err
		}
		return audit.ParseKey(string(text))
	}
	if err != nil {
		return k, err
	}
	if k, err = audit.ParseKey(string(text)); err != nil {
		err = fmt.Errorf("%s: %s", file, message(err))
	}
	return k, err
}

// readAudit runs fn on one state of the audit log, as the host.
func (p place) readAudit(ctx context.Context, fn func(*storage.Tx, access.Grant) error) error {
	db, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.UpToDate(ctx); err != nil {
		return err
	}
	g, err := host(access.AuditServer)
	if err != nil {
		return err
	}
	return db.Read(ctx, g, func(tx *storage.Tx) error { return fn(tx, g) })
}

type auditVerifyCmd struct {
	place
	signing
	checkpoints
	Checkpoint string `placeholder:"FILE" help:"Checkpoint that the chains must go through, as slipway audit checkpoint printed it; for the database the newest that the server signed if not given."`
	From       string `placeholder:"FILE" help:"Verify this export (JSONL) instead of the database; - is standard input."`
}

// Run prints a line for each chain and fails if one is not whole.
func (c auditVerifyCmd) Run(ctx context.Context, s streams) error {
	seen, err := c.seen()
	if err != nil {
		return err
	}
	report, err := c.report(ctx, s, seen)
	if err != nil {
		return err
	}
	for _, x := range report.Chains {
		fmt.Fprintln(s.out, covered(x))
	}
	if len(report.Chains) == 0 {
		fmt.Fprintln(s.out, "nothing is in the audit log yet")
	}
	if f := report.Fault(); f != nil {
		return errors.New(f.String())
	}
	return nil
}

// seen is what a checkpoint saw: the one that was named or, for the database, the newest that the server signed. An export
// may be older than that, or of one chain.
func (c auditVerifyCmd) seen() (heads []audit.Head, err error) {
	file := c.Checkpoint
	if dir := c.dir(c.place); file == "" && c.From == "" && dir != "" {
		if file, err = jobs.NewestCheckpoint(dir); err != nil {
			return nil, err
		}
	}
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	key, err := c.auditKey(c.AuditKeyFile, false)
	if err != nil {
		return nil, err
	}
	if heads, err = key.Checkpoints(text); err != nil {
		err = fmt.Errorf("%s: %s", file, message(err))
	}
	return heads, err
}

func (c auditVerifyCmd) report(ctx context.Context, s streams, seen []audit.Head) (r audit.Report, err error) {
	if c.From == "" {
		err = c.readAudit(ctx, func(tx *storage.Tx, g access.Grant) (err error) {
			r, err = audit.CheckAll(ctx, tx, g, seen...)
			return err
		})
		return r, err
	}
	from := s.in
	if c.From != "-" {
		f, err := os.Open(c.From)
		if err != nil {
			return r, err
		}
		defer f.Close()
		from = f
	}
	return audit.VerifyExport(from, seen...)
}

// covered is a line on what was verified of a chain.
func covered(x audit.Covered) string {
	span := ""
	if x.Lines > 0 {
		span = ", from " + day(x.Since) + " to " + day(x.Until)
	}
	against := "held against no checkpoint"
	if x.Checkpoints > 0 {
		against = fmt.Sprintf("held against %d checkpoints", x.Checkpoints)
	}
	if x.Fault != nil {
		return fmt.Sprintf("%s  BROKEN at line %d; %d lines before it are whole%s", x.Chain, x.Fault.Seq, x.Lines, span)
	}
	return fmt.Sprintf("%s  ok: %d lines%s, %d texts, %s", x.Chain, x.Lines, span, x.Texts, against)
}

type auditExportCmd struct {
	place
	Format string `default:"jsonl" enum:"jsonl,csv" help:"jsonl, which can be verified, or csv."`
	Chain  string `placeholder:"NAME" help:"One chain: server, or workspace/NAME. All chains if not given."`
	Texts  bool   `help:"With what is kept beside the chains and can be erased: names, reasons, addresses."`
}

func (c auditExportCmd) Run(ctx context.Context, s streams) error {
	if c.Chain != "" && !audit.ValidChain(c.Chain) {
		return fmt.Errorf("--chain %q: give server, or workspace/NAME", c.Chain)
	}
	return c.readAudit(ctx, func(tx *storage.Tx, g access.Grant) error {
		chains := []string{c.Chain}
		if c.Chain == "" {
			heads, err := audit.Heads(ctx, tx, g)
			if err != nil {
				return err
			}
			chains = nil
			for _, h := range heads {
				chains = append(chains, h.Chain)
			}
		}
		write, end, err := c.writer(ctx, s.out, tx)
		if err != nil {
			return err
		}
		for _, chain := range chains {
			if err := c.export(ctx, tx, g, chain, write); err != nil {
				return err
			}
		}
		return end()
	})
}

func (c auditExportCmd) export(ctx context.Context, tx *storage.Tx, g access.Grant, chain string, write func(audit.Exported) error) error {
	q := audit.Query{Chain: chain, Limit: 500}
	for {
		found, err := audit.Export(ctx, tx, g, q)
		if err != nil {
			return err
		}
		for _, l := range found.Lines {
			e := audit.Exported{Line: l}
			if c.Texts {
				e = found.With(l)
			}
			if err := write(e); err != nil {
				return err
			}
		}
		if q.After = found.Next; q.After == "" {
			return nil
		}
	}
}

// writer is what writes one line, and what ends the file.
func (c auditExportCmd) writer(ctx context.Context, out io.Writer, tx *storage.Tx) (write func(audit.Exported) error, end func() error, err error) {
	if c.Format == "jsonl" {
		return func(e audit.Exported) error { return e.Write(out) }, func() error { return nil }, nil
	}
	w := csv.NewWriter(out)
	names := map[string]string{}
	write = func(e audit.Exported) error {
		if _, known := names[e.Actor]; !known && c.Texts {
			more, err := tx.NamesOf(ctx, e.Actor)
			if err != nil {
				return err
			}
			names[e.Actor] = more[e.Actor]
		}
		row := e.Row(names[e.Actor])
		for i, cell := range row {
			row[i] = download.SafeCSV(cell)
		}
		return w.Write(row)
	}
	end = func() error {
		w.Flush()
		return w.Error()
	}
	return write, end, w.Write(audit.Columns)
}

type auditCheckpointCmd struct {
	place
	signing
	Out string `placeholder:"FILE" help:"File to write; it must not exist. Standard output if not given."`
}

func (c auditCheckpointCmd) Run(ctx context.Context, s streams) error {
	var heads []audit.Head
	if err := c.readAudit(ctx, func(tx *storage.Tx, g access.Grant) (err error) {
		heads, err = audit.Heads(ctx, tx, g)
		return err
	}); err != nil {
		return err
	}
	key, err := c.auditKey(c.AuditKeyFile, true)
	if err != nil {
		return err
	}
	if len(heads) == 0 {
		return errors.New("nothing is in the audit log yet, so there is nothing to sign")
	}
	file, err := key.SignAll(heads)
	if err != nil {
		return err
	}
	if c.Out == "" {
		_, err = s.out.Write(file)
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(file)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "wrote %s (%d chains)\n", c.Out, len(heads))
	return err
}

type auditKeyCmd struct {
	place
	signing
}

func (c auditKeyCmd) Run(_ context.Context, s streams) error {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	key, err := c.auditKey(c.AuditKeyFile, true)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, key.Public())
	return err
}
