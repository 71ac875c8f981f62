//go:build unix

package main

import (
	"errors"
	"os"
	"syscall"
)

// tooOpen are the permissions that a key file must not give: none to others, and none to change it to its group, which reads the
// credentials that systemd hands out.
const tooOpen = 0o037

// sameOwner gives file to the owner of like, so that a server under another account still reads what root wrote anew.
func sameOwner(like, file string) error {
	at, err := os.Stat(like)
	if err != nil {
		return err
	}
	owner, ok := at.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() {
		return nil
	}
	return os.Chown(file, int(owner.Uid), int(owner.Gid))
}

// syncFolder makes a rename in a folder last.
func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
