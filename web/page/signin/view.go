// Package signin is how people come in: the sign-in page, and the making of the first account.
package signin

// View is the sign-in page. The form posts name, password and next to /sign-in.
type View struct {
	Next      string // path to go to afterwards
	UserName  string // as typed before
	Error     string // why it was refused
	TriesLeft int    // more than 0: said after Error
}

// SetupView is the form for the first administrator. It posts token, name, password and password_again to /setup.
type SetupView struct {
	Token    string // from the printed link; sent back as it is
	AskToken bool   // the server wants a token and the link had none
	UserName string
	Error    string            // what is wrong with the whole
	Errors   map[string]string // what is wrong with a field, by its name
}

// MinPassword is the length that the password fields ask for.
const MinPassword = 12
