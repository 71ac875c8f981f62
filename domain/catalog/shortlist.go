package catalog

// Statuses lists how far the choice of a model for a use case is.
var Statuses = []string{"candidate", "evaluating", "approved", "refused"}

// UseCase is something that the workspace wants a model for.
type UseCase struct {
	ID        string
	Workspace string
	Name      string
	About     string   // Markdown
	Licences  []string // that are allowed; none = any
	Regions   []string // in which it may run; none = anywhere
	Revision  int64
	CreatedAt int64
	CreatedBy string // an actor's id
	UpdatedAt int64
}

// Choice is a model on the shortlist of a use case.
type Choice struct {
	UseCase string // id
	Key     Key
	Status  string // of Statuses
	Reason  string
	At      int64
	By      string // an actor's id
}
