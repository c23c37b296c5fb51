package mirror

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// Where players keep a machine busy, a mirror takes what it uses away from them, most of all if PostgreSQL runs on the same machine. So it
// rests between batches then, and lags behind until there is time again. Where nobody plays, or the machine has time left, it never rests.

const (
	// restTimes is how many times as long as a batch took to write the mirror rests after it on a busy machine.
	restTimes = 30
	longRest  = 30 * time.Second
	// spare is the part of the processors' time that a machine has left if it is not busy.
	spare = 0.2
)

// pace says how long to rest. It is for one goroutine.
type pace struct {
	used func() (idle, all uint64, ok bool) // by the processors, since the machine started; ok is false where nobody knows

	idle, all uint64
	head      uint64
}

// after is how long to rest after a batch that took a time to write, where the history ends with the event head now.
func (p *pace) after(took time.Duration, head uint64) time.Duration {
	idle, all, ok := p.used()
	busy := ok && p.all != 0 && float64(idle-p.idle) < spare*float64(all-p.all)
	plays := p.head != 0 && head > p.head
	p.idle, p.all, p.head = idle, all, head
	if !busy || !plays {
		return 0
	}
	return min(restTimes*took, longRest)
}

// processorTime reads what Linux says about all processors of the machine, with other programs.
func processorTime() (idle, all uint64, ok bool) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, false
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	var of [8]uint64 // user, nice, system, idle, waiting for disks, interrupts, their second halves, other machines (proc_stat(5))
	if n, _ := fmt.Sscanf(string(line), "cpu %d %d %d %d %d %d %d %d", &of[0], &of[1], &of[2], &of[3], &of[4], &of[5], &of[6], &of[7]); n != len(of) {
		return 0, 0, false
	}
	for _, t := range of {
		all += t
	}
	return of[3] + of[4], all, true
}
