package download

import (
	"encoding/csv"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/slipway-ml/slipway/handlers/route"
)

// SafeCSV is a cell that no spreadsheet takes for a formula: a text that begins like one, also after spaces or in the
// wide forms of the signs, gets an apostrophe before it (OWASP, "CSV Injection"). A number stays what it is, though
// it may begin with a sign.
func SafeCSV(cell string) string {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(cell, " "))
	if cell == "" || !strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil {
		return cell
	}
	return "'" + cell
}

// CSV sends rows as a file to save (RFC 4180, UTF-8), every cell through SafeCSV.
func CSV(r *route.Request, name string, rows iter.Seq[[]string]) error {
	h := r.Response().Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", "attachment; "+fileName(name))
	h.Set("Cache-Control", "private, no-store")
	out := csv.NewWriter(r.Response())
	for row := range rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = SafeCSV(cell)
		}
		if err := out.Write(safe); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// JSON sends v as a file to save.
func JSON(r *route.Request, name string, v any) error {
	h := r.Response().Header()
	h.Set("Content-Disposition", "attachment; "+fileName(name))
	h.Set("Cache-Control", "private, no-store")
	return r.JSONPretty(200, v, "  ")
}
