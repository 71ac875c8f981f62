package promotion_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-ml/slipway/domain/promotion"
)

// row is a row of a table as it lies there, by the names of its columns.
type row map[string]string

func (r row) n(column string) int64 {
	n, _ := strconv.ParseInt(r[column], 10, 64)
	return n
}

func (r row) ended() bool {
	return slices.Contains([]string{"completed", "failed", "cancelled", "expired", "rejected", "superseded"}, r["state"])
}

// person is somebody's row.
type person struct {
	role     string
	disabled bool
	teams    []string
}

func (p person) active() bool { return !p.disabled && (p.role == "reviewer" || p.role == "admin") }

// snap is all that lies in the tables about one model at one instant.
type snap struct {
	now      int64
	envs     map[string]row // by name
	slots    []row
	changes  map[string][]row // by slot, oldest first
	requests []row            // by number
	reviews  map[string][]row // by request, oldest first
	waivers  map[string][]row
	checks   []row // oldest first
	versions map[string]row
	aliases  map[string]int64
	people   map[string]person
	debts    []row
}

func (w *world) rows(q string, args ...any) (out []row) {
	ask, err := w.prepared[q], error(nil)
	if ask == nil {
		if ask, err = w.raw.PrepareContext(context.Background(), q); err != nil {
			panic(err)
		}
		w.prepared[q] = ask
	}
	found, err := ask.QueryContext(context.Background(), args...)
	if err != nil {
		panic(err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		panic(err)
	}
	for found.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := found.Scan(values...); err != nil {
			panic(err)
		}
		r := row{}
		for i, c := range columns {
			switch v := (*values[i].(*any)).(type) {
			case []byte:
				r[c] = string(v)
			case bool:
				r[c] = map[bool]string{false: "0", true: "1"}[v]
			default:
				r[c] = fmt.Sprint(v)
			}
		}
		out = append(out, r)
	}
	if err := found.Err(); err != nil {
		panic(err)
	}
	return out
}

func grouped(rows []row, by string) map[string][]row {
	out := map[string][]row{}
	for _, r := range rows {
		out[r[by]] = append(out[r[by]], r)
	}
	return out
}

// read takes a snapshot of what lies in the tables about a model.
func (w *world) read(asset string) snap {
	s := snap{now: w.now.UnixMilli(), envs: map[string]row{}, versions: map[string]row{}, aliases: map[string]int64{}, people: map[string]person{}}
	for _, r := range w.rows(`SELECT * FROM environments WHERE workspace_id = 'default'`) {
		s.envs[r["name"]] = r
	}
	s.slots = w.rows(`SELECT * FROM slots WHERE asset_id = $1 ORDER BY id`, asset)
	s.changes = grouped(w.rows(`SELECT c.* FROM slot_changes c JOIN slots s ON s.id = c.slot_id WHERE s.asset_id = $1 ORDER BY c.generation`, asset), "slot_id")
	s.requests = w.rows(`SELECT * FROM promotions WHERE asset_id = $1 ORDER BY number`, asset)
	s.reviews = grouped(w.rows(`SELECT x.* FROM promotion_reviews x JOIN promotions p ON p.id = x.promotion_id WHERE p.asset_id = $1 ORDER BY x.at, x.id`, asset), "promotion_id")
	s.waivers = grouped(w.rows(`SELECT x.* FROM promotion_waivers x JOIN promotions p ON p.id = x.promotion_id WHERE p.asset_id = $1 ORDER BY x.at, x.id`, asset), "promotion_id")
	s.checks = w.rows(`SELECT * FROM checks WHERE digest IN (SELECT digest FROM model_versions WHERE model_id = $1) ORDER BY at, id`, asset)
	trashed := "0"
	for _, r := range w.rows(`SELECT deleted_at FROM registered_models WHERE id = $1`, asset) {
		trashed = r["deleted_at"]
	}
	for _, r := range w.rows(`SELECT * FROM model_versions WHERE model_id = $1`, asset) {
		if trashed != "0" {
			r["deleted_at"] = trashed
		}
		s.versions[r["id"]] = r
	}
	for _, r := range w.rows(`SELECT * FROM model_aliases WHERE model_id = $1`, asset) {
		s.aliases[r["alias"]] = r.n("version")
	}
	for _, r := range w.rows(`SELECT u.id, u.disabled, m.role FROM users u JOIN memberships m ON m.user_id = u.id`) {
		s.people[r["id"]] = person{role: r["role"], disabled: r["disabled"] == "1"}
	}
	for _, r := range w.rows(`SELECT * FROM team_members ORDER BY team_id`) {
		p := s.people[r["user_id"]]
		p.teams = append(p.teams, r["team_id"])
		s.people[r["user_id"]] = p
	}
	s.debts = w.rows(`SELECT d.* FROM review_debts d JOIN slots s ON s.id = d.slot_id WHERE s.asset_id = $1`, asset)
	return s
}

