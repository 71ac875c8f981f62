// Package api shows the document of the JSON API.
package api

// View is the document.
//
//	GET /api
type View struct {
	Groups []Group
}

// Group is the operations about one thing; what the document says is English.
type Group struct {
	Name, About string
	Operations  []Operation
}

// Operation is one thing that can be asked of the server.
type Operation struct {
	ID, Method, Path string
	Summary, About   string
	Parameters       []Field
	Body             []Field
	Curl             string // an example
}

// Field is a parameter, or a field of a body.
type Field struct {
	Name, Kind, About string // Kind is where it stands or, of a field, its type
	Needed            bool
}
