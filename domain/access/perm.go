// Package access decides who may do what. A Grant is the only proof of a decision.
package access

// Class is the kind of act a permission stands for. Roles and token scopes are sets of classes,
// so that a new permission needs no new line in either.
type Class string

// The classes, from open to all down to administration.
const (
	ClassPublic  Class = "public"  // nobody need sign in
	ClassSelf    Class = "self"    // a person's own account
	ClassRead    Class = "read"    // see
	ClassWrite   Class = "write"   // log, change, delete
	ClassPropose Class = "propose" // ask for a promotion
	ClassDiscuss Class = "discuss" // say something where others decide
	ClassReview  Class = "review"  // decide on somebody else's request
	ClassOperate Class = "operate" // carry out what is approved, roll back
	ClassBreak   Class = "break"   // act in an emergency without the reviews
	ClassAdmin   Class = "admin"   // accounts, configuration, operation
)

// Perm is one thing a caller may be allowed to do. Every route names exactly one.
type Perm struct {
	Name    string
	Class   Class
	Audited bool // every write under it leaves an audit line in the same transaction
	Server  bool // what is written under it belongs to no workspace, nor does its line
}

// Public reports whether p needs no credentials at all.
func (p Perm) Public() bool { return p.Class == ClassPublic }

// The permissions of the product.
var (
	Public = Perm{Name: "public", Class: ClassPublic}

	ExperimentRead   = Perm{Name: "experiment.read", Class: ClassRead}
	ExperimentWrite  = Perm{Name: "experiment.write", Class: ClassWrite}
	ExperimentDelete = Perm{Name: "experiment.delete", Class: ClassWrite, Audited: true} // and restore

	RunRead   = Perm{Name: "run.read", Class: ClassRead}
	RunWrite  = Perm{Name: "run.write", Class: ClassWrite}
	RunDelete = Perm{Name: "run.delete", Class: ClassWrite, Audited: true} // and restore

	ViewWrite = Perm{Name: "view.write", Class: ClassRead} // one's own saved views; sharing one takes run.write too

	ArtifactRead   = Perm{Name: "artifact.read", Class: ClassRead}
	ArtifactWrite  = Perm{Name: "artifact.write", Class: ClassWrite}
	ArtifactDelete = Perm{Name: "artifact.delete", Class: ClassWrite, Audited: true}
	// ArtifactPart is the upload of one part of a multipart upload: the signature in the URL, made for
	// the person who began the upload, is the credential.
	ArtifactPart = Perm{Name: "artifact.part", Class: ClassPublic}

	LoggedModelRead   = Perm{Name: "logged_model.read", Class: ClassRead}
	LoggedModelWrite  = Perm{Name: "logged_model.write", Class: ClassWrite}
	LoggedModelDelete = Perm{Name: "logged_model.delete", Class: ClassWrite, Audited: true}

	ModelRead   = Perm{Name: "model.read", Class: ClassRead} // registered models and their versions
	ModelWrite  = Perm{Name: "model.write", Class: ClassWrite, Audited: true}
	ModelDelete = Perm{Name: "model.delete", Class: ClassWrite, Audited: true}  // and restore
	ModelRevoke = Perm{Name: "model.revoke", Class: ClassReview, Audited: true} // say that a version must not be used

	PromotionRead    = Perm{Name: "promotion.read", Class: ClassRead}
	PromotionPropose = Perm{Name: "promotion.propose", Class: ClassPropose, Audited: true} // ask, change, withdraw
	PromotionComment = Perm{Name: "promotion.comment", Class: ClassDiscuss, Audited: true}
	PromotionReview  = Perm{Name: "promotion.review", Class: ClassReview, Audited: true}   // approve, refuse, waive a gate
	PromotionExecute = Perm{Name: "promotion.execute", Class: ClassOperate, Audited: true} // one's own; an operator any
	PromotionBreak   = Perm{Name: "promotion.break_glass", Class: ClassBreak, Audited: true}
	CheckReport      = Perm{Name: "check.report", Class: ClassPropose, Audited: true} // what an outside system says of a version
	SlotRollback     = Perm{Name: "slot.rollback", Class: ClassOperate, Audited: true}

	EnvironmentRead  = Perm{Name: "environment.read", Class: ClassRead}
	EnvironmentWrite = Perm{Name: "environment.write", Class: ClassAdmin, Audited: true} // teams too
	// EnvironmentUnprotect has no route: it is for whoever runs the server, on its machine.
	EnvironmentUnprotect = Perm{Name: "environment.unprotect", Class: ClassAdmin, Audited: true}

	CatalogRead      = Perm{Name: "catalog.read", Class: ClassRead}                      // the models that the world offers
	CatalogWrite     = Perm{Name: "catalog.write", Class: ClassWrite, Audited: true}     // use cases and their shortlists
	CatalogConfigure = Perm{Name: "catalog.configure", Class: ClassAdmin, Audited: true} // sources

	SecretRead  = Perm{Name: "secret.read", Class: ClassAdmin} // that there is one, never its value
	SecretWrite = Perm{Name: "secret.write", Class: ClassAdmin, Audited: true}
	SecretUse   = Perm{Name: "secret.use", Class: ClassAdmin} // no route has it: it is for the server's own calls

	TrashPurge = Perm{Name: "trash.purge", Class: ClassAdmin, Audited: true} // delete for good what is in the trash

	SessionOpen  = Perm{Name: "session.open", Class: ClassPublic, Audited: true, Server: true}  // sign in, set up
	SessionClose = Perm{Name: "session.close", Class: ClassPublic, Audited: true, Server: true} // sign out

	AccountRead  = Perm{Name: "account.read", Class: ClassSelf}
	AccountWrite = Perm{Name: "account.write", Class: ClassSelf, Audited: true, Server: true} // own password and tokens

	UserRead  = Perm{Name: "user.read", Class: ClassAdmin}
	UserWrite = Perm{Name: "user.write", Class: ClassAdmin, Audited: true, Server: true}

	JobRead  = Perm{Name: "job.read", Class: ClassAdmin}
	JobRetry = Perm{Name: "job.retry", Class: ClassAdmin, Audited: true}

	AuditRead   = Perm{Name: "audit.read", Class: ClassRead}    // the workspace's chain
	AuditServer = Perm{Name: "audit.server", Class: ClassAdmin} // the server's chain, and where requests came from

	MetricsRead = Perm{Name: "metrics.read", Class: ClassAdmin} // the server's own metrics
	Maintain    = Perm{Name: "maintain", Class: ClassAdmin}     // background work of the server itself
)