func (s snap) request(id string) row {
	for _, r := range s.requests {
		if r["id"] == id {
			return r
		}
	}
	return nil
}

func (s snap) slot(id string) row {
	for _, r := range s.slots {
		if r["id"] == id {
			return r
		}
	}
	return nil
}

func (s snap) env(id string) row {
	for _, e := range s.envs {
		if e["id"] == id {
			return e
		}
	}
	return nil
}

// asks is the part of a policy that the oracle reads for itself.
type asks struct {
	Gates []struct {
		ID     string   `json:"id"`
		Checks []string `json:"checks"`
		TTL    int64    `json:"ttl"`
	} `json:"gates"`
	Rules []struct {
		Count int `json:"count"`
		From  struct {
			Roles []string `json:"roles"`
			Teams []string `json:"teams"`
			Users []string `json:"users"`
		} `json:"from"`
	} `json:"rules"`
	Requires []string `json:"requires"`
	Freezes  []struct {
		From  string `json:"from"`
		Until string `json:"until"`
	} `json:"freezes"`
	BreakGlass  bool     `json:"break_glass"`
	NeverWaived []string `json:"never_waived"`
}

func asksOf(env row) (p asks) {
	if err := json.Unmarshal([]byte(env["policy"]), &p); err != nil {
		panic(err)
	}
	return p
}

func (p asks) frozen(now int64) bool {
	for _, f := range p.Freezes {
		from, err1 := time.Parse("2006-01-02T15:04", f.From)
		until, err2 := time.Parse("2006-01-02T15:04", f.Until)
		if err1 != nil || err2 != nil || from.UnixMilli() <= now && now < until.UnixMilli() {
			return true
		}
	}
	return false
}

// facts is what somebody who approves agrees to.
type facts struct {
	candidate, digest string
	revision          int64
	policy            string // the text
	generation        int64  // of the slot, and with it what is replaced
	evidence          string // what each gate says
}

// gate says what one gate finds: "pass", "no" or "wait", and after it the waiver that stands in.
func (s snap) gate(r row, p asks, i int) string {
	g, found := p.Gates[i], "pass"
	for _, name := range g.Checks {
		var last row
		for _, c := range s.checks {
			if c["digest"] == r["digest"] && c["name"] == name {
				last = c
			}
		}
		switch {
		case last == nil || last["state"] == "pending":
			found = cmp.Or(map[string]string{"no": "no"}[found], "wait")
		case last["state"] == "failure":
			found = "no"
		case g.TTL > 0 && s.now >= last.n("at")+g.TTL:
			found = cmp.Or(map[string]string{"no": "no"}[found], "wait")
		}
	}
	if found == "pass" || slices.Contains(p.NeverWaived, g.ID) {
		return found
	}
	var best row
	for _, w := range s.waivers[r["id"]] {
		if w["gate"] == g.ID && w.n("ended_at") == 0 && s.now < w.n("expires_at") && (best == nil || w.n("expires_at") > best.n("expires_at")) {
			best = w
		}
	}
	if best != nil {
		return "waived by " + best["waived_by"] + ": " + best["reason"]
	}
	return found
}

func passes(verdict string) bool { return verdict != "no" && verdict != "wait" }

func (s snap) facts(r row) facts {
	env := s.env(r["environment_id"])
	f := facts{candidate: r["version_id"], digest: r["digest"], revision: r.n("revision"), policy: env["policy"], generation: s.slot(r["slot_id"]).n("generation")}
	p := asksOf(env)
	for i, g := range p.Gates {
		f.evidence += g.ID + "=" + s.gate(r, p, i) + ";"
	}
	return f
}

// standing is the last word of each person who has one.
func (s snap) standing(r row) map[string]row {
	out := map[string]row{}
	for _, v := range s.reviews[r["id"]] {
		if v.n("withdrawn_at") == 0 {
			out[v["reviewer"]] = v
		}
	}
	return out
}

