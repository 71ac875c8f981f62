package domain

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestKindOf(t *testing.T) {
	invalid := Fail(Invalid, "run.bad", "run %s is bad", "7")
	for _, c := range []struct {
		name string
		err  error
		want Kind
	}{
		{"nil has none", nil, ""},
		{"unclassified", io.ErrUnexpectedEOF, Internal},
		{"classified", invalid, Invalid},
		{"wrapped", fmt.Errorf("create run: %w", invalid), Invalid},
		{"joined", errors.Join(io.EOF, invalid), Invalid},
		{"with a cause", &Error{Kind: Unavailable, Err: io.EOF}, Unavailable},
		{"the outermost wins", &Error{Kind: Conflict, Err: invalid}, Conflict},
		{"the first joined wins", errors.Join(Fail(NotFound, "a", "a"), invalid), NotFound},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("%s: kind %q, want %q", c.name, got, c.want)
		}
	}
}

func TestFailKeepsWhatTheTranslationNeeds(t *testing.T) {
	e := As(fmt.Errorf("deeper: %w", Fail(NotFound, "run.not_found", "no run %s in %d places", "abc", 3)))
	if e == nil {
		t.Fatal("no domain error found in a wrapped one")
	}
	if e.Msg != "no run abc in 3 places" || e.Key != "run.not_found" || len(e.Args) != 2 || e.Args[0] != "abc" || e.Args[1] != 3 {
		t.Errorf("got %+v", *e)
	}
	if e.Err != nil || e.RetryAfter != 0 || e.Fields != nil {
		t.Errorf("more than was said: %+v", *e)
	}
}

func TestAsFindsNothing(t *testing.T) {
	if e := As(nil); e != nil {
		t.Errorf("in nil: %v", e)
	}
	if e := As(io.EOF); e != nil {
		t.Errorf("in io.EOF: %v", e)
	}
}

// The cause is for the log: Error shows it, Msg does not.
func TestErrorText(t *testing.T) {
	plain := Fail(Conflict, "k", "taken")
	if got, want := plain.Error(), "conflict: taken"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	caused := &Error{Kind: Unavailable, Msg: "the disk is full", Err: io.ErrShortWrite}
	if got, want := caused.Error(), "unavailable: the disk is full: short write"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(caused, io.ErrShortWrite) {
		t.Error("the cause cannot be found")
	}
	if errors.Is(plain, io.ErrShortWrite) {
		t.Error("a cause that is not there was found")
	}
}
