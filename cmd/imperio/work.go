package main

import (
	"fmt"
	"time"

	"imperio/appliance/terminal"
)

// work shows how far long work is, with its rate and the time left. Its phases follow one another.
type work struct {
	progress *terminal.Progress
	phase    string
	began    time.Time
}

func newWork(env *environment) *work { return &work{progress: terminal.NewProgress(env.Stderr)} }

// phases says how the phases are called to people, and whether they count bytes.
var phases = map[string]struct {
	label, unit string
	bytes       bool
}{
	"state":           {"writing the state", "", true},
	"replay":          {"replaying the log", "entries", false},
	"after":           {"counting what came after", "entries", false},
	"accounts":        {"renewing accounts", "accounts", false},
	"audit":           {"auditing", "events", false},
	"names":           {"reading names", "rows", false},
	"plan":            {"planning", "rows", false},
	"import":          {"importing", "rows", false},
	"compare":         {"comparing", "rows", false},
	"export accounts": {"writing accounts", "accounts", false},
	"export events":   {"reading the history", "events", false},
}

func (w *work) show(phase string, done, total int64) {
	if phase != w.phase {
		w.phase, w.began = phase, time.Now()
	}
	p := phases[phase]
	label := p.label
	if label == "" {
		label = phase
	}
	w.progress.Show(label, done, total, workRate(done, total, time.Since(w.began), p.bytes, p.unit))
}

func (w *work) end() { w.progress.End() }

// workRate is how fast work goes, and how long the rest takes; "" until that can be told.
func workRate(done, total int64, took time.Duration, bytes bool, unit string) string {
	if done <= 0 || took < time.Second {
		return ""
	}
	perSecond := float64(done) / took.Seconds()
	left := time.Duration(float64(total-done) / perSecond * float64(time.Second)).Round(time.Second)
	if bytes {
		return fmt.Sprintf("%s/s, %s left", sizeText(int64(perSecond)), left)
	}
	return fmt.Sprintf("%.0f %s/s, %s left", perSecond, unit, left)
}