// quorum tries every way to give each approval that is asked for to another person.
func (s snap) quorum(r row, p asks, approved []string) bool {
	var places []int
	for i, rule := range p.Rules {
		for range rule.Count {
			places = append(places, i)
		}
	}
	used := map[string]bool{}
	var fill func(at int) bool
	fill = func(at int) bool {
		if at == len(places) {
			return true
		}
		from := p.Rules[places[at]].From
		for _, who := range approved {
			x := s.people[who]
			fits := slices.Contains(from.Roles, x.role) || slices.Contains(from.Users, who) ||
				slices.ContainsFunc(x.teams, func(t string) bool { return slices.Contains(from.Teams, t) })
			if used[who] || !fits || !x.active() || who == r["author"] || who == r["editor"] {
				continue
			}
			used[who] = true
			if fill(at + 1) {
				return true
			}
			used[who] = false
		}
		return false
	}
	return fill(0)
}

// agreed reports whether the people agree to what r is now, by what each of them had before their eyes.
func (m *machine) agreed(s snap, r row) (ok bool, why string) {
	env, now := s.env(r["environment_id"]), s.facts(r)
	var approved []string
	for who, v := range s.standing(r) {
		if v["decision"] != "approve" {
			if v.n("revision") == r.n("revision") && !s.people[who].disabled {
				return false, who + " said " + v["decision"]
			}
			continue
		}
		bound := v["candidate"] == r["digest"] && v.n("revision") == r.n("revision") && v["policy"] == env["digest"] && v.n("base_generation") == now.generation
		if bound && m.saw[v["id"]] == now {
			approved = append(approved, who)
		}
	}
	slices.Sort(approved)
	return s.quorum(r, asksOf(env), approved), fmt.Sprintf("only %v approved it as it is", approved)
}

// inTheWay is what makes an approved request wait.
func (s snap) inTheWay(r row) string {
	p, there := asksOf(s.env(r["environment_id"])), s.slot(r["slot_id"])
	for _, name := range p.Requires {
		was := false
		for _, x := range s.slots {
			if x["environment_id"] == s.envs[name]["id"] {
				was = slices.ContainsFunc(s.changes[x["id"]], func(c row) bool { return c["to_id"] == r["version_id"] })
			}
		}
		if !was {
			return "upstream"
		}
	}
	switch {
	case p.frozen(s.now):
		return "freeze"
	case s.now < r.n("not_before"):
		return "early"
	case there["active"] != "":
		return "busy"
	}
	return s.owed(r)
}

func (s snap) owed(r row) string {
	for _, d := range s.debts {
		if d["slot_id"] == r["slot_id"] && d.n("closed_at") == 0 && s.now >= d.n("due_at") {
			return "debt"
		}
	}
	return ""
}

// taken is how things were when a request took the slot.
type taken struct {
	candidate, digest string
	revision          int64
	generation        int64
	live              string
}

// check looks at all invariants after one act of by: was is what lay in the tables before it, is what lies there now.
func (m *machine) check(was, is snap, by string) {
	for _, v := range m.fresh(was, is) {
		m.saw[v["id"]] = m.shown
	}
	for _, r := range is.requests {
		before := was.request(r["id"])
		if before == nil {
			before = row{"state": "draft"}
		}
		running := before["state"] == "executing"
		if before.ended() {
			for column, value := range r {
				m.need(before[column] == value, "I10", "%s of PR-%s was %s and is %s after the end", column, r["number"], before[column], value)
			}
			m.need(len(was.reviews[r["id"]]) == len(is.reviews[r["id"]]), "I10", "PR-%s was reviewed after its end", r["number"])
			continue
		}
		if !running && (r["state"] == "executing" || r["state"] == "completed") {
			m.started(was, before, r, by)
		}
		if running {
			x := m.taken[r["id"]]
			m.need(x.candidate == r["version_id"] && x.digest == r["digest"] && x.revision == r.n("revision"), "I7", "PR-%s is being carried out and became another", r["number"])
		}
		if r["state"] == "completed" {
			m.completed(was, is, r, by)
		}
		if r["state"] == "executing" {
			m.need(is.versions[r["version_id"]].n("revoked_at") == 0, "I11", "PR-%s is being carried out, and its version is revoked", r["number"])
		}
	}
	for _, s := range is.slots {
		m.checkSlot(was, is, s)
	}
	if m.honest {
		m.screen(is)
	}
}

