package storage_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

// sources are what versions can be made of, and a way to name them in the tables below.
type sources struct {
	db    *storage.DB
	names *strings.Replacer
	run   tracking.Run
	model tracking.LoggedModel
}

func makeSources(t testing.TB, db *storage.DB) sources {
	t.Helper()
	digest := strings.Repeat("1", 64)
	run, other, gone := createRun(t, db, tracking.Run{}), createRun(t, db, tracking.Run{}), createRun(t, db, tracking.Run{})
	logged := func(ready bool) (m tracking.LoggedModel) {
		storagetest.Write(t, db, access.LoggedModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
			if m, err = tracking.CreateLoggedModel(ctx, tx, g, tracking.LoggedModel{ExperimentID: "0", SourceRunID: run.ID}, tx.Now()); err != nil || !ready {
				return err
			}
			m, err = tracking.FinishLoggedModel(ctx, tx, g, m.ID, tracking.ModelReady, tx.Now())
			return err
		})
		return m
	}
	model, pending, away := logged(true), logged(false), logged(true)
	put := func(path string) {
		storagetest.Write(t, db, access.ArtifactWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			return tracking.PutArtifact(ctx, tx, g, tracking.Artifact{Workspace: g.Workspace(), Path: path, Size: 1, Digest: digest})
		})
	}
	put("0/" + run.ID + "/artifacts/model/weights.bin")
	put("0/" + other.ID + "/artifacts/model/weights.bin")
	put("0/models/" + model.ID + "/artifacts/weights.bin")
	storagetest.Write(t, db, access.RunDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return tracking.DeleteRun(ctx, tx, g, gone.ID, tx.Now())
	})
	storagetest.Write(t, db, access.LoggedModelDelete, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		return tracking.DeleteLoggedModel(ctx, tx, g, away.ID, tx.Now())
	})
	newModel(t, db, "m")
	newModel(t, db, "a@b")
	newModel(t, db, "prompt", tracking.Tag{Key: registry.PromptTag, Value: "true"})
	newVersion(t, db, "m", "runs:/"+run.ID+"/model")
	newVersion(t, db, "a@b", "models:/m/1")
	newVersion(t, db, "prompt", "dummy-source")
	for _, name := range []string{"m", "a@b"} {
		if err := setAlias(t, db, name, "champion", 1); err != nil {
			t.Fatal(err)
		}
	}
	held, err := findVersion(t, db, "m", 1)
	if err != nil {
		t.Fatal(err)
	}
	return sources{db, strings.NewReplacer("RUN", run.ID, "OTHER", other.ID, "GONE", gone.ID, "MODEL", model.ID, "PENDING", pending.ID, "AWAY", away.ID, "HELD", held.ID), run, model}
}

var errUndo = errors.New("undo")

// try makes a version and takes it back.
func (s sources) try(t testing.TB, v registry.Version) (out registry.Version, err error) {
	t.Helper()
	undone := storagetest.TryWrite(t, s.db, access.ModelWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		if out, err = registry.CreateVersion(ctx, tx, g, v, registry.About{}, tx.Now()); err != nil {
			return err
		}
		return errUndo
	})
	if err == nil && !errors.Is(undone, errUndo) {
		err = undone
	}
	return out, err
}

