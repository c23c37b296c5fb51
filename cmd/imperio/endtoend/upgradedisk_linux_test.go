package endtoend

import (
	"os"
	"path/filepath"
	"testing"
)

// Without room for the new program nothing is changed.
func TestUpgradeTorture_AFullDiskChangesNothing(t *testing.T) {
	if os.Getenv("UPGRADE_TORTURE") == "" {
		t.Skip("run 'make upgrade-torture'")
	}
	next := buildVersion(t, "v1.1.0", false)
	fi, err := os.Stat(next)
	if err != nil {
		t.Fatal(err)
	}
	s := newSiteIn(t, smallDisk(t, int(fi.Size()*3/2>>20)), "v1.0.0")
	out, ok := s.upgrade(next)
	has(t, out, "no space left on device", "Nothing was changed")
	if ok {
		t.Error("it succeeds")
	}
	if left, _ := filepath.Glob(s.path + ".*"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	s.ends("v1.0.0")
	s.halt()
}
