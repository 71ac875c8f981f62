// Package register makes versions of models, for clients of the protocol and for pages.
package register

import (
	"context"
	"io"
	"time"

	"github.com/slipway-ml/slipway/domain/access"
	"github.com/slipway-ml/slipway/domain/registry"
	"github.com/slipway-ml/slipway/domain/tracking"
	"github.com/slipway-ml/slipway/handlers/route"
	"github.com/slipway-ml/slipway/storage"
)

// Create is the act that makes a version: registry.CreateVersion or registry.Register.
type Create func(ctx context.Context, tx registry.Tx, g access.Grant, v registry.Version, about registry.About, now time.Time) (registry.Version, error)

// Version makes a version in three steps: it asks where the MLmodel file of its source lies, reads that outside of any
// transaction, and then lets create write the version, which it does unless the file has changed in between.
func Version(r *route.Request, v registry.Version, create Create) (registry.Version, error) {
	file, err := route.Read(r, func(tx *storage.Tx) (tracking.Artifact, error) {
		return registry.Describing(r.Ctx(), tx, r.Grant, v)
	})
	if err != nil {
		return v, err
	}
	var about registry.About
	if file.Digest != "" {
		text, err := Text(r, file.Digest, registry.MaxMLmodel+1)
		if err != nil {
			return v, err
		}
		about = registry.ParseMLmodel(file.Digest, text)
	}
	return route.Write(r, func(tx *storage.Tx) (registry.Version, error) {
		return create(r.Ctx(), tx, r.Grant, v, about, tx.Now())
	})
}

// Text reads the first bytes of a file.
func Text(r *route.Request, digest string, most int64) ([]byte, error) {
	b, err := r.Blobs.Open(r.Ctx(), digest)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return io.ReadAll(io.LimitReader(b, most))
}