// Only what lies in the run or model that the request names, in other versions and in outside stores can be registered,
// however it is spelt.
func TestSources(t *testing.T) {
	store := "mlflow-artifacts:/0/RUN/artifacts"
	type asked struct{ source, run, model string }
	taken := map[asked]registry.Standing{
		{"runs:/RUN/model", "", ""}:                                  registry.Pinned,
		{"runs:/RUN/model", "RUN", ""}:                               registry.Pinned,
		{"runs:/RUN/model/", "", ""}:                                 registry.Pinned,
		{"runs:/RUN", "", ""}:                                        registry.Pinned,
		{"runs:/RUN/model/weights.bin", "", ""}:                      registry.Pinned,
		{"runs:/RUN/elsewhere", "", ""}:                              registry.Empty,
		{"runs:/RUN/a%20b", "", ""}:                                  registry.Empty,
		{"models:/MODEL", "", ""}:                                    registry.Pinned,
		{"models:/MODEL", "", "MODEL"}:                               registry.Pinned,
		{"models:/m/1", "", ""}:                                      registry.Pinned,
		{"models:/m/latest", "", ""}:                                 registry.Pinned,
		{"models:/m/None", "", ""}:                                   registry.Pinned,
		{"models:/m@champion", "", ""}:                               registry.Pinned,
		{"models:/m@latest", "", ""}:                                 registry.Pinned,
		{"models:/a@b/1", "", ""}:                                    registry.Pinned,
		{"models:/a@b@champion", "", ""}:                             registry.Pinned,
		{store + "/model", "RUN", ""}:                                registry.Pinned,
		{store, "RUN", ""}:                                           registry.Pinned,
		{store + "/model/", "RUN", ""}:                               registry.Pinned,
		{"mlflow-artifacts:/0/models/MODEL/artifacts", "", "MODEL"}:  registry.Pinned,
		{"s3://bucket/a", "", ""}:                                    registry.External,
		{"s3://bucket", "", ""}:                                      registry.External,
		{"s3://bucket/a", "a run of another server", ""}:             registry.External,
		{"s3://bucket/a", "RUN", "MODEL"}:                            registry.External,
		{"gs://bucket/a%20b", "", ""}:                                registry.External,
		{"abfss://container@account.dfs.core.windows.net/a", "", ""}: registry.External,
		{"https://example.org:8443/a/b", "", ""}:                     registry.External,
	}
	invalid, absent := domain.Invalid, domain.NotFound
	refused := map[asked]domain.Kind{
		// other places of this machine
		{"/etc/passwd", "RUN", ""}: invalid, {"etc/passwd", "RUN", ""}: invalid, {"./model", "RUN", ""}: invalid, {"~/model", "RUN", ""}: invalid, {"model", "RUN", ""}: invalid,
		{"file:///etc/passwd", "RUN", ""}: invalid, {"file:/etc/passwd", "RUN", ""}: invalid, {"FILE:///etc", "RUN", ""}: invalid, {"file:", "RUN", ""}: invalid, {"file://localhost/etc", "RUN", ""}: invalid,
		{"%66ile:///etc", "RUN", ""}: invalid, {" file:///etc", "RUN", ""}: invalid, {`C:\models`, "RUN", ""}: invalid, {"c:/models", "RUN", ""}: invalid, {`\\host\share`, "RUN", ""}: invalid,
		{"//host/share", "RUN", ""}: invalid, {"\x00/etc", "RUN", ""}: invalid, {"sqlite:////x.db", "", ""}: invalid, {"data:text/plain,x", "", ""}: invalid,
		// other schemes
		{"dbfs:/x", "", ""}: invalid, {"ftp://host/x", "", ""}: invalid, {"sftp://host/x", "", ""}: invalid, {"hdfs://host/x", "", ""}: invalid, {"http://host/x", "", ""}: invalid,
		{"viewfs://host/x", "", ""}: invalid, {"wasbs://c@a/x", "", ""}: invalid, {"r2://b@a/x", "", ""}: invalid, {"uc:/x", "", ""}: invalid, {"javascript:alert(1)", "", ""}: invalid,
		{"S3://bucket/a", "", ""}: invalid, {"RUNS:/RUN/model", "", ""}: invalid, {"Models:/m/1", "", ""}: invalid, {"s3:/bucket/a", "", ""}: invalid, {"s3:bucket", "", ""}: invalid, {"://x", "", ""}: invalid, {":", "", ""}: invalid,
		// up and out of an outside store
		{"s3://b/../x", "", ""}: invalid, {"s3://b/%2e%2e/x", "", ""}: invalid, {"s3://b/%252e%252e/x", "", ""}: invalid, {"s3://b/a/..%2fx", "", ""}: invalid, {"s3://b/./x", "", ""}: invalid,
		{"s3://b//x", "", ""}: invalid, {`s3://b\x`, "", ""}: invalid, {"s3://b/%5c..%5cx", "", ""}: invalid, {"s3://b/x?versionId=1", "", ""}: invalid, {"s3://b/x#y", "", ""}: invalid, {"s3://", "", ""}: invalid, {"s3:///x", "", ""}: invalid,
		{"s3://key:secret@b/x", "", ""}: invalid, {"https://user:pw@host/x", "", ""}: invalid, {"https://user@host/x", "", ""}: invalid, {"https://good%40evil/x", "", ""}: invalid, {"https://host/x\ny", "", ""}: invalid,
		{"abfss://account/x", "", ""}: invalid, {"abfss://@account/x", "", ""}: invalid, {"gs://b/%zz/%2e%2e/x", "", ""}: invalid,
		// up and out of a run
		{"runs:/RUN/../OTHER/artifacts", "", ""}: invalid, {"runs:/RUN/a/../../x", "", ""}: invalid, {"runs:/RUN/%2e%2e/x", "", ""}: invalid, {"runs:/RUN/%252e%252e/x", "", ""}: invalid, {"runs:/RUN/..%2fx", "", ""}: invalid,
		{"runs:/RUN/.", "", ""}: invalid, {`runs:/RUN/..\x`, "", ""}: invalid, {`runs:/RUN/a\b`, "", ""}: invalid, {"runs:/RUN/a//b", "", ""}: invalid, {"runs:/RUN/%2fetc", "", ""}: invalid, {"runs:/RUN/a\x00", "", ""}: invalid,
		{"runs:/RUN/file:/etc", "", ""}: invalid, {"runs:/RUN/c:/x", "", ""}: invalid,
		// another run or model than the request names, or none
		{"runs:/OTHER/model", "RUN", ""}: invalid, {"runs:/GONE/model", "", ""}: invalid, {"runs:/nothing/model", "", ""}: absent, {"runs:/", "", ""}: absent, {"runs:", "", ""}: absent, {"runs:/../RUN", "", ""}: absent,
		{"runs://profile@host/RUN/model", "", ""}: absent,
		{"models:/MODEL", "", "PENDING"}:          invalid, {"models:/PENDING", "", ""}: invalid, {"models:/AWAY", "", ""}: absent, {"models:/m-00000000000000000000000000000000", "", ""}: absent,
		{"s3://b/x", "", "AWAY"}: absent, {"s3://b/x", "", "m-00000000000000000000000000000000"}: absent, {"s3://b/x", "GONE", ""}: invalid,
		// our own store
		{store + "/model", "", ""}: invalid, {store + "/model", "OTHER", ""}: invalid, {store + "x", "RUN", ""}: invalid, {store + "/../../OTHER/artifacts", "RUN", ""}: invalid,
		{store + "/%2e%2e/x", "RUN", ""}: invalid, {store + "/%252e%252e/x", "RUN", ""}: invalid, {store + "/..%2f..%2fx", "RUN", ""}: invalid, {store + "/./x", "RUN", ""}: invalid, {store + "//x", "RUN", ""}: invalid, {store + `\..\x`, "RUN", ""}: invalid,
		{store + "/a\x00", "RUN", ""}: invalid, {"mlflow-artifacts:/", "RUN", ""}: invalid, {"mlflow-artifacts:", "RUN", ""}: invalid, {"mlflow-artifacts:/0/RUN", "RUN", ""}: invalid, {"mlflow-artifacts:/0", "RUN", ""}: invalid,
		{"mlflow-artifacts://other.example/0/RUN/artifacts/model", "RUN", ""}: invalid, {"mlflow-artifacts://other.example:80/0/RUN/artifacts", "RUN", ""}: invalid, {"mlflow-artifacts:///0/RUN/artifacts/model", "RUN", ""}: invalid,
		{"mlflow-artifacts://user@host/0/RUN/artifacts", "RUN", ""}: invalid, {"mlflow-artifacts:0/RUN/artifacts", "RUN", ""}: invalid, {"MLFLOW-ARTIFACTS:/0/RUN/artifacts", "RUN", ""}: invalid,
		{"mlflow-artifacts:/registry/HELD", "RUN", ""}: invalid, {"mlflow-artifacts:/registry/HELD", "", ""}: invalid, {"mlflow-artifacts:/0/models/MODEL/artifacts", "RUN", ""}: invalid, {"mlflow-artifacts:/0/models/MODEL", "", "MODEL"}: invalid,
		{store, "nothing", ""}: absent, {store, "GONE", ""}: invalid,
		// other versions
		{"models:/m/2", "", ""}: absent, {"models:/m/01", "", ""}: invalid, {"models:/m/0", "", ""}: invalid, {"models:/m/-1", "", ""}: invalid, {"models:/m/Production", "", ""}: absent, {"models:/m/bogus", "", ""}: invalid,
		{"models:/m@nothing", "", ""}: invalid, {"models:/nothing/1", "", ""}: absent, {"models:/nothing@x", "", ""}: absent, {"models:/m", "", ""}: invalid, {"models:/", "", ""}: invalid, {"models:", "", ""}: invalid, {"models:/m/1/x", "", ""}: invalid,
		{"models:/../m/1", "", ""}: invalid, {"models:/m%2f1", "", ""}: invalid, {"models:/prompt/1", "", ""}: invalid, {"models:/m/\x00", "", ""}: invalid, {"models:/a\x00b/1", "", ""}: invalid, {"models:/\xff@x", "", ""}: invalid,
		// what versions of prompts are made of
		{"dummy-source", "", ""}: invalid, {"prompt-template", "", ""}: invalid,
		{"", "", ""}: invalid, {" ", "", ""}: invalid, {"s3://b/" + strings.Repeat("x", 2048), "", ""}: invalid, {"s3://b/x", strings.Repeat("r", 501), ""}: invalid, {"s3://b/\xff", "", ""}: invalid,
	}
	if len(refused) < 100 {
		t.Errorf("only %d refusals", len(refused))
	}
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		s := makeSources(t, db)
		version := func(a asked) registry.Version {
			return registry.Version{Model: "m", Source: s.names.Replace(a.source), RunID: s.names.Replace(a.run), LoggedModelID: s.names.Replace(a.model)}
		}
		for a, standing := range taken {
			v, err := s.try(t, version(a))
			if err != nil || v.Standing != standing {
				t.Errorf("%q: %s, %v", a, v.Standing, err)
			}
			s.plausible(t, v)
		}
		prompt := []tracking.Tag{{Key: registry.PromptTag, Value: "true"}}
		for a, kind := range refused {
			v := version(a)
			_, err := s.try(t, v)
			if e := domain.As(err); domain.KindOf(err) != kind || e != nil && len(e.Msg) > 600 {
				t.Errorf("%.80q: got %v, want %v", a, err, kind)
			}
			// A tag of a version, or the name of another run, switches nothing off.
			v.Tags = prompt
			if _, err := s.try(t, v); domain.KindOf(err) != kind {
				t.Errorf("%.80q as a prompt: got %v, want %v", a, err, kind)
			}
			if v.Model = "prompt"; promptSource(v.Source) {
				continue
			}
			if _, err := s.try(t, v); domain.KindOf(err) != domain.Invalid {
				t.Errorf("%.80q in a prompt: got %v", a, err)
			}
		}
		for a := range taken {
			v := version(a)
			v.Model = "prompt"
			if _, err := s.try(t, v); domain.KindOf(err) != domain.Invalid {
				t.Errorf("%.80q in a prompt: got %v", a, err)
			}
		}
		if v, err := s.try(t, registry.Version{Model: "prompt", Source: "prompt-template", Tags: prompt}); err != nil || v.Standing != registry.Text || v.Location != "" {
			t.Errorf("a prompt: %+v, %v", v, err)
		}
	})
}

