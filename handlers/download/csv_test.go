package download

import "testing"

func TestSafeCSV(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "plain": "plain", "a=b": "a=b", "0.5": "0.5",
		"-0.5": "-0.5", "+1e-9": "+1e-9", "-Inf": "-Inf", // numbers
		"=1+1": "'=1+1", "+1+1": "'+1+1", "-1+cmd|' /C calc'!A0": "'-1+cmd|' /C calc'!A0", "@SUM(A1)": "'@SUM(A1)",
		"\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", "-": "'-", "—": "—",
	} {
		if got := SafeCSV(cell); got != want {
			t.Errorf("%q: got %q, want %q", cell, got, want)
		}
	}
}
