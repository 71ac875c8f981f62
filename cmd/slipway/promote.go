package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	client "github.com/slipway-ml/slipway/clients/slipway"
)

// remote is the server that a command calls.
type remote struct {
	Server string `default:"http://127.0.0.1:5000" placeholder:"URL" help:"Address of the server. ($SLIPWAY_SERVER)"`
	Token  string `placeholder:"TOKEN" help:"API token; better in the environment, where no list of processes shows it. ($SLIPWAY_TOKEN, $SLIPWAY_TOKEN_FILE)"`
}

// asJSON is for programs that read what a command answers.
type asJSON struct {
	JSON bool `help:"Print JSON."`
}

// print writes v as JSON or in words.
func (j asJSON) print(out io.Writer, v any, words func(io.Writer) error) error {
	if !j.JSON {
		return words(out)
	}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// call makes the client; what it is refused gets its conditions line by line.
func (r remote) call(do func(*client.Client) error) error {
	c, err := client.New(r.Server, r.Token)
	if err != nil {
		return err
	}
	err = do(c)
	if e := (*client.Error)(nil); errors.As(err, &e) && len(e.Unmet) > 0 {
		var lines []string
		for _, u := range e.Unmet {
			lines = append(lines, "  - "+u.Message)
		}
		return fmt.Errorf("it cannot be carried out:\n%s", strings.Join(lines, "\n"))
	}
	return err
}

// number reads the number of a promotion: 12 or PR-12.
func promotionNumber(s string) (int64, error) {
	digits := s
	if len(s) > 3 && strings.EqualFold(s[:3], "PR-") {
		digits = s[3:]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not the number of a promotion: give one like 12 or PR-12", s)
	}
	return n, nil
}

// told is a promotion in words.
func told(p client.Promotion) func(io.Writer) error {
	return func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "%s  %s to %s: %s\n%s\n", p.Name, about(p), p.Environment, stated(p), p.URL)
		return err
	}
}

// about is what a promotion is for.
func about(p client.Promotion) string {
	switch p.Kind {
	case "rules":
		return fmt.Sprintf("change %d of the rules", p.Version)
	case "team":
		return fmt.Sprintf("change %d of the team %s", p.Version, p.Team)
	default:
		return fmt.Sprintf("%s version %d", p.Model, p.Version)
	}
}

func stated(p client.Promotion) string {
	s := strings.ReplaceAll(p.State, "_", " ")
	if p.Cause != "" {
		s += " (" + p.Cause + ")"
	}
	return s
}

type statusCmd struct {
	remote
	asJSON
	Number      string `arg:"" optional:"" help:"A promotion, as in 12 or PR-12; what is live and what is open if not given."`
	Model       string `placeholder:"NAME" help:"Only this model."`
	Environment string `placeholder:"NAME" help:"Only this environment."`
}

// Run shows what is live and asked for, or one promotion with what is in its way.
func (c statusCmd) Run(ctx context.Context, s streams) error {
	return c.call(func(api *client.Client) error {
		if c.Number != "" {
			n, err := promotionNumber(c.Number)
			if err != nil {
				return err
			}
			p, err := api.Promotion(ctx, n)
			if err != nil {
				return err
			}
			return c.print(s.out, p, func(out io.Writer) error { return details(out, p) })
		}
		live, err := api.Slots(ctx, c.Model, c.Environment)
		if err != nil {
			return err
		}
		open, err := api.Open(ctx, c.Model, c.Environment)
		if err != nil {
			return err
		}
		all := map[string]any{"slots": append([]client.Slot{}, live...), "promotions": append([]client.Promotion{}, open...)}
		return c.print(s.out, all, func(out io.Writer) error {
			w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "MODEL\tENVIRONMENT\tLIVE\tSINCE")
			for _, x := range live {
				fmt.Fprintf(w, "%s\t%s\tversion %d\t%s\n", x.Model, x.Environment, x.Live.Version, x.Since)
			}
			fmt.Fprintln(w, "\nPROMOTION\tOF\tTO\tSTATE")
			for _, p := range open {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", p.Name, about(p), p.Environment, stated(p))
			}
			return w.Flush()
		})
	})
}

func details(out io.Writer, p client.Promotion) error {
	if err := told(p)(out); err != nil {
		return err
	}
	for _, g := range p.Gates {
		fmt.Fprintf(out, "  gate %s: %s. %s\n", g.ID, g.Verdict, g.Message)
	}
	for _, u := range p.Unmet {
		fmt.Fprintf(out, "  in the way: %s\n", u.Message)
	}
	if d := p.Debt; d != nil && d.ClosedAt == "" {
		fmt.Fprintf(out, "  released in an emergency: somebody else has to look at it by %s\n", d.DueAt)
	}
	return nil
}

