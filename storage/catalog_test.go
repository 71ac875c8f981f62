package storage_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/catalog"
	"github.com/slipway-ml/slipway/domain/event"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/storage"
	"github.com/slipway-ml/slipway/storage/storagetest"
)

var (
	keyA = catalog.Key{Provider: "acme", ID: "a"}
	keyB = catalog.Key{Provider: "acme", ID: `deep/b'"%`}
)

// offer makes the snapshot offer models.
func offer(t *testing.T, db *storage.DB, offers ...catalog.Offer) {
	t.Helper()
	storagetest.Write(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
		all, err := catalog.CleanAll(offers)
		if err != nil {
			return err
		}
		_, err = catalog.Learn(ctx, tx, g, "default.snapshot", 1, all, "", "", 0, tx.Now())
		return err
	})
}

func TestManyModelsAreReadAndWritten(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		var all []catalog.Offer
		for i := range 1200 { // more than one statement writes
			all = append(all, catalog.Offer{Key: catalog.Key{Provider: "acme", ID: "m" + string(rune('a'+i%26)) + time.Duration(i).String()}, Facts: catalog.Facts{Context: int64(i + 1)}})
		}
		offer(t, db, all...)
		offer(t, db, all[:1100]...) // and marks as gone
		storagetest.Read(t, db, access.CatalogRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.CatalogRead, g.Workspace()); err != nil {
				return err
			}
			x, err := tx.CatalogIndex(ctx, g.Workspace())
			if err != nil {
				return err
			}
			if n := x.Find(catalog.Query{Most: 10}).Total; n != 1100 || x.Len() != 1200 {
				t.Errorf("%d on offer of %d", n, x.Len())
			}
			again, err := tx.CatalogIndex(ctx, g.Workspace())
			if again != x {
				t.Error("the index was made twice for one generation")
			}
			return err
		})
	})
}

func TestShortlists(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		offer(t, db, catalog.Offer{Key: keyA, Facts: catalog.Facts{Licence: "MIT", Regions: []string{"eu"}}}, catalog.Offer{Key: keyB})
		write := func(fn func(ctx context.Context, tx *storage.Tx, g access.Grant) error) error {
			t.Helper()
			return storagetest.TryWrite(t, db, access.CatalogWrite, fn)
		}
		var u catalog.UseCase
		save := func(to catalog.UseCase) error {
			return write(func(ctx context.Context, tx *storage.Tx, g access.Grant) (err error) {
				to, err = catalog.SaveUse(ctx, tx, g, to, storage.NewID(tx.Now()), tx.Now())
				if err == nil {
					u = to
				}
				return err
			})
		}
		if err := save(catalog.UseCase{Name: " support ", Licences: []string{"mit", "", "mit"}, Regions: []string{"EU"}}); err != nil || u.Name != "support" || !slices.Equal(u.Licences, []string{"mit"}) {
			t.Fatalf("%+v, %v", u, err)
		}
		for name, to := range map[string]catalog.UseCase{"no name": {}, "a name that is taken": {Name: "Support"}, "many rules": {Name: "x", Regions: make51()}} {
			if err := save(to); err == nil {
				t.Errorf("%s was saved", name)
			}
		}
		old := u
		if err := save(catalog.UseCase{ID: u.ID, Name: "help", Revision: u.Revision}); err != nil || u.Revision != 2 {
			t.Fatalf("%+v, %v", u, err)
		}
		if err := save(catalog.UseCase{ID: u.ID, Name: "late", Revision: old.Revision}); domain.KindOf(err) != domain.Conflict {
			t.Errorf("a change of what somebody else changed: %v", err)
		}
		put := func(k catalog.Key, status, reason string) error {
			return write(func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				_, err := catalog.Choose(ctx, tx, g, u.ID, k, status, reason, tx.Now())
				return err
			})
		}
		for _, c := range []struct {
			name, status, reason string
			key                  catalog.Key
			want                 domain.Kind
		}{
			{"a candidate", "candidate", "", keyA, ""},
			{"an approval without a reason", "approved", " ", keyA, domain.Invalid},
			{"an approval", "approved", "best of three", keyA, ""},
			{"a strange key", "refused", "too dear", keyB, ""},
			{"an unknown model", "candidate", "", catalog.Key{Provider: "acme", ID: "z"}, domain.NotFound},
			{"an unknown status", "loved", "", keyA, domain.Invalid},
		} {
			if err := put(c.key, c.status, c.reason); domain.KindOf(err) != c.want {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		storagetest.Read(t, db, access.CatalogRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.CatalogRead, g.Workspace()); err != nil {
				return err
			}
			all, err := tx.Choices(ctx, g.Workspace())
			if d := cmp.Diff(map[catalog.Key]string{keyA: "approved", keyB: "refused"}, catalog.Best(all)); d != "" {
				t.Error(d)
			}
			return err
		})
		if err := write(func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			for range 2 { // twice is once
				if _, err := catalog.Unchoose(ctx, tx, g, u.ID, keyA); err != nil {
					return err
				}
			}
			_, err := catalog.DropUse(ctx, tx, g, u.ID)
			return err
		}); err != nil {
			t.Error(err)
		}
		if err := put(keyA, "candidate", ""); domain.KindOf(err) != domain.NotFound {
			t.Errorf("a use case that is gone: %v", err)
		}
	})
}

