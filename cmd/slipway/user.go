package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/storage"
)

type userCmd struct {
	Create  userCreateCmd  `cmd:"" help:"Make an account."`
	Passwd  userPasswdCmd  `cmd:"" help:"Give an account a new password and end its sessions."`
	Disable userDisableCmd `cmd:"" help:"Shut an account out."`
	Enable  userEnableCmd  `cmd:"" help:"Let a disabled account in again."`
	Erase   userEraseCmd   `cmd:"" help:"Take out whatever is known of a person. It cannot be undone."`
	List    userListCmd    `cmd:"" help:"List accounts."`
}

// host is the person at the machine: who can write the data folder can do anything, and the audit says so.
func host(p access.Perm) (access.Grant, error) {
	return access.Authorize(access.System("host"), p, access.DefaultWorkspace, access.Origin{Address: "command line"})
}

// write opens the database of p and runs fn with the host's permission.
func (p place) write(ctx context.Context, perm access.Perm, fn func(*storage.Tx, access.Grant) error) error {
	db, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, _, err := db.Migrate(ctx); err != nil {
		return err
	}
	g, err := host(perm)
	if err != nil {
		return err
	}
	return db.Write(ctx, g, func(tx *storage.Tx) error { return fn(tx, g) })
}

func named(ctx context.Context, tx *storage.Tx, name string) (access.User, error) {
	u, err := tx.UserByName(ctx, strings.ToLower(strings.TrimSpace(name)))
	if domain.KindOf(err) == domain.NotFound {
		err = fmt.Errorf("there is no user %q", name)
	}
	return u, err
}

// readPassword takes the first line of standard input, so that no password stands in a process list.
func readPassword(in io.Reader, stdin bool, name string) (string, error) {
	if !stdin {
		return "", errors.New("give the password on standard input, with --password-stdin")
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	password := strings.TrimRight(line, "\r\n")
	return password, access.CheckPassword(name, password)
}

type userCreateCmd struct {
	place
	Name          string `arg:"" help:"User name."`
	Role          string `required:"" enum:"viewer,editor,reviewer,admin" help:"viewer, editor, reviewer or admin."`
	PasswordStdin bool   `help:"Read the password from the first line of standard input."`
}

func (c userCreateCmd) Run(ctx context.Context, s streams) error {
	name, err := access.CleanUserName(c.Name)
	if err != nil {
		return err
	}
	password, err := readPassword(s.in, c.PasswordStdin, name)
	if err != nil {
		return err
	}
	hash := access.HashPassword(password)
	if err := c.write(ctx, access.UserWrite, func(tx *storage.Tx, g access.Grant) error {
		_, err := access.CreateUser(ctx, tx, g, storage.NewID(tx.Now()), name, hash, access.Role(c.Role), tx.Now())
		return err
	}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "made the user %s (%s)\n", name, c.Role)
	return err
}

type userPasswdCmd struct {
	place
	Name          string `arg:"" help:"User name."`
	PasswordStdin bool   `help:"Read the password from the first line of standard input."`
}

func (c userPasswdCmd) Run(ctx context.Context, s streams) error {
	password, err := readPassword(s.in, c.PasswordStdin, c.Name)
	if err != nil {
		return err
	}
	hash := access.HashPassword(password)
	if err := c.write(ctx, access.UserWrite, func(tx *storage.Tx, g access.Grant) error {
		u, err := named(ctx, tx, c.Name)
		if err != nil {
			return err
		}
		return access.SetPassword(ctx, tx, g, u.ID, hash)
	}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "changed the password of %s; its sessions have ended\n", c.Name)
	return err
}

type userDisableCmd struct {
	place
	Name string `arg:"" help:"User name."`
}

func (c userDisableCmd) Run(ctx context.Context, s streams) error {
	return c.setDisabled(ctx, s, c.Name, true)
}

type userEnableCmd struct {
	place
	Name string `arg:"" help:"User name."`
}

func (c userEnableCmd) Run(ctx context.Context, s streams) error {
	return c.setDisabled(ctx, s, c.Name, false)
}

func (p place) setDisabled(ctx context.Context, s streams, name string, disabled bool) error {
	if err := p.write(ctx, access.UserWrite, func(tx *storage.Tx, g access.Grant) error {
		u, err := named(ctx, tx, name)
		if err != nil {
			return err
		}
		return access.SetDisabled(ctx, tx, g, u.ID, disabled)
	}); err != nil {
		return err
	}
	word := "enabled"
	if disabled {
		word = "disabled"
	}
	_, err := fmt.Fprintf(s.out, "%s %s\n", word, name)
	return err
}

type userEraseCmd struct {
	place
	Name string `arg:"" help:"User name."`
	Yes  bool   `help:"Do it, without which nothing is done."`
}

func (c userEraseCmd) Run(ctx context.Context, s streams) error {
	if !c.Yes {
		return fmt.Errorf("this takes out the name, the password, the tokens and the sessions of %s, and what the audit log keeps of their words and addresses. It cannot be undone: say --yes to do it", c.Name)
	}
	if err := c.write(ctx, access.UserWrite, func(tx *storage.Tx, g access.Grant) error {
		u, err := named(ctx, tx, c.Name)
		if err != nil {
			return err
		}
		return access.EraseUser(ctx, tx, g, u.ID)
	}); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "erased %s; what they did stays in the audit log under a number\n", c.Name)
	return err
}

type userListCmd struct {
	place
}

func (c userListCmd) Run(ctx context.Context, s streams) error {
	var users []access.User
	if err := c.write(ctx, access.UserRead, func(tx *storage.Tx, g access.Grant) (err error) {
		users, err = access.Users(ctx, tx, g)
		return err
	}); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tROLE\tSTATE\tCREATED\tLAST SEEN")
	for _, u := range users {
		state := "active"
		if u.Disabled {
			state = "disabled"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", u.Name, u.Roles[access.DefaultWorkspace], state, day(u.CreatedAt), day(u.SeenAt))
	}
	return w.Flush()
}

func day(ms int64) string {
	if ms == 0 {
		return "never"
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make an API token and print it, once."`
}

type tokenCreateCmd struct {
	place
	User    string   `required:"" help:"Whose token it is."`
	Name    string   `required:"" help:"What it is for."`
	Scope   []string `required:"" enum:"read,write,propose,admin" help:"read, write, propose or admin; may be given several times."`
	Expires string   `default:"90d" help:"How long it is good, like 12h or 90d, or never."`
}

func (c tokenCreateCmd) Run(ctx context.Context, s streams) error {
	good, err := lifetime(c.Expires)
	if err != nil {
		return err
	}
	secret := access.NewSecret(access.TokenPrefix)
	if err := c.write(ctx, access.UserWrite, func(tx *storage.Tx, g access.Grant) error {
		u, err := named(ctx, tx, c.User)
		if err != nil {
			return err
		}
		t := access.Token{ID: storage.NewID(tx.Now()), UserID: u.ID, Name: c.Name}
		for _, name := range c.Scope {
			t.Scopes = append(t.Scopes, access.Scope(name))
		}
		if good > 0 {
			t.ExpiresAt = tx.Now().Add(good).UnixMilli()
		}
		_, err = access.CreateToken(ctx, tx, g, access.UserWrite, t, secret, tx.Now())
		return err
	}); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, secret)
	return err
}

// lifetime reads a duration that may be in days; never is 0.
func lifetime(s string) (time.Duration, error) {
	if s == "never" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		n, err = strconv.Atoi(days)
		const most = 36500
		if n > most {
			n = most
		}
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("--expires %q: give a time like 12h or 90d, or never", s)
	}
	return d, nil
}