// fresh lists the reviews that is has and was has not.
func (m *machine) fresh(was, is snap) (out []row) {
	for id, all := range is.reviews {
		out = append(out, all[len(was.reviews[id]):]...)
	}
	return out
}

// started looks at what was so when r took the slot.
func (m *machine) started(was snap, before, r row, by string) {
	env, there := was.env(r["environment_id"]), was.slot(r["slot_id"])
	p, name, glass := asksOf(env), "PR-"+r["number"], r["incident"] != ""
	v := was.versions[before["version_id"]]
	m.starts++
	m.taken[r["id"]] = taken{r["version_id"], r["digest"], r.n("revision"), there.n("generation"), there["version_id"]}
	for i, g := range p.Gates {
		if glass && !slices.Contains(p.NeverWaived, g.ID) {
			continue
		}
		verdict := was.gate(before, p, i)
		m.need(passes(verdict), "I2", "%s was started, and the gate %s says %s", name, g.ID, verdict)
	}
	m.need(v != nil && v.n("revoked_at") == 0, "I3", "%s was started, and its version is revoked", name)
	m.need(v != nil && v.n("deleted_at") == 0, "I3", "%s was started, and its version is deleted", name)
	m.need(v == nil || v["broken"] == "" || env["protected"] == "0", "I3", "%s was started, and its bytes are not what they were", name)
	m.need(there["active"] == "", "I5", "%s was started while %s held the slot", name, there["active"])
	m.need(before.n("deadline") == 0 || was.now < before.n("deadline"), "deadline", "%s was started after its time", name)
	m.need(was.owed(before) == "", "debt", "%s was started over an overdue debt", name)
	if glass {
		m.glasses++
		m.need(p.BreakGlass, "glass", "%s broke the glass, which %s does not allow", name, env["name"])
		m.need(slices.ContainsFunc(m.last.debts, func(d row) bool { return d["promotion_id"] == r["id"] }), "glass", "%s left no debt", name)
		return
	}
	ok, why := m.agreed(was, before)
	m.need(ok, "I1", "%s was started, and %s", name, why)
	m.need(!p.frozen(was.now), "I4", "%s was started in a freeze", name)
	m.need(before.n("base_generation") == there.n("generation"), "I6", "%s was compared with generation %s and replaces %s", name, before["base_generation"], there["generation"])
	way := was.inTheWay(before)
	m.need(way == "" || way == "freeze" || way == "busy", "way", "%s was started, and in its way is: %s", name, way)
	x := was.people[by]
	m.need(!x.disabled && (by == before["author"] || x.role == "admin"), "caller", "%s was started by %s", name, by)
}

// completed looks at what became live with r.
func (m *machine) completed(was, is snap, r row, by string) {
	x, name := m.taken[r["id"]], "PR-"+r["number"]
	m.completions++
	all := is.changes[r["slot_id"]]
	i := slices.IndexFunc(all, func(c row) bool { return c["promotion_id"] == r["id"] })
	if v := was.versions[x.candidate]; v != nil && was.env(r["environment_id"])["protected"] == "1" {
		m.need(v["broken"] == "", "I3", "%s completed, and its bytes are not what was approved", name)
	}
	m.need(r["incident"] != "" || by == r["author"] || was.people[by].role == "admin", "caller", "%s was completed by %s", name, by)
	m.need(i >= 0, "I8", "%s completed, and the history does not know", name)
	if i < 0 {
		return
	}
	c := all[i]
	m.need(c["to_id"] == x.candidate && c["to_digest"] == x.digest && r.n("revision") == x.revision, "I7", "%s completed with another than what was approved", name)
	m.need(c.n("generation") == x.generation+1 && c["from_id"] == x.live, "I6", "%s replaced what it was not compared with: generation %s after %d", name, c["generation"], x.generation)
}

