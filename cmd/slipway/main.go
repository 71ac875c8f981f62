// Slipway takes models and prompts from idea to production and keeps them healthy there.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // readers choose their time zone, also on machines that have none

	"github.com/alecthomas/kong"

	client "github.com/slipway-ml/slipway/clients/slipway"
	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/handlers/ops"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// cli is every command. Flags come before SLIPWAY_ variables, these before the --config file, that before
// the default.
type cli struct {
	Serve      serveCmd      `cmd:"" help:"Run the server."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database schema up to this version, then exit. (serve does so by itself.)"`
	Backup     backupCmd     `cmd:"" help:"Copy the SQLite database to a file, also while the server runs."`
	Status     statusCmd     `cmd:"" help:"Show what is live where and what is asked for, or one promotion."`
	Request    requestCmd    `cmd:"" help:"Ask to make a version of a model live in an environment."`
	Approve    approveCmd    `cmd:"" help:"Approve a promotion as it is now."`
	Execute    executeCmd    `cmd:"" help:"Carry an approved promotion out."`
	Rollback   rollbackCmd   `cmd:"" help:"Make live again what was live before."`
	CloseDebt  closeDebtCmd  `cmd:"" help:"Say that you have looked at a release that was made in an emergency."`
	Check      checkCmd      `cmd:"" help:"Report what another system found of a version."`
	Verify     verifyCmd     `cmd:"" help:"Check what is stored."`
	Audit      auditCmd      `cmd:"" help:"Verify and export the audit log."`
	Env        envCmd        `cmd:"" help:"List environments, and lift their protection."`
	Secrets    secretsCmd    `cmd:"" help:"Keys of the secrets that the server uses to call others."`
	User       userCmd       `cmd:"" help:"Make and manage accounts."`
	Token      tokenCmd      `cmd:"" help:"Make API tokens."`
	Config     configCmd     `cmd:"" help:"Show the configuration in force."`
	Version    versionCmd    `cmd:"" help:"Show the version."`
	Completion completionCmd `cmd:"" help:"Write a completion script for a shell."`
}

// streams are the process's own, so that a test can have others.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exit ends kong's own --help without ending the process.
type exit int

// run is the program; it returns the exit status: 0 done, 1 failed or refused, 2 used wrongly, 3 a server could not be
// reached or failed.
func run(ctx context.Context, args, env []string, in io.Reader, out, errs io.Writer) (status int) {
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(exit)
			if !ok {
				panic(p)
			}
			status = int(e)
		}
	}()
	settings, err := readSettings(args, env)
	if err != nil {
		fmt.Fprintln(errs, "slipway:", err)
		return 2
	}
	var c cli
	parser, err := kong.New(&c,
		kong.Name("slipway"),
		kong.Description("Takes models and prompts from idea to production and keeps them healthy there."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(out, errs), kong.Exit(func(code int) { panic(exit(code)) }),
		kong.Resolvers(settings), kong.Help(help),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(streams{in, out, errs}, settings),
	)
	if err != nil {
		fmt.Fprintln(errs, "slipway:", err)
		return 2
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(errs, "slipway: %v\nTry 'slipway --help'.\n", err)
		return 2
	}
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(errs, "slipway:", message(err))
		if broken := (*client.BrokenError)(nil); errors.As(err, &broken) {
			return 3
		}
		return 1
	}
	return 0
}

// message is err for a person at a terminal.
func message(err error) string {
	if e := (*domain.Error)(nil); errors.As(err, &e) && e.Msg != "" && e.Kind != domain.Internal {
		return e.Msg
	}
	return err.Error()
}

type versionCmd struct{}

func (versionCmd) Run(s streams) error {
	_, err := fmt.Fprintln(s.out, "slipway", ops.Version())
	return err
}
