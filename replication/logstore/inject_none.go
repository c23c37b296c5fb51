//go:build !faults

package logstore

import "os"

// inject makes a change of a file. In the product there is nothing more to it.
func inject(_ *os.File, _ string, _ int64, _ []byte, do func() error) error { return do() }
