package campaign

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"imperio/appliance/bench"
	"imperio/appliance/config"
)

// memoryLimits are the values of --memory, in MiB; 0: none, so the default applies.
var memoryLimits = []config.ByteSize{128 << 20, 256 << 20, 512 << 20, 0}

// measureMemory plays with many players in casinos with little memory, and reads their peak memory.
func (m *campaign) measureMemory(ctx context.Context) error {
	m.printf("\n## Memory by its limit\n\nOwn: heap and stacks, the most of readings every %s during play. Pages of files are not counted: the system takes them back where it needs them.\n\n"+
		"| accounts | players | `--memory` | a second | p99 ms | own |\n|---:|---:|---:|---:|---:|---:|\n", memoryReadings)
	var played []*bench.Report
	for _, of := range []*populated{&m.some, &m.many} {
		limits := memoryLimits
		if m.quick {
			limits = limits[len(limits)-2:] // one, and none
		}
		for _, limit := range limits {
			r, err := m.measureMemoryOf(ctx, of, limit)
			if err != nil {
				return err
			}
			played = append(played, r)
		}
	}
	for _, r := range played {
		m.note(r)
	}
	return nil
}

// memoryReadings is the time between two readings.
const memoryReadings = 50 * time.Millisecond

func (m *campaign) measureMemoryOf(ctx context.Context, of *populated, limit config.ByteSize) (r *bench.Report, err error) {
	if err := m.make(ctx, of); err != nil { // without the limit
		return nil, err
	}
	program := m.program
	defer func() { m.program = program }()
	m.program.Environ = append(slices.Clone(program.Environ), config.EnvPrefix+"MEMORY="+limit.String())
	err = m.withCasino(ctx, of, func(c *casino) error {
		players := of.playing(m.playing)
		reading, stop := context.WithCancel(ctx)
		most, read := int64(0), make(chan error, 1)
		go func() {
			var err error
			for err == nil {
				var use memoryUse
				if use, err = memoryOf(c.Process.Pid); err == nil {
					most = max(most, use.anonymous)
					err = pause(reading, memoryReadings)
				}
			}
			read <- err
		}()
		r, err = bench.Run(ctx, m.play(c, players))
		stop()
		if ended := <-read; !errors.Is(ended, context.Canceled) {
			err = errors.Join(err, ended)
		}
		if err != nil {
			return err
		}
		shown, allowed := limit.String(), int64(limit)
		if limit == 0 {
			shown, allowed = "–", 1<<30
		}
		m.printf("| %d | %d | %s | %.0f | %.1f | %.0f MB |\n", of.accounts, len(players), shown, r.Casino.RequestsPerSecond, r.Casino.Latency.P99, megabytes(most))
		m.goal(most < allowed, fmt.Sprintf("own memory, %d accounts, %d players", of.accounts, len(players)), fmt.Sprintf("below %.0f MB", megabytes(allowed)), "%.0f MB", megabytes(most))
		return nil
	})
	return r, err
}