func (m *machine) checkSlot(was, is snap, s row) {
	before := was.slot(s["id"])
	if before == nil {
		before = row{}
	}
	all, old := is.changes[s["id"]], was.changes[s["id"]]
	delta := s.n("generation") - before.n("generation")
	m.need(delta == 0 || delta == 1, "I8", "the generation went from %s to %s", before["generation"], s["generation"])
	m.need(int64(len(all)) == s.n("generation"), "I8", "generation %s with %d lines of history", s["generation"], len(all))
	live := row{"to_id": "", "to_version": "0", "to_digest": ""}
	if len(all) > 0 {
		live = all[len(all)-1]
	}
	m.need(live["to_id"] == s["version_id"] && live["to_version"] == s["version"] && live["to_digest"] == s["digest"], "I8", "version %s is live, the history ends with %s", s["version"], live["to_version"])
	for i, c := range all {
		m.need(c.n("generation") == int64(i+1), "I8", "line %d of the history is generation %s", i, c["generation"])
		if i < len(old) {
			m.need(fmt.Sprint(c) == fmt.Sprint(old[i]), "I8", "line %d of the history was rewritten", i)
			continue
		}
		m.moves++
		if i > 0 {
			m.need(c["from_id"] == all[i-1]["to_id"], "I6", "line %d of the history does not follow from the one before", i)
		}
		if c["to_id"] != "" {
			v := was.versions[c["to_id"]]
			m.need(v != nil && v.n("revoked_at") == 0, "I3", "revoked version %s became live by %s", c["to_version"], c["cause"])
			m.need(v != nil && v.n("deleted_at") == 0, "I3", "deleted version %s became live by %s", c["to_version"], c["cause"])
		}
		if c["cause"] == "rollback" {
			m.rollbacks++
			m.need(slices.ContainsFunc(all[:i], func(b row) bool { return b["to_id"] == c["to_id"] }), "I9", "rolled back to version %s, which was never live", c["to_version"])
		}
		env := was.env(s["environment_id"])
		if v := was.versions[c["to_id"]]; v != nil && env["protected"] == "1" {
			m.need(v["broken"] == "", "I3", "version %s became live in %s by %s, and its bytes are not what they were", c["to_version"], env["name"], c["cause"])
		}
		m.need(env["protected"] == "0" || slices.Contains([]string{"promotion", "rollback", "break_glass"}, c["cause"]), "door", "%s is protected and was changed by %s", env["name"], c["cause"])
	}
	executing := ""
	for _, r := range is.requests {
		if r["slot_id"] == s["id"] && r["state"] == "executing" {
			m.need(executing == "", "I5", "two are being carried out in one slot")
			executing = r["id"]
		}
	}
	m.need(executing == s["active"], "I5", "%q holds the slot and %q is being carried out", s["active"], executing)
	name := is.env(s["environment_id"])["name"]
	m.need(is.aliases[name] == s.n("version"), "alias", "%s names %d and the slot %s", name, is.aliases[name], s["version"])
}

// screen looks at whether what is recorded of each open request is what the facts say.
func (m *machine) screen(is snap) {
	for _, r := range is.requests {
		state := promotion.State(r["state"])
		if !state.Open() {
			continue
		}
		env, there, v := is.env(r["environment_id"]), is.slot(r["slot_id"]), is.versions[r["version_id"]]
		p, name := asksOf(env), "PR-"+r["number"]
		m.need(r.n("base_generation") == there.n("generation"), "screen", "%s says generation %s, the slot is at %s", name, r["base_generation"], there["generation"])
		m.need(r["policy_digest"] == env["digest"], "screen", "%s says another policy than %s has", name, env["name"])
		if !m.settled {
			continue // time went on, and the job that looks at what is due has not run yet
		}
		want := "in_review"
		ok, why := m.agreed(is, r)
		asked := false
		for who, w := range is.standing(r) {
			asked = asked || w["decision"] == "request_changes" && w.n("revision") == r.n("revision") && !is.people[who].disabled
		}
		gates := "pass"
		for i := range p.Gates {
			switch g := is.gate(r, p, i); {
			case g == "no":
				gates = "no"
			case g == "wait" && gates == "pass":
				gates = "wait"
			}
		}
		switch {
		case v == nil || v.n("revoked_at") != 0 || v.n("deleted_at") != 0 || v["broken"] != "" && env["protected"] == "1" || gates == "no":
			want = "blocked"
		case gates == "wait":
			want = "checking"
		case asked:
			want = "blocked"
		case ok && is.inTheWay(r) != "":
			want = "scheduled"
		case ok:
			want = "approved"
		}
		m.need(r["state"] == want, "screen", "%s is %s (%s), by the facts it is %s (%s; in the way: %s)", name, r["state"], r["cause"], want, why, is.inTheWay(r))
	}
}
