package component

import "strconv"

// ClientScript is a script for the Python client of MLflow that speaks to the server at uri: lines follow what every
// such script begins with.
func ClientScript(uri, lines string) string {
	return "import mlflow\n\nmlflow.set_tracking_uri(" + strconv.Quote(uri) + ")\n" + lines
}
