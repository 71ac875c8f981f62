// Package slipway calls the JSON API of a Slipway server, for the command line.
package slipway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	timeout  = 60 * time.Second
	attempts = 3
	pause    = 500 * time.Millisecond // before the second attempt; doubled before the third
	maxBody  = 16 << 20
)

// Client calls one server.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New makes a client for the server at base, "https://host/prefix". token may be empty where the server asks for none.
func New(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("%q is not the address of a server: give one like https://ml.example.org", base)
	}
	return &Client{strings.TrimSuffix(base, "/"), token, &http.Client{Timeout: timeout}}, nil
}

// Unmet is one condition that is in the way of a promotion.
type Unmet struct {
	Key     string `json:"key"`
	Message string `json:"message"`
}

// Error is a refusal of the server.
type Error struct {
	Status int     `json:"status"`
	Key    string  `json:"key"`
	Detail string  `json:"detail"`
	Unmet  []Unmet `json:"unmet"`
}

func (e *Error) Error() string { return e.Detail }

// BrokenError is that the server could not be reached or failed, so that trying again may help.
type BrokenError struct{ Why error }

func (b *BrokenError) Error() string { return b.Why.Error() }

// Unwrap is the cause.
func (b *BrokenError) Unwrap() error { return b.Why }

// do sends one request, again where it was not answered, and decodes the answer. A POST has a key, so that it is done once.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	key := rand.Text()
	var err error
	for n := range attempts {
		if n > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(pause << (n - 1)):
			}
		}
		var again bool
		if again, err = c.once(ctx, method, path, key, body, out); !again {
			return err
		}
	}
	return err
}

func (c *Client) once(ctx context.Context, method, path, key string, body []byte, out any) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Accept", "application/json")
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if method == http.MethodPost {
		req.Header.Set("Idempotency-Key", key)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return ctx.Err() == nil, &BrokenError{err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return true, &BrokenError{err}
	}
	if res.StatusCode >= http.StatusBadRequest {
		e := &Error{Status: res.StatusCode}
		if json.Unmarshal(text, e) != nil || e.Detail == "" {
			e.Detail = fmt.Sprintf("%s answered %s: is it the address of a Slipway server?", c.base, res.Status)
		}
		if res.StatusCode >= http.StatusInternalServerError || res.StatusCode == http.StatusTooManyRequests {
			return res.StatusCode != http.StatusNotImplemented, &BrokenError{e}
		}
		return false, e
	}
	if err := json.Unmarshal(text, out); err != nil {
		return false, fmt.Errorf("%s answered what is not understood: is it the address of a Slipway server? %w", c.base, err)
	}
	return false, nil
}

// Actor is a person or a part of the server.
type Actor struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Target is a version that is or was live.
type Target struct {
	Version int64  `json:"version"`
	Digest  string `json:"digest"`
}

// Slot is what is live of a model in an environment.
type Slot struct {
	Environment string  `json:"environment"`
	Model       string  `json:"model"`
	Generation  int64   `json:"generation"`
	Live        *Target `json:"live"`
	Since       string  `json:"since,omitempty"`
	By          *Actor  `json:"changed_by,omitempty"`
	Busy        bool    `json:"busy"`
}

// Binding is what an approval holds for.
type Binding struct {
	Candidate string `json:"candidate"`
	Revision  int64  `json:"revision"`
	Evidence  string `json:"evidence"`
	Policy    string `json:"policy"`
	Base      int64  `json:"base_generation"`
}

// Gate is what a gate of a promotion says.
type Gate struct {
	ID      string `json:"id"`
	Verdict string `json:"verdict"`
	Message string `json:"message"`
}

// Debt is what an emergency release leaves: somebody else looks at it.
type Debt struct {
	OpenedAt string `json:"opened_at"`
	DueAt    string `json:"due_at"`
	ClosedAt string `json:"closed_at,omitempty"`
	ClosedBy *Actor `json:"closed_by,omitempty"`
	Comment  string `json:"comment,omitempty"`
}

// Promotion is a request to make a version live.
type Promotion struct {
	Number      int64   `json:"number"`
	Name        string  `json:"name"`
	Kind        string  `json:"kind"` // model, rules or team
	Model       string  `json:"model,omitempty"`
	Team        string  `json:"team,omitempty"`
	Environment string  `json:"environment"`
	Version     int64   `json:"version"`
	Digest      string  `json:"digest"`
	Reason      string  `json:"reason"`
	State       string  `json:"state"`
	Cause       string  `json:"cause"`
	Binding     Binding `json:"binding"`
	Author      Actor   `json:"author"`
	UpdatedAt   string  `json:"updated_at"`
	URL         string  `json:"url"`
	Gates       []Gate  `json:"gates,omitempty"`
	Unmet       []Unmet `json:"unmet,omitempty"`
	Debt        *Debt   `json:"debt,omitempty"`
}

