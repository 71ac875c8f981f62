package job

import "time"

// Kind is a sort of work and how patient the server is with it.
type Kind struct {
	Name     string
	Attempts int           // at most
	First    time.Duration // before the second attempt; doubled before each further one
	Longest  time.Duration // no delay is longer
	Timeout  time.Duration // of one attempt
	Every    time.Duration // for work that the clock orders; 0 = it is ordered
}

// Sweep clears away what nothing names any more.
var Sweep = Kind{Name: "sweep", Attempts: 3, First: time.Minute, Longest: 10 * time.Minute, Timeout: 30 * time.Minute, Every: time.Hour}

// Scan looks at the files of a newly registered version; Verify reads the files of all versions again, to see that they
// are what was registered.
var (
	Scan   = Kind{Name: "scan", Attempts: 5, First: 10 * time.Second, Longest: 10 * time.Minute, Timeout: 30 * time.Minute}
	Verify = Kind{Name: "verify", Attempts: 3, First: time.Minute, Longest: time.Hour, Timeout: 12 * time.Hour, Every: 24 * time.Hour}
)

// CatalogSync looks at one source of the catalog; CatalogDue orders that for those whose time has come. A source that cannot be
// reached is no failure of the job: the source tells of it, and is looked at again.
var (
	CatalogSync = Kind{Name: "catalog_sync", Attempts: 3, First: time.Minute, Longest: 10 * time.Minute, Timeout: 10 * time.Minute}
	CatalogDue  = Kind{Name: "catalog_due", Attempts: 3, First: time.Minute, Longest: 10 * time.Minute, Timeout: time.Minute, Every: 5 * time.Minute}
)

// Checkpoint signs how the chains of the audit log end.
var Checkpoint = Kind{Name: "checkpoint", Attempts: 5, First: time.Minute, Longest: 10 * time.Minute, Timeout: time.Minute, Every: time.Hour}

// Kinds lists every kind of work.
var Kinds = []Kind{Sweep, Scan, Verify, CatalogSync, CatalogDue, Checkpoint}

// KindOf finds a kind by its name. One that is not listed, of another version of the program, is treated as most are.
func KindOf(name string) Kind {
	for _, k := range Kinds {
		if k.Name == name {
			return k
		}
	}
	return Kind{Name: name, Attempts: 5, First: 10 * time.Second, Longest: time.Hour, Timeout: 10 * time.Minute}
}

// Delay is how long to wait after the given attempt (from 1) failed: First, doubled with each attempt up to Longest,
// of which a random part in [0, 1) decides the second half, so that what failed together is not repeated together.
func (k Kind) Delay(attempt int, random float64) time.Duration {
	d := min(k.First, k.Longest)
	for i := 1; i < attempt && d < k.Longest; i++ {
		d = min(2*d, k.Longest)
	}
	return d/2 + time.Duration(random*float64(d/2))
}

// scheduled is the key under which the clock orders work.
const scheduled = "scheduled"

// Next is the order by the clock for one period after now.
func (k Kind) Next(now time.Time) Job {
	return Job{Kind: k.Name, Key: scheduled, RunAt: now.Add(k.Every).UnixMilli(), MaxAttempts: k.Attempts}
}

// Repeats reports whether j is ordered by the clock, so that with the beginning of one the next is ordered, whatever
// becomes of it.
func (k Kind) Repeats(j Job) bool { return k.Every > 0 && j.Key == scheduled && j.Kind == k.Name }
