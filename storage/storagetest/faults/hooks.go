//go:build faults

package faults

import (
	"testing"

	"go.etcd.io/bbolt"

	"imperio/replication/logstore"
)

func init() {
	bbolt.FaultHook = handle
	logstore.FaultHook = handle
}

// require does nothing: this binary was built with the hooks.
func require(testing.TB) {}
