package catalogsource

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"

	"github.com/slipway-ml/slipway/domain/catalog"
)

// A price map of LiteLLM comes with the program, so that the catalog is of use without a network. make catalog-snapshot
// makes it; its licence is beside it.
//
//go:embed snapshot/models.json.gz
var packed []byte

// Snapshot is what models came with the program, and the day on which that was so.
func Snapshot() (offers []catalog.Offer, date string, err error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, "", fmt.Errorf("unpack the snapshot of the catalog: %w", err)
	}
	var s struct {
		Date   string          `json:"date"`
		Models json.RawMessage `json:"models"`
	}
	if err := json.NewDecoder(z).Decode(&s); err != nil {
		return nil, "", fmt.Errorf("unpack the snapshot of the catalog: %w", err)
	}
	offers, err = parseLiteLLM(s.Models)
	return offers, s.Date, err
}
