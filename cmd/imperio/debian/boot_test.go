package debian

import (
	"strings"
	"testing"
)

func TestMachine_RunsTheProgramUnderARealSystemd(t *testing.T) {
	m := boot(t)
	m.put(t, build(t, "v1.0.0", nil), "/root/imperio", 0o755)
	if got := m.must(t, "/root/imperio", "version"); !strings.Contains(got, "v1.0.0") {
		t.Errorf("version says %q", got)
	}
	if got := m.must(t, "cat", "/proc/1/comm"); got != "systemd" {
		t.Errorf("process 1 is %q", got)
	}
	m.putText(t, "there\n", "/etc/imperio/text", 0o640)
	if got := m.must(t, "stat", "-c", "%a %s", "/etc/imperio/text"); got != "640 6" {
		t.Errorf("a file of the test has mode and size %s", got)
	}
	if _, err := m.run("false"); exitCode(err) != 1 {
		t.Errorf("exit code %d of false", exitCode(err))
	}
}