type requestCmd struct {
	remote
	asJSON
	Model       string `arg:"" help:"Name of the model."`
	Version     int64  `arg:"" help:"Its version."`
	Environment string `arg:"" help:"Where it is to be live."`
	Reason      string `required:"" placeholder:"TEXT" help:"Why; those who decide read it. Markdown."`
}

func (c requestCmd) Run(ctx context.Context, s streams) error {
	return c.call(func(api *client.Client) error {
		p, err := api.Request(ctx, c.Model, c.Version, c.Environment, c.Reason)
		if err != nil {
			return err
		}
		return c.print(s.out, p, told(p))
	})
}

type approveCmd struct {
	remote
	asJSON
	Number  string `arg:"" help:"The promotion, as in 12 or PR-12."`
	Comment string `placeholder:"TEXT" help:"What you have to say. Markdown."`
	Digest  string `placeholder:"DIGEST" help:"Approve only if the version still has this digest."`
}

// Run approves the promotion as it is now.
func (c approveCmd) Run(ctx context.Context, s streams) error {
	n, err := promotionNumber(c.Number)
	if err != nil {
		return err
	}
	return c.call(func(api *client.Client) error {
		seen, err := api.Promotion(ctx, n)
		if err != nil {
			return err
		}
		if c.Digest != "" && c.Digest != seen.Digest {
			return fmt.Errorf("%s is about the digest %s, not about %s", seen.Name, seen.Digest, c.Digest)
		}
		p, err := api.Approve(ctx, seen, c.Comment)
		if err != nil {
			return err
		}
		return c.print(s.out, p, told(p))
	})
}

type executeCmd struct {
	remote
	asJSON
	Number string `arg:"" help:"The promotion, as in 12 or PR-12."`
}

func (c executeCmd) Run(ctx context.Context, s streams) error {
	n, err := promotionNumber(c.Number)
	if err != nil {
		return err
	}
	return c.call(func(api *client.Client) error {
		p, err := api.Execute(ctx, n)
		if err != nil {
			return err
		}
		return c.print(s.out, p, told(p))
	})
}

type rollbackCmd struct {
	remote
	asJSON
	Model       string `arg:"" help:"Name of the model."`
	Environment string `arg:"" help:"Where."`
	Reason      string `required:"" placeholder:"TEXT" help:"Why."`
	To          int64  `placeholder:"VERSION" help:"A version that was live there; the one before if not given."`
}

func (c rollbackCmd) Run(ctx context.Context, s streams) error {
	return c.call(func(api *client.Client) error {
		seen, err := api.Slot(ctx, c.Environment, c.Model)
		if err != nil {
			return err
		}
		now, err := api.Rollback(ctx, seen, c.To, c.Reason)
		if err != nil {
			return err
		}
		return c.print(s.out, now, func(out io.Writer) error {
			_, err := fmt.Fprintf(out, "version %d of %s is live in %s\n", now.Live.Version, now.Model, now.Environment)
			return err
		})
	})
}

type closeDebtCmd struct {
	remote
	asJSON
	Number  string `arg:"" help:"The promotion, as in 12 or PR-12."`
	Comment string `required:"" placeholder:"TEXT" help:"What you found. Markdown."`
}

func (c closeDebtCmd) Run(ctx context.Context, s streams) error {
	n, err := promotionNumber(c.Number)
	if err != nil {
		return err
	}
	return c.call(func(api *client.Client) error {
		d, err := api.CloseDebt(ctx, n, c.Comment)
		if err != nil {
			return err
		}
		return c.print(s.out, d, func(out io.Writer) error {
			_, err := fmt.Fprintf(out, "PR-%d  looked at by %s\n", n, d.ClosedBy.Name)
			return err
		})
	})
}

type checkCmd struct {
	remote
	asJSON
	Digest string `arg:"" help:"Digest of the version, as its page shows it."`
	Name   string `arg:"" help:"Name of the check."`
	State  string `arg:"" enum:"pending,success,failure" help:"pending, success or failure."`
	URL    string `name:"url" placeholder:"URL" help:"Where the details are."`
	Note   string `placeholder:"TEXT" help:"A few words."`
}

func (c checkCmd) Run(ctx context.Context, s streams) error {
	return c.call(func(api *client.Client) error {
		got, err := api.Report(ctx, client.Check{Digest: c.Digest, Name: c.Name, State: c.State, URL: c.URL, Note: c.Note})
		if err != nil {
			return err
		}
		return c.print(s.out, got, func(out io.Writer) error {
			_, err := fmt.Fprintf(out, "%s: %s\n", got.Name, got.State)
			return err
		})
	})
}
