package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// writeHeader says what measures, where and when, and how fast the disk is.
func (m *campaign) writeHeader(context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	binary, err := os.Stat(self)
	if err != nil {
		return err
	}
	synced, err := syncTime(m.directory)
	if err != nil {
		return err
	}
	build := thisBuild()
	m.printf("# Measured on %s\n\n| | |\n|---|---|\n", time.Now().UTC().Format("2006-01-02 15:04 MST"))
	m.printf("| machine | %d cores, %s/%s |\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	m.printf("| program | %s, commit %s, %s |\n", build.version, build.commit, runtime.Version())
	m.printf("| disk | 4 KiB are written and synced in %.2f ms (median) |\n", milliseconds(synced))
	m.printf("| casinos | HTTPS with keep-alive, durable answers, one idempotency key a bet; no rate limits, no access log |\n")
	m.printf("| players | %d connections, on the same cores as the casino |\n", m.Connections)
	m.goal(binary.Size() < 60e6, "size of the program", "below 60 MB", "%.1f MB", megabytes(binary.Size()))
	return nil
}

// syncSamples is how many writes the disk's speed is taken from.
const syncSamples = 51

// syncTime is how long the disk of a directory takes to write and sync 4 KiB.
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

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func megabytes(n int64) float64 { return float64(n) / 1e6 }
