package campaign

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// writeHeader reports what is measured, where and when, and how fast the disk is.
func (m *campaign) writeHeader(ctx context.Context) error {
	program, err := os.Stat(m.program.Path)
	if err != nil {
		return err
	}
	var version strings.Builder
	if err := m.program.Run(ctx, &version, "version"); err != nil {
		return err
	}
	synced, err := syncTime(m.directory)
	if err != nil {
		return err
	}
	m.printf("# Measured on %s\n\n| | |\n|---|---|\n", time.Now().UTC().Format("2006-01-02 15:04 MST"))
	m.printf("| machine | %d cores, %s/%s |\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	for line := range strings.Lines(version.String()) {
		what, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		m.printf("| %s | %s |\n", what, strings.TrimSpace(value))
	}
	m.printf("| disk | writes and syncs 4 KiB in %.2f ms (median) |\n", milliseconds(synced))
	m.printf("| casinos | HTTPS with keep-alive, durable answers, one idempotency key per bet unless stated otherwise; no rate limits, no access log |\n")
	m.printf("| players | %d connections, on the same cores as the casino |\n", m.connections)
	m.goal(program.Size() < 60e6, "size of the program", "below 60 MB", "%.1f MB", megabytes(program.Size()))
	return nil
}

// syncSamples is the number of writes that measure the disk.
const syncSamples = 51

// syncTime is the time that a directory's disk takes to write and sync 4 KiB.
func syncTime(directory string) (_ time.Duration, err error) {
	path := filepath.Join(directory, "sync")
	file, err := os.Create(path)
	if err != nil {
		return 0, fmt.Errorf("measure the disk: %w", err)
	}
	defer os.Remove(path)
	defer file.Close()
	var seconds []float64
	for i := range syncSamples {
		began := time.Now()
		if _, err := file.WriteAt(make([]byte, 4096), int64(i)*4096); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		if err := file.Sync(); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		seconds = append(seconds, time.Since(began).Seconds())
	}
	return time.Duration(median(seconds) * float64(time.Second)), nil
}
