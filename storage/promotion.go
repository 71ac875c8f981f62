package storage

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/slipway-ml/slipway/domain"
	"github.com/slipway-ml/slipway/domain/promotion"
)

const promotionCols = `p.id, p.workspace_id, p.number, p.slot_id, p.environment_id, p.kind, p.asset_id, p.version_id, p.version, p.digest, p.reason, p.revision,
	p.author, p.editor, p.base_generation, p.state, p.cause, p.evidence_digest, p.evidence, p.policy_digest, p.not_before, p.deadline, p.due_at, p.incident,
	p.created_at, p.submitted_at, p.updated_at, p.ended_at`

func scanPromotion(row scanner) (r promotion.Request, err error) {
	return r, row(&r.ID, &r.Workspace, &r.Number, &r.SlotID, &r.EnvironmentID, &r.Kind, &r.AssetID, &r.Candidate.ID, &r.Candidate.Number, &r.Candidate.Digest, &r.Reason, &r.Revision,
		&r.Author, &r.Editor, &r.Base, &r.State, &r.Cause, &r.Evidence, &r.EvidenceText, &r.Policy, &r.NotBefore, &r.Deadline, &r.DueAt, &r.Incident,
		&r.CreatedAt, &r.SubmittedAt, &r.UpdatedAt, &r.EndedAt)
}

// Promotion finds a request.
func (t *Tx) Promotion(ctx context.Context, id string) (promotion.Request, error) {
	return one(ctx, t, scanPromotion, `SELECT `+promotionCols+` FROM promotions p WHERE p.id = $1`, id)
}

// PromotionNumbered finds a request by its number.
func (t *Tx) PromotionNumbered(ctx context.Context, workspace string, number int64) (promotion.Request, error) {
	return one(ctx, t, scanPromotion, `SELECT `+promotionCols+` FROM promotions p WHERE p.workspace_id = $1 AND p.number = $2`, workspace, number)
}

// AddPromotion writes a new request and gives it the next number of its workspace.
func (t *Tx) AddPromotion(ctx context.Context, r *promotion.Request) error {
	counter := "promotion:" + r.Workspace
	if err := t.exec(ctx, `INSERT INTO counters (name, value) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING`, counter); err != nil {
		return err
	}
	n, err := one(ctx, t, column[int64], `UPDATE counters SET value = value + 1 WHERE name = $1 RETURNING value`, counter)
	if err != nil {
		return err
	}
	r.Number = n
	return t.exec(ctx, `
		INSERT INTO promotions (id, workspace_id, number, slot_id, environment_id, kind, asset_id, version_id, version, digest, reason, revision,
		       author, editor, base_generation, state, cause, evidence_digest, evidence, policy_digest, not_before, deadline, due_at, incident,
		       created_at, submitted_at, updated_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28)`,
		r.ID, r.Workspace, r.Number, r.SlotID, r.EnvironmentID, string(r.Kind), r.AssetID, r.Candidate.ID, r.Candidate.Number, r.Candidate.Digest, r.Reason, r.Revision,
		r.Author, r.Editor, r.Base, string(r.State), r.Cause, r.Evidence, r.EvidenceText, r.Policy, r.NotBefore, r.Deadline, r.DueAt, r.Incident,
		r.CreatedAt, r.SubmittedAt, r.UpdatedAt, r.EndedAt)
}

// SavePromotion writes what may change of a request; one that has ended stays as it is.
func (t *Tx) SavePromotion(ctx context.Context, r promotion.Request) error {
	n, err := t.changed(ctx, `
		UPDATE promotions SET version_id = $2, version = $3, digest = $4, reason = $5, revision = $6, editor = $7, base_generation = $8, state = $9, cause = $10,
		       evidence_digest = $11, evidence = $12, policy_digest = $13, not_before = $14, deadline = $15, due_at = $16, incident = $17,
		       submitted_at = $18, updated_at = $19, ended_at = $20
		 WHERE id = $1 AND ended_at = 0`,
		r.ID, r.Candidate.ID, r.Candidate.Number, r.Candidate.Digest, r.Reason, r.Revision, r.Editor, r.Base, string(r.State), r.Cause,
		r.Evidence, r.EvidenceText, r.Policy, r.NotBefore, r.Deadline, r.DueAt, r.Incident, r.SubmittedAt, r.UpdatedAt, r.EndedAt)
	if err == nil && n == 0 {
		err = domain.Fail(domain.Conflict, "promotion.ended", "%s has ended: nothing of it changes any more", r.Name())
	}
	return err
}

