package i18n

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain/scan"
)

// promotionSource is the source of package promotion, without tests.
func promotionSource(t *testing.T) (text string) {
	t.Helper()
	files, err := filepath.Glob("../../domain/promotion/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no source", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text += string(source)
	}
	return text
}

var (
	reason = regexp.MustCompile(`(?:\b(?:say|answer)\(\w+, |Reason: |r\.Reason, r\.Args = \w+, |r\.Reason = \w+, )"([a-z_]+\.?)"`)
	policy = regexp.MustCompile(`"(policy\.[a-z_]+)"`)
)

// Every reason that a gate may give has its sentence, and no sentence is left over.
func TestReasonsOfGates(t *testing.T) {
	said := map[string]bool{}
	for _, m := range reason.FindAllStringSubmatch(promotionSource(t), -1) {
		switch m[1] {
		case "scan_passed.":
			for _, v := range []scan.Verdict{scan.Clean, scan.Notice, scan.Inconclusive} {
				said["gate."+m[1]+string(v)] = true
			}
		case "scan_failed.":
			for _, v := range []scan.Verdict{scan.Notice, scan.Suspicious, scan.Dangerous} {
				said["gate."+m[1]+string(v)] = true
			}
		default:
			said["gate."+m[1]] = true
		}
	}
	have := slices.DeleteFunc(keys(Default), func(key string) bool { return !strings.HasPrefix(key, "gate.") })
	if diff := cmp.Diff(slices.Sorted(maps.Keys(said)), have); diff != "" {
		t.Errorf("reasons in the source and in the words (-/+):\n%s", diff)
	}
}

func TestErrorsOfPolicies(t *testing.T) {
	said := map[string]bool{}
	for _, m := range policy.FindAllStringSubmatch(promotionSource(t), -1) {
		said["error."+m[1]] = true
	}
	have := slices.DeleteFunc(keys(Default), func(key string) bool { return !strings.HasPrefix(key, "error.policy.") })
	if diff := cmp.Diff(slices.Sorted(maps.Keys(said)), have); diff != "" {
		t.Errorf("errors in the source and in the words (-/+):\n%s", diff)
	}
}

func TestGate(t *testing.T) {
	en, it := With(context.Background(), "en"), With(context.Background(), "it")
	for _, c := range []struct {
		ctx    context.Context
		reason string
		args   []any
		want   string
	}{
		{en, "metric_limit", []any{"auc", .7, ">=", 0.75}, "auc is 0.7 and should be >= 0.75."},
		{it, "metric_limit", []any{"auc", .7, ">=", 1e6}, "auc è 0.7 e dovrebbe essere >= 1e+06."},
		{en, "card_missing", nil, "There is no model card."},
		{en, "cel_message", []any{"100% sure"}, "100% sure"},
		{en, "card_missing", []any{"too much"}, "card_missing"},
		{en, "of another version", nil, "of another version"},
	} {
		if got := Gate(c.ctx, c.reason, c.args); got != c.want {
			t.Errorf("%s: %q, want %q", c.reason, got, c.want)
		}
	}
}
