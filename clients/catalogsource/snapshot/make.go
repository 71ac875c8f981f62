//go:build ignore

// Makes models.json.gz of the price map in a wheel of LiteLLM: go run make.go WHEEL DATE
package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path"
	"regexp"
	"strings"
)

// What we read; the rest is left out.
var wanted = regexp.MustCompile(`^(alias_of|litellm_provider|mode|max_input_tokens|max_output_tokens|supported_(output_)?modalities|supported_regions|deprecation_date|successor_model|source|tiered_pricing` +
	`|supports_(function_calling|response_schema|vision|reasoning|native_streaming|prompt_caching|web_search|computer_use|pdf_input|audio_input|audio_output|video_input)` +
	`|((input|output)_cost_per_\w+|cache_(read|creation)_\w+_cost\w*|ocr_cost_per_page)(_batches|_priority|_flex)?)$`)

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(wheel, date string) error {
	z, err := zip.OpenReader(wheel)
	if err != nil {
		return err
	}
	defer z.Close()
	read := func(end string) ([]byte, error) {
		for _, f := range z.File {
			if strings.HasSuffix(f.Name, end) {
				r, err := f.Open()
				if err != nil {
					return nil, err
				}
				return io.ReadAll(r)
			}
		}
		return nil, fmt.Errorf("%s: no %s in it", wheel, end)
	}
	text, err := read("litellm/model_prices_and_context_window_backup.json")
	if err != nil {
		return err
	}
	var models map[string]map[string]json.RawMessage
	if err := json.Unmarshal(text, &models); err != nil {
		return err
	}
	delete(models, "sample_spec")
	for name, fields := range models {
		for field := range fields {
			if !wanted.MatchString(field) {
				delete(fields, field)
			}
		}
		if len(fields) == 0 {
			delete(models, name)
		}
	}
	licence, err := read(".dist-info/licenses/LICENSE")
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	out := map[string]any{"date": date, "from": path.Base(wheel), "models": models} // the names of objects are written in order
	if err := json.NewEncoder(w).Encode(out); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := os.WriteFile("LICENSE.litellm", licence, 0o644); err != nil {
		return err
	}
	return os.WriteFile("models.json.gz", packed.Bytes(), 0o644)
}
