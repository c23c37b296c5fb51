package campaign

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of times in /proc: USER_HZ is 100 per second on every platform of Go (proc(5), times(2)).
const clockTick = time.Second / 100

// processorTime is a process's processor time so far, in user mode and in the kernel. Linux only.
func processorTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	// The second field is the name in parentheses, which may contain anything; utime and stime are fields 14 and 15.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("processor time: /proc/%d/stat has an unknown form: %q", pid, stat)
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("processor time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// memoryUse is a process's memory, in bytes.
type memoryUse struct {
	resident  int64 // all pages: its own, and those of mapped files, which the system may take back
	anonymous int64 // only its own: heap and stacks
}

// memoryOf reads a process's memory use. Linux only.
func memoryOf(pid int) (use memoryUse, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return use, fmt.Errorf("memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		field := map[string]*int64{"VmRSS": &use.resident, "RssAnon": &use.anonymous}[name]
		if field == nil {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return use, fmt.Errorf("memory: %s: %w", name, err)
		}
		*field = kib << 10
	}
	if use.resident == 0 || use.anonymous == 0 {
		return use, fmt.Errorf("memory: /proc/%d/status has no VmRSS and RssAnon", pid)
	}
	return use, nil
}