func (t *Tx) openPromotions(ctx context.Context, cond string, args ...any) ([]promotion.Request, error) {
	return list(ctx, t, scanPromotion, `SELECT `+promotionCols+` FROM promotions p WHERE p.ended_at = 0 AND `+cond+` ORDER BY p.number`, args...)
}

// OpenPromotionsOfSlot lists what is open of a slot, the oldest first.
func (t *Tx) OpenPromotionsOfSlot(ctx context.Context, slot string) ([]promotion.Request, error) {
	return t.openPromotions(ctx, `p.slot_id = $1`, slot)
}

// OpenPromotionsOfAsset lists what is open of an asset in all environments.
func (t *Tx) OpenPromotionsOfAsset(ctx context.Context, asset string) ([]promotion.Request, error) {
	return t.openPromotions(ctx, `p.slot_id IN (SELECT id FROM slots WHERE asset_id = $1)`, asset)
}

// OpenPromotionsOfEnvironment lists what is open for an environment.
func (t *Tx) OpenPromotionsOfEnvironment(ctx context.Context, environment string) ([]promotion.Request, error) {
	return t.openPromotions(ctx, `p.slot_id IN (SELECT id FROM slots WHERE environment_id = $1)`, environment)
}

// OpenPromotionsOfDigest lists what is open for versions of a digest, or for the version that has this id.
func (t *Tx) OpenPromotionsOfDigest(ctx context.Context, workspace, digest string) ([]promotion.Request, error) {
	return t.openPromotions(ctx, `p.workspace_id = $1 AND (p.digest = $2 OR p.version_id = $2)`, workspace, digest)
}

// OpenPromotionsReviewedBy lists what is open and was reviewed by somebody.
func (t *Tx) OpenPromotionsReviewedBy(ctx context.Context, user string) ([]promotion.Request, error) {
	return t.openPromotions(ctx, `p.id IN (SELECT promotion_id FROM promotion_reviews WHERE reviewer = $1)`, user)
}

// OpenConfigurations lists what is open for rules and teams in all workspaces.
func (t *Tx) OpenConfigurations(ctx context.Context) ([]promotion.Request, error) {
	return t.openPromotions(ctx, `p.kind <> 'model'`)
}

// PromotionsDue lists open requests whose state time may have changed, in all workspaces.
func (t *Tx) PromotionsDue(ctx context.Context, now int64, most int) ([]promotion.Request, error) {
	return list(ctx, t, scanPromotion, `
		SELECT `+promotionCols+` FROM promotions p WHERE p.ended_at = 0 AND p.due_at <> 0 AND p.due_at <= $1 ORDER BY p.due_at LIMIT $2`, now, most)
}

// PromotionsApproved lists approved requests of all workspaces, the oldest first.
func (t *Tx) PromotionsApproved(ctx context.Context, most int) ([]promotion.Request, error) {
	return list(ctx, t, scanPromotion, `SELECT `+promotionCols+` FROM promotions p WHERE p.ended_at = 0 AND p.state = 'approved' ORDER BY p.submitted_at, p.id LIMIT $1`, most)
}

// Promotions lists requests of a workspace, the newest first; below is a number, 0 for the newest.
func (t *Tx) Promotions(ctx context.Context, workspace string, q promotion.Query) ([]promotion.Request, error) {
	w := &where{db: t.db}
	w.and("p.workspace_id = " + w.arg(workspace))
	if q.Below > 0 {
		w.and("p.number < " + w.arg(q.Below))
	}
	if q.Open {
		w.and("p.ended_at = 0")
	}
	if q.State != "" {
		w.and("p.state = " + w.arg(string(q.State)))
	}
	if q.Asset != "" {
		w.and("p.asset_id = " + w.arg(q.Asset))
	}
	if q.Version != "" {
		w.and("p.version_id = " + w.arg(q.Version))
	}
	if q.Environment != "" {
		w.and("p.environment_id = " + w.arg(q.Environment))
	}
	if q.Author != "" {
		w.and("p.author = " + w.arg(q.Author))
	}
	if q.Rules {
		w.and("p.kind <> 'model'")
	}
	return list(ctx, t, scanPromotion, `SELECT `+promotionCols+` FROM promotions p WHERE `+w.String()+` ORDER BY p.number DESC LIMIT `+w.arg(q.Most), w.args...)
}

