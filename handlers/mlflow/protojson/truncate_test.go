package protojson

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/slipway-ml/slipway/domain"
)

// whole has one of everything that a document can be cut in.
const whole = `{"run_id": "r\u00e9\n\ud83d\ude00é", "metrics":[{"key":"a","value":-1.5e-3,"timestamp":"12","step":7.0,"run_id":null},` +
	`{"key":"b","value":"NaN","timestamp":1},{"key":"c","value":-Infinity,"timestamp":1}], "unknown": {"a":[true,false,null,0,{}],"b":"\\"} }`

// A request that breaks off is refused wherever it does; only nothing at all is an empty object.
func TestCutAtEveryByte(t *testing.T) {
	if err := Unmarshal([]byte(whole), &batch{}); err != nil {
		t.Fatal(err)
	}
	wrapped, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []string{whole, string(wrapped)} {
		for n := range len(doc) {
			got := batch{}
			err := Unmarshal([]byte(doc[:n]), &got)
			refused(t, doc[:n], err)
			if want := map[bool]string{true: "mlflow.missing", false: "mlflow.json"}[n == 0]; err != nil && domain.As(err).Key != want {
				t.Errorf("%q: %v, want %s", doc[:n], err, want)
			}
		}
	}
}

// A byte that is lost, doubled or another never makes the decoder panic, and what it says is fit to be shown.
func TestDamagedAtEveryByte(t *testing.T) {
	taken := 0
	for n := range len(whole) {
		for _, doc := range []string{
			whole[:n] + whole[n+1:], whole[:n+1] + whole[n:], whole[:n] + "\x00" + whole[n+1:], whole[:n] + "\xff" + whole[n+1:],
			whole[:n] + `"` + whole[n+1:], whole[:n] + "{" + whole[n+1:], whole[:n] + "9" + whole[n+1:],
		} {
			if err := Unmarshal([]byte(doc), &batch{}); err != nil {
				refused(t, doc, err)
			} else if taken++; strings.Contains(doc, "\x00") || strings.Contains(doc, "\xff") {
				t.Errorf("%q was taken", doc)
			}
		}
	}
	if taken == 0 {
		t.Error("nothing was taken, not even with a space more")
	}
}

func TestDeepDocumentsAreRefused(t *testing.T) {
	const n = 100_000
	for name, doc := range map[string]string{
		"objects":         strings.Repeat(`{"self":`, n) + "{}" + strings.Repeat("}", n),
		"unknown objects": strings.Repeat(`{"a":`, n) + "{}" + strings.Repeat("}", n),
		"lists of text":   `{"texts":` + strings.Repeat("[", n),
		"lists":           `{"selves":` + strings.Repeat(`[{"selves":`, n),
		"wrapped":         `"` + strings.Repeat(`{\"a\":`, n) + `"`,
		"not even begun":  strings.Repeat("[", n),
	} {
		err := Unmarshal([]byte(doc), &kinds{})
		refused(t, name, err)
	}
}
