package terminal

import (
	"fmt"
	"io"
	"strings"
)

// Progress tells how far long work is. On a terminal it redraws one line. Elsewhere it writes a plain line for each tenth of the
// work. Its methods must be called from one goroutine at a time. The zero value, and one without a writer, tells nothing.
type Progress struct {
	w        io.Writer
	terminal bool
	label    string
	percent  int64 // the last one told; -1: none
	width    int   // of the line on the terminal
}

// NewProgress makes a Progress that writes to w; nil: it tells nothing.
func NewProgress(w io.Writer) *Progress { return &Progress{w: w, terminal: Is(w), percent: -1} }

// Show tells that a part of the work is done. Work with another label begins a new line. note may be empty.
func (p *Progress) Show(label string, done, of int64, note string) {
	if p.w == nil || of <= 0 {
		return
	}
	if label != p.label {
		p.End()
		p.label = label
	}
	percent := 100 * done / of
	if !p.terminal {
		percent -= percent % 10
	}
	if percent <= p.percent {
		return
	}
	p.percent = percent
	if note != "" {
		note = " " + note
	}
	if !p.terminal {
		fmt.Fprintf(p.w, "%s: %d %%%s\n", label, percent, note)
		return
	}
	const width = 40
	filled := int(percent) * width / 100
	line := fmt.Sprintf("%s [%s%s] %3d %%%s", label, strings.Repeat("#", filled), strings.Repeat(".", width-filled), percent, note)
	fmt.Fprintf(p.w, "\r%s%s", line, strings.Repeat(" ", max(0, p.width-len(line)))) // over what is left of a longer line
	p.width = len(line)
}

// End ends the line, if one is drawn.
func (p *Progress) End() {
	if p.terminal && p.percent >= 0 {
		fmt.Fprintln(p.w)
	}
	p.percent, p.width = -1, 0
}