// Check is what an outside system says of a version.
type Check struct {
	ID     string `json:"id,omitempty"`
	Digest string `json:"digest"`
	Name   string `json:"name"`
	State  string `json:"state"`
	URL    string `json:"url,omitempty"`
	Note   string `json:"note,omitempty"`
}

// Slots lists what is live; model and environment may be empty for any.
func (c *Client) Slots(ctx context.Context, model, environment string) (out []Slot, err error) {
	q := url.Values{"limit": {"200"}, "model": {model}, "environment": {environment}}
	for {
		var page struct {
			Slots []Slot `json:"slots"`
			Next  string `json:"next_cursor"`
		}
		if err := c.do(ctx, http.MethodGet, "slots?"+q.Encode(), nil, &page); err != nil {
			return nil, err
		}
		if out = append(out, page.Slots...); page.Next == "" {
			return out, nil
		}
		q.Set("cursor", page.Next)
	}
}

// Open lists the promotions that have not ended.
func (c *Client) Open(ctx context.Context, model, environment string) (out []Promotion, err error) {
	q := url.Values{"limit": {"200"}, "state": {"open"}, "model": {model}, "environment": {environment}}
	for {
		var page struct {
			Promotions []Promotion `json:"promotions"`
			Next       string      `json:"next_cursor"`
		}
		if err := c.do(ctx, http.MethodGet, "promotions?"+q.Encode(), nil, &page); err != nil {
			return nil, err
		}
		if out = append(out, page.Promotions...); page.Next == "" {
			return out, nil
		}
		q.Set("cursor", page.Next)
	}
}

// Promotion finds a promotion by its number.
func (c *Client) Promotion(ctx context.Context, number int64) (p Promotion, err error) {
	return p, c.do(ctx, http.MethodGet, promotion(number, ""), nil, &p)
}

// Request asks to make a version live, and submits that.
func (c *Client) Request(ctx context.Context, model string, version int64, environment, reason string) (p Promotion, err error) {
	return p, c.do(ctx, http.MethodPost, "promotions", map[string]any{"model": model, "version": version, "environment": environment, "reason": reason, "submit": true}, &p)
}

// Approve approves a promotion as it was seen.
func (c *Client) Approve(ctx context.Context, seen Promotion, comment string) (p Promotion, err error) {
	return p, c.do(ctx, http.MethodPost, promotion(seen.Number, "/reviews"), map[string]any{"decision": "approve", "comment": comment, "binding": seen.Binding}, &p)
}

// Execute carries a promotion out.
func (c *Client) Execute(ctx context.Context, number int64) (p Promotion, err error) {
	return p, c.do(ctx, http.MethodPost, promotion(number, "/execute"), nil, &p)
}

// CloseDebt says that the caller has looked at what was done in an emergency.
func (c *Client) CloseDebt(ctx context.Context, number int64, comment string) (d Debt, err error) {
	return d, c.do(ctx, http.MethodPost, promotion(number, "/debt"), map[string]any{"comment": comment}, &d)
}

func promotion(number int64, act string) string {
	return "promotions/" + strconv.FormatInt(number, 10) + act
}

// Slot finds what is live of a model in an environment.
func (c *Client) Slot(ctx context.Context, environment, model string) (s Slot, err error) {
	return s, c.do(ctx, http.MethodGet, slot(environment, model), nil, &s)
}

func slot(environment, model string) string {
	return "slots/" + url.PathEscape(environment) + "/" + url.PathEscape(model)
}

// Rollback makes live again a version, 0 for the one before what is live in seen.
func (c *Client) Rollback(ctx context.Context, seen Slot, to int64, reason string) (s Slot, err error) {
	return s, c.do(ctx, http.MethodPost, slot(seen.Environment, seen.Model)+"/rollback", map[string]any{"reason": reason, "to": to, "generation": seen.Generation}, &s)
}

// Report reports a check.
func (c *Client) Report(ctx context.Context, in Check) (out Check, err error) {
	return out, c.do(ctx, http.MethodPost, "checks", in, &out)
}
