//go:build faults

package logstore

import "os"

// FaultHook is called in place of each change of a file: kind is "write", "sync" or "directory" (the sync of one); do
// makes the change. Only test binaries have it. Set it before any log is opened.
var FaultHook = func(file *os.File, kind string, offset int64, data []byte, do func() error) error { return do() }

func inject(f *os.File, kind string, offset int64, data []byte, do func() error) error {
	return FaultHook(f, kind, offset, data, do)
}
