//go:build !linux

package faultfs

import "errors"

// Mount fails: the disk can be shown on Linux only.
func (d *Disk) Mount(string) (unmount func() error, err error) {
	return nil, errors.ErrUnsupported
}
