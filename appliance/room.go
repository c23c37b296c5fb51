package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"imperio/appliance/ops"
)

// A start writes: a new segment of the log, and what a crash has left for the next checkpoint. On a full disk it would
// fail, and so would the next one, until the supervisor gives up. So a start on a full disk waits.
const (
	startRoom = 16 << 20        // bytes that must be free; also the least --disk-reserve
	roomLook  = time.Second     // between two looks
	roomTold  = 5 * time.Minute // between two lines in the log
)

// awaitRoom returns once the disk has room for a start. Meanwhile the operator's listener says what the casino waits for.
func (a *App) awaitRoom(ctx context.Context) error {
	if a.hasRoom() {
		return nil
	}
	health := ops.NewHealth(ops.HealthOptions{Version: a.version})
	defer health.Close()
	check := ops.StartRoomCheck(a.space, startRoom)
	health.Add(check)
	// A socket that the process was started with must stay open for the casino itself.
	l, err := a.listenForOps(ctx)
	if err != nil {
		return err
	}
	if l != nil {
		s := a.opsServer(l, nil, health)
		var owned group
		owned.run(func() { s.serve() }) // ends with ErrServerClosed
		defer owned.wait()
		defer s.http.Close()
	}
	defer a.progress(0, func() (string, uint64) { return "the disk is full: waiting for room to start", 0 })()
	look, tell := time.NewTicker(roomLook), time.NewTicker(roomTold)
	defer look.Stop()
	defer tell.Stop()
	a.tellFull()
	result, _ := check.Run(ctx)
	a.alarms.HealthChanged(check.Name, ops.Healthy, result.Status, result.Detail)
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for room on the disk: %w", ctx.Err())
		case <-tell.C:
			a.tellFull()
		case <-look.C:
			if a.hasRoom() {
				a.log.Info("there is room on the disk: the casino starts", "directory", a.config.Data.Dir)
				a.gate.Look()
				a.alarms.HealthChanged(check.Name, result.Status, ops.Healthy, "there is room on the disk: the casino starts")
				return nil
			}
		}
	}
}

func (a *App) tellFull() {
	free, _, err := a.space()
	if err != nil {
		free = 0
	}
	a.log.Error("the disk is full. The casino waits, and starts by itself once there is room. Free some space on the disk of the data directory. Nothing that was answered is lost",
		"directory", a.config.Data.Dir, "free_bytes", free, "needed_bytes", startRoom)
}

// hasRoom reports whether a start finds room. It also writes as much for a moment, since a quota does not show in the
// free space. Whatever else is wrong with the disk, the start itself says better.
func (a *App) hasRoom() bool {
	if free, _, err := a.space(); err == nil && free < startRoom {
		return false
	}
	err := tryRoom(a.config.Data.Dir, startRoom)
	return !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT)
}

// tryRoom writes a file without a name and lets go of it.
func tryRoom(dir string, size int) (err error) {
	f, err := os.CreateTemp(dir, "room-*.new")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	zeroes := make([]byte, 1<<20)
	for written := 0; written < size && err == nil; written += len(zeroes) {
		_, err = f.Write(zeroes)
	}
	return err
}