func make51() (out []string) {
	for i := range 51 {
		out = append(out, time.Duration(i).String())
	}
	return out
}

func TestFlags(t *testing.T) {
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		use  catalog.UseCase
		row  catalog.Row
		want []catalog.Flag
	}{
		{"no rules", catalog.UseCase{}, catalog.Row{}, nil},
		{"as allowed, in any spelling", catalog.UseCase{Licences: []string{"mit"}, Regions: []string{"EU", "us"}}, catalog.Row{Licence: "MIT", Regions: []string{"eu"}}, nil},
		{"not known", catalog.UseCase{Licences: []string{"mit"}, Regions: []string{"EU"}}, catalog.Row{}, []catalog.Flag{catalog.LicenceUnknown, catalog.RegionUnknown}},
		{"not allowed", catalog.UseCase{Licences: []string{"mit"}, Regions: []string{"EU"}}, catalog.Row{Licence: "Proprietary", Regions: []string{"us"}}, []catalog.Flag{catalog.LicenceRefused, catalog.RegionRefused}},
		{"in 89 days", catalog.UseCase{}, catalog.Row{Deprecated: "2027-02-24"}, []catalog.Flag{catalog.Retiring}},
		{"in 91 days", catalog.UseCase{}, catalog.Row{Deprecated: "2027-02-26"}, nil},
		{"gone", catalog.UseCase{}, catalog.Row{Gone: true, Deprecated: "2020-01-01"}, []catalog.Flag{catalog.NotOffered}},
	} {
		if d := cmp.Diff(c.want, c.use.Flags(c.row, now)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func TestTheEndOfAModelIsToldAhead(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		var told []event.Event
		db.OnCommit(func(all []event.Event) {
			for _, e := range all {
				if e.Kind == "catalog.retiring" {
					told = append(told, e)
				}
			}
		})
		offer(t, db, catalog.Offer{Key: keyA, Facts: catalog.Facts{Deprecated: "2030-06-01"}}, catalog.Offer{Key: keyB, Facts: catalog.Facts{Deprecated: "2030-06-01"}})
		storagetest.Write(t, db, access.CatalogWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			u, err := catalog.SaveUse(ctx, tx, g, catalog.UseCase{Name: "support"}, storage.NewID(tx.Now()), tx.Now())
			if err != nil {
				return err
			}
			if _, err := catalog.Choose(ctx, tx, g, u.ID, keyA, catalog.Candidate, "", tx.Now()); err != nil {
				return err
			}
			_, err = catalog.Choose(ctx, tx, g, u.ID, keyB, catalog.Refused, "too dear", tx.Now())
			return err
		})
		for _, c := range []struct {
			day  string
			want int
		}{{"2030-01-01", 0}, {"2030-03-04", 1}, {"2030-03-05", 1}, {"2030-05-03", 2}, {"2030-05-26", 3}, {"2030-06-02", 4}, {"2030-06-03", 4}} {
			at, err := time.Parse(time.DateOnly, c.day)
			if err != nil {
				t.Fatal(err)
			}
			storagetest.Write(t, db, access.Maintain, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				return catalog.WarnRetiring(ctx, tx, g, at)
			})
			if len(told) != c.want {
				t.Errorf("on %s it was told %d times, want %d", c.day, len(told), c.want)
			}
		}
	})
}

func TestRunsThatNameAModel(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		for _, value := range []string{"acme/deep/b'\"%", "b'\"%", "another", "B'\"%"} {
			storagetest.Write(t, db, access.RunWrite, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
				r, err := tracking.CreateRun(ctx, tx, g, tracking.Run{ExperimentID: "0", Name: value, StartTime: 1})
				if err != nil {
					return err
				}
				return tracking.Log(ctx, tx, g, r.ID, tracking.Batch{Params: []tracking.Param{{Key: "model", Value: value}, {Key: "llm", Value: value}, {Key: "other", Value: "b"}}})
			})
		}
		storagetest.Read(t, db, access.RunRead, func(ctx context.Context, tx *storage.Tx, g access.Grant) error {
			if err := g.Need(access.RunRead, g.Workspace()); err != nil {
				return err
			}
			uses, err := tx.RunsNaming(ctx, g.Workspace(), keyB.Names(), 10)
			if len(uses) != 2 {
				t.Errorf("found %+v", uses)
			}
			return err
		})
	})
}
