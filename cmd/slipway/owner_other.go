//go:build !unix

package main

// tooOpen is nothing where files have no such permissions.
const tooOpen = 0

// sameOwner has nothing to do where files do not change hands with a rename.
func sameOwner(_, _ string) error { return nil }

// syncFolder has nothing to do where folders cannot be synced.
func syncFolder(string) error { return nil }
