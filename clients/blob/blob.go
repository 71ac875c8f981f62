// Package blob keeps the bytes of artifacts, once for each digest. What a path names is for the database to
// say; here a file appears whole and under its digest, or not at all.
package blob

import (
	"context"
	"io"
	"time"
)

// Blob is stored bytes.
type Blob struct {
	Digest string // SHA-256, 64 hexadecimal digits
	Size   int64  // bytes
}

// Store is a place for blobs. Bytes it has acknowledged are on stable storage.
type Store interface {
	// Put stores all that r has.
	Put(ctx context.Context, r io.Reader) (Blob, error)
	// Open reads a blob; one that is not there is NotFound.
	Open(ctx context.Context, digest string) (io.ReadSeekCloser, error)
	// PutPart stores part n (from 1) of a multipart upload, in place of an earlier one, and returns its digest.
	PutPart(ctx context.Context, upload string, n int, r io.Reader) (string, error)
	// Join stores the parts of an upload, in the given order, as one blob. Each must still have its digest.
	Join(ctx context.Context, upload string, parts []Part) (Blob, error)
	// Drop forgets the parts of an upload.
	Drop(ctx context.Context, upload string) error
	// Check reports whether the store can be written.
	Check(ctx context.Context) error
	// Sweep removes what uploads left behind before the instant uploads, and blobs stored before the instant blobs for
	// which keep says no.
	Sweep(ctx context.Context, uploads, blobs time.Time, keep func(digests []string) (map[string]bool, error)) (removed int, err error)
	// Free removes those of some blobs that were stored before an instant and for which keep says no.
	Free(ctx context.Context, digests []string, before time.Time, keep func(digests []string) (map[string]bool, error)) (removed int, err error)
}

// Part is one part of an upload by its number and digest ("" = whatever is there).
type Part struct {
	Number int
	Digest string
}