func promptSource(s string) bool { return s == "dummy-source" || s == "prompt-template" }

// plausible checks what holds of every version that was made, whatever its source.
func (s sources) plausible(t testing.TB, v registry.Version) {
	t.Helper()
	path, ours := tracking.StorePath(v.Location)
	switch v.Standing {
	case registry.Pinned:
		if !ours || path != "registry/"+v.ID && !strings.HasPrefix(path, "registry/"+v.ID+"/") || v.Digest == "" || v.Files == 0 {
			t.Errorf("%q holds its files in %q: %+v", v.Source, v.Location, v)
		}
	case registry.Empty:
		root, _ := tracking.StorePath(s.run.ArtifactURI)
		logged, _ := tracking.StorePath(s.model.ArtifactURI)
		clean, err := tracking.CleanArtifactPath(path)
		if !ours || err != nil || clean != path || v.Digest != "" || path != root && path != logged && !strings.HasPrefix(path, root+"/") && !strings.HasPrefix(path, logged+"/") {
			t.Errorf("%q is empty in %q: %+v", v.Source, v.Location, v)
		}
	case registry.External:
		if ours || !tracking.OutsideStore(v.Location) || v.Digest != "" {
			t.Errorf("%q lies outside in %q", v.Source, v.Location)
		}
	default:
		t.Errorf("%q is %s", v.Source, v.Standing)
	}
}

func FuzzSource(f *testing.F) {
	for _, seed := range []string{
		"runs:/RUN/model", "models:/MODEL", "models:/m/1", "models:/m@champion", "mlflow-artifacts:/0/RUN/artifacts/model", "s3://b/x", "abfss://c@a/x", "https://h/x", "dummy-source",
		"runs:/RUN/..", "mlflow-artifacts:/0/RUN/artifacts/%2e%2e/x", "file:///etc", "models:/a@b@c/1",
	} {
		f.Add(seed, "RUN", "")
		f.Add(seed, "", "MODEL")
	}
	db := storagetest.Open(f)
	s := makeSources(f, db)
	f.Fuzz(func(t *testing.T, source, run, model string) {
		v, err := s.try(t, registry.Version{Model: "m", Source: s.names.Replace(source), RunID: s.names.Replace(run), LoggedModelID: s.names.Replace(model)})
		switch kind := domain.KindOf(err); {
		case err == nil:
			s.plausible(t, v)
		case kind != domain.Invalid && kind != domain.NotFound:
			t.Errorf("%q: %v", source, err)
		}
	})
}
