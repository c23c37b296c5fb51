//go:build faults

package faults

import (
	"testing"

	"go.etcd.io/bbolt"
)

func init() { bbolt.FaultHook = handle }

// require does nothing: this binary was built with the hook.
func require(testing.TB) {}