// PromotionReviews lists the reviews of a request, the oldest first.
func (t *Tx) PromotionReviews(ctx context.Context, id string) ([]promotion.Review, error) {
	return list(ctx, t, func(row scanner) (r promotion.Review, err error) {
		return r, row(&r.ID, &r.Promotion, &r.By, &r.Decision, &r.Comment, &r.Binding.Candidate, &r.Binding.Revision, &r.Binding.Evidence, &r.Binding.Policy, &r.Binding.Base, &r.At, &r.WithdrawnAt)
	}, `SELECT id, promotion_id, reviewer, decision, comment, candidate, revision, evidence, policy, base_generation, at, withdrawn_at
	      FROM promotion_reviews WHERE promotion_id = $1 ORDER BY at, id`, id)
}

// AddReview writes a review.
func (t *Tx) AddReview(ctx context.Context, r promotion.Review) error {
	b := r.Binding
	return t.exec(ctx, `
		INSERT INTO promotion_reviews (id, promotion_id, reviewer, decision, comment, candidate, revision, evidence, policy, base_generation, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		r.ID, r.Promotion, r.By, string(r.Decision), r.Comment, b.Candidate, b.Revision, b.Evidence, b.Policy, b.Base, r.At)
}

// WithdrawReview notes that a review was taken back.
func (t *Tx) WithdrawReview(ctx context.Context, id string, at int64) error {
	return must(t.changed(ctx, `UPDATE promotion_reviews SET withdrawn_at = $2 WHERE id = $1 AND withdrawn_at = 0`, id, at))
}

// Waivers lists the waivers of a request that have not been taken back, the oldest first.
func (t *Tx) Waivers(ctx context.Context, id string) ([]promotion.Waiver, error) {
	return list(ctx, t, func(row scanner) (w promotion.Waiver, err error) {
		return w, row(&w.Gate, &w.By, &w.Reason, &w.ExpiresAt)
	}, `SELECT gate, waived_by, reason, expires_at FROM promotion_waivers WHERE promotion_id = $1 AND ended_at = 0 ORDER BY at, id`, id)
}

// AddWaiver writes a waiver.
func (t *Tx) AddWaiver(ctx context.Context, promotion, id string, w promotion.Waiver, at int64) error {
	return t.exec(ctx, `INSERT INTO promotion_waivers (id, promotion_id, gate, reason, waived_by, at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id, promotion, w.Gate, w.Reason, w.By, at, w.ExpiresAt)
}

// EndWaivers takes the waivers of a gate back, of all gates for "".
func (t *Tx) EndWaivers(ctx context.Context, promotion, gate string, at int64) error {
	return t.exec(ctx, `UPDATE promotion_waivers SET ended_at = $3 WHERE promotion_id = $1 AND ended_at = 0 AND (gate = $2 OR CAST($2 AS TEXT) = '')`, promotion, gate, at)
}

// AddNote writes a line of the story of a request, at an instant after the line before.
func (t *Tx) AddNote(ctx context.Context, n promotion.Note) error {
	return t.exec(ctx, `
		INSERT INTO promotion_notes (id, promotion_id, at, author, kind, body)
		SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CASE WHEN last >= $3 THEN last + 1 ELSE $3 END, CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS TEXT)
		  FROM (SELECT COALESCE(MAX(at), 0) AS last FROM promotion_notes WHERE promotion_id = $2) x`, n.ID, n.Promotion, n.At, n.By, n.Kind, n.Body)
}

// AddMention notes that somebody is mentioned and has not seen it.
func (t *Tx) AddMention(ctx context.Context, promotion, user string, at int64) error {
	return t.exec(ctx, `INSERT INTO promotion_mentions (promotion_id, user_id, at) VALUES ($1, $2, $3) ON CONFLICT (promotion_id, user_id) DO NOTHING`, promotion, user, at)
}

// EndMention forgets that somebody was mentioned.
func (t *Tx) EndMention(ctx context.Context, promotion, user string) error {
	return t.exec(ctx, `DELETE FROM promotion_mentions WHERE promotion_id = $1 AND user_id = $2`, promotion, user)
}

// MentionedIn reports whether somebody is mentioned in the discussion of a request and has not seen it.
func (t *Tx) MentionedIn(ctx context.Context, promotion, user string) (bool, error) {
	n, err := one(ctx, t, column[int64], `SELECT COUNT(*) FROM promotion_mentions WHERE promotion_id = $1 AND user_id = $2`, promotion, user)
	return n > 0, err
}

const noteCols = `n.id, n.promotion_id, n.at, n.author, n.kind, n.body`

func scanNote(row scanner) (n promotion.Note, err error) {
	return n, row(&n.ID, &n.Promotion, &n.At, &n.By, &n.Kind, &n.Body)
}

// Notes lists the last lines of the story of a request, the oldest first.
func (t *Tx) Notes(ctx context.Context, id string, most int) ([]promotion.Note, error) {
	return list(ctx, t, scanNote, `
		SELECT `+noteCols+` FROM (SELECT * FROM promotion_notes WHERE promotion_id = $1 ORDER BY at DESC, id DESC LIMIT $2) n ORDER BY n.at, n.id`, id, most)
}

// Comments lists what was said of a request, the oldest first, after a note of an instant and an id; "" for the first.
func (t *Tx) Comments(ctx context.Context, id string, at int64, after string, most int) ([]promotion.Note, error) {
	return list(ctx, t, scanNote, `
		SELECT `+noteCols+` FROM promotion_notes n
		 WHERE n.promotion_id = $1 AND n.kind = 'comment' AND (n.at > $2 OR n.at = $2 AND n.id > $3) ORDER BY n.at, n.id LIMIT $4`, id, at, after, most)
}

// AssetNames are the names of models, in the trash or not, and of what configurations are about, by their ids.
func (t *Tx) AssetNames(ctx context.Context, ids []string) (map[string]string, error) {
	out := map[string]string{}
	text, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	return out, t.each(ctx, func(row scanner) error {
		var id, name string
		err := row(&id, &name)
		out[id] = name
		return err
	}, `SELECT id, name FROM registered_models WHERE `+t.db.InTexts("id", "$1")+` UNION ALL SELECT subject, name FROM configurations WHERE number = 1 AND `+t.db.InTexts("subject", "$1"), string(text))
}

// Configuration finds what was proposed.
func (t *Tx) Configuration(ctx context.Context, id string) (promotion.Configuration, error) {
	return one(ctx, t, func(row scanner) (c promotion.Configuration, err error) {
		return c, row(&c.ID, &c.Workspace, &c.Kind, &c.Subject, &c.Name, &c.Number, &c.Before, &c.Document, &c.Digest, &c.CreatedAt, &c.CreatedBy)
	}, `SELECT id, workspace_id, kind, subject, name, number, replaces, document, digest, created_at, created_by FROM configurations WHERE id = $1`, id)
}

// AddConfiguration writes what is proposed and gives it the next number of its subject, which the transaction holds.
func (t *Tx) AddConfiguration(ctx context.Context, c *promotion.Configuration) (err error) {
	if c.Number, err = one(ctx, t, column[int64], `SELECT COALESCE(MAX(number), 0) + 1 FROM configurations WHERE subject = $1`, c.Subject); err != nil {
		return err
	}
	return t.exec(ctx, `
		INSERT INTO configurations (id, workspace_id, kind, subject, name, number, replaces, document, digest, created_at, created_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		c.ID, c.Workspace, string(c.Kind), c.Subject, c.Name, c.Number, c.Before, c.Document, c.Digest, c.CreatedAt, c.CreatedBy)
}

// LatestChecks lists the last status of each name that was reported for a digest.
func (t *Tx) LatestChecks(ctx context.Context, workspace, digest string) ([]promotion.Check, error) {
	return list(ctx, t, func(row scanner) (c promotion.Check, err error) {
		return c, row(&c.ID, &c.Name, &c.Digest, &c.State, &c.URL, &c.Note, &c.At, &c.By)
	}, `SELECT id, name, digest, state, url, note, at, reported_by FROM (
	      SELECT c.*, ROW_NUMBER() OVER (PARTITION BY name ORDER BY at DESC, id DESC) AS nth FROM checks c WHERE workspace_id = $1 AND digest = $2) x
	     WHERE nth = 1 ORDER BY name`, workspace, digest)
}

// AddCheck writes a status.
func (t *Tx) AddCheck(ctx context.Context, workspace string, c promotion.Check) error {
	return t.exec(ctx, `INSERT INTO checks (id, workspace_id, digest, name, state, url, note, at, reported_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		c.ID, workspace, c.Digest, c.Name, string(c.State), c.URL, c.Note, c.At, c.By)
}

const personQuery = `
	SELECT u.id, m.role, u.disabled, COALESCE((SELECT GROUP FROM team_members x JOIN teams y ON y.id = x.team_id WHERE x.user_id = u.id AND y.workspace_id = m.workspace_id), '')
	  FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.workspace_id = $1`

func (t *Tx) persons(ctx context.Context, cond string, args ...any) ([]promotion.Person, error) {
	return list(ctx, t, func(row scanner) (p promotion.Person, err error) {
		var disabled bool
		var teams string
		err = row(&p.ID, &p.Role, &disabled, &teams)
		p.Active = !disabled
		if teams != "" {
			p.Teams = strings.Split(teams, " ")
		}
		return p, err
	}, strings.Replace(personQuery, "GROUP", t.db.Joined("x.team_id", " "), 1)+cond+` ORDER BY u.name`, args...)
}

// Person finds what a user is in a workspace; one without an account or a role there is not active.
func (t *Tx) Person(ctx context.Context, workspace, user string) (promotion.Person, error) {
	ps, err := t.persons(ctx, ` AND u.id = $2`, workspace, user)
	if err != nil || len(ps) == 0 {
		return promotion.Person{ID: user}, err
	}
	return ps[0], nil
}

// People lists all who are active in a workspace, by name.
func (t *Tx) People(ctx context.Context, workspace string) ([]promotion.Person, error) {
	return t.persons(ctx, ` AND NOT u.disabled`, workspace)
}

// PeopleNamed finds the ids of those who are active in a workspace by some of their names.
func (t *Tx) PeopleNamed(ctx context.Context, workspace string, names []string) (map[string]string, error) {
	out := map[string]string{}
	text, err := json.Marshal(names)
	if err != nil || len(names) == 0 {
		return out, err
	}
	return out, t.each(ctx, func(row scanner) error {
		var id, name string
		err := row(&id, &name)
		out[name] = id
		return err
	}, `SELECT u.id, u.name FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.workspace_id = $1 AND NOT u.disabled AND `+t.db.InTexts("u.name", "$2"), workspace, string(text))
}

// PeopleNames lists the names of those who are active in a workspace.
func (t *Tx) PeopleNames(ctx context.Context, workspace string, most int) ([]string, error) {
	return list(ctx, t, column[string], `
		SELECT u.name FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.workspace_id = $1 AND NOT u.disabled ORDER BY u.name LIMIT $2`, workspace, most)
}

const debtCols = `promotion_id, slot_id, opened_at, due_at, closed_at, closed_by, comment`

func scanDebt(row scanner) (d promotion.Debt, err error) {
	return d, row(&d.Promotion, &d.SlotID, &d.OpenedAt, &d.DueAt, &d.ClosedAt, &d.ClosedBy, &d.Comment)
}

// OpenDebts lists what still has to be looked at of a slot.
func (t *Tx) OpenDebts(ctx context.Context, slot string) ([]promotion.Debt, error) {
	return list(ctx, t, scanDebt, `SELECT `+debtCols+` FROM review_debts WHERE slot_id = $1 AND closed_at = 0 ORDER BY due_at`, slot)
}

// Debt finds what a break-glass left.
func (t *Tx) Debt(ctx context.Context, id string) (promotion.Debt, error) {
	return one(ctx, t, scanDebt, `SELECT `+debtCols+` FROM review_debts WHERE promotion_id = $1`, id)
}

// SaveDebt writes a debt, new or changed.
func (t *Tx) SaveDebt(ctx context.Context, d promotion.Debt) error {
	return t.exec(ctx, `
		INSERT INTO review_debts (`+debtCols+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (promotion_id) DO UPDATE SET closed_at = excluded.closed_at, closed_by = excluded.closed_by, comment = excluded.comment`,
		d.Promotion, d.SlotID, d.OpenedAt, d.DueAt, d.ClosedAt, d.ClosedBy, d.Comment)
}

// Teams lists the teams of a workspace with their members, by name.
func (t *Tx) Teams(ctx context.Context, workspace string) ([]promotion.Team, error) {
	teams, err := list(ctx, t, func(row scanner) (x promotion.Team, err error) {
		return x, row(&x.ID, &x.Workspace, &x.Name, &x.CreatedAt)
	}, `SELECT id, workspace_id, name, created_at FROM teams WHERE workspace_id = $1 ORDER BY name`, workspace)
	if err != nil {
		return nil, err
	}
	at := map[string]*promotion.Team{}
	for i := range teams {
		at[teams[i].ID] = &teams[i]
	}
	return teams, t.each(ctx, func(row scanner) error {
		var team, user string
		err := row(&team, &user)
		at[team].Members = append(at[team].Members, user)
		return err
	}, `SELECT m.team_id, m.user_id FROM teams x JOIN team_members m ON m.team_id = x.id WHERE x.workspace_id = $1 ORDER BY m.team_id, m.user_id`, workspace)
}

// HoldTeam finds a team, with its members; a transaction that writes holds it.
func (t *Tx) HoldTeam(ctx context.Context, id string) (promotion.Team, error) {
	x, err := one(ctx, t, func(row scanner) (x promotion.Team, err error) {
		return x, row(&x.ID, &x.Workspace, &x.Name, &x.CreatedAt)
	}, `SELECT id, workspace_id, name, created_at FROM teams WHERE id = $1`+t.held("teams"), id)
	if err != nil {
		return x, err
	}
	x.Members, err = list(ctx, t, column[string], `SELECT user_id FROM team_members WHERE team_id = $1 ORDER BY user_id`, id)
	return x, err
}

// AddTeam writes a new team, without members.
func (t *Tx) AddTeam(ctx context.Context, x promotion.Team) error {
	return t.exec(ctx, `INSERT INTO teams (id, workspace_id, name, created_at) VALUES ($1, $2, $3, $4)`, x.ID, x.Workspace, x.Name, x.CreatedAt)
}

// DeleteTeam forgets a team.
func (t *Tx) DeleteTeam(ctx context.Context, id string) error {
	return must(t.changed(ctx, `DELETE FROM teams WHERE id = $1`, id))
}

// SetTeamMember says whether a user is in a team.
func (t *Tx) SetTeamMember(ctx context.Context, team, user string, in bool) error {
	if in {
		return t.exec(ctx, `INSERT INTO team_members (team_id, user_id) VALUES ($1, $2) ON CONFLICT (team_id, user_id) DO NOTHING`, team, user)
	}
	return t.exec(ctx, `DELETE FROM team_members WHERE team_id = $1 AND user_id = $2`, team, user)
}

// PromotionsToReview lists what waits for the review of somebody.
func (t *Tx) PromotionsToReview(ctx context.Context, workspace, user string, most int) ([]promotion.Request, error) {
	return list(ctx, t, scanPromotion, `
		SELECT `+promotionCols+` FROM promotions p
		 WHERE p.workspace_id = $1 AND p.ended_at = 0 AND p.state = 'in_review' AND p.author <> $2 AND p.editor <> $2
		   AND NOT EXISTS (SELECT 1 FROM promotion_reviews r WHERE r.promotion_id = p.id AND r.reviewer = $2 AND r.withdrawn_at = 0 AND r.revision = p.revision
		           AND (r.decision <> 'approve' OR r.evidence = p.evidence_digest AND r.policy = p.policy_digest AND r.base_generation = p.base_generation))
		 ORDER BY p.number LIMIT $3`, workspace, user, most)
}

// PromotionsMentioning lists the requests in whose discussion somebody is mentioned who has not seen it.
func (t *Tx) PromotionsMentioning(ctx context.Context, workspace, user string, most int) ([]promotion.Request, error) {
	return list(ctx, t, scanPromotion, `
		SELECT `+promotionCols+` FROM promotion_mentions m JOIN promotions p ON p.id = m.promotion_id
		 WHERE m.user_id = $2 AND p.workspace_id = $1 ORDER BY m.at DESC, p.number DESC LIMIT $3`, workspace, user, most)
}

// PromotionsToAct lists what waits for its author.
func (t *Tx) PromotionsToAct(ctx context.Context, workspace, user string, most int) ([]promotion.Request, error) {
	return list(ctx, t, scanPromotion, `
		SELECT `+promotionCols+` FROM promotions p
		 WHERE p.workspace_id = $1 AND p.ended_at = 0 AND p.author = $2 AND p.state IN ('draft', 'blocked', 'approved') ORDER BY p.number LIMIT $3`, workspace, user, most)
}
