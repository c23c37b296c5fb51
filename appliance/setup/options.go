package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"imperio/appliance/config"
)

// The places of what is installed. The .deb has the program in packagedProgram and the units in packagedUnits instead.
const (
	InstalledProgram = "/usr/local/bin/imperio"
	unitDir          = "/etc/systemd/system"
	configDir        = "/etc/imperio"
	packagedProgram  = "/usr/bin/imperio"
	packagedUnits    = "/lib/systemd/system"
	user             = "imperio"
	service          = "imperio.service"
	socket           = "imperio.socket"
)

// Options say what to install, and how.
type Options struct {
	Program string    // path of the program to install: that of this process
	Version string    // its version
	Set     []Setting // what the configuration must say, in order
	// Operator is the name of the first operator; "": none is made.
	Operator string
	NoStart  bool
	DryRun   bool
	// Patience bounds the wait for the casino to be ready.
	Patience time.Duration
	Casino   Casino
	// Tell is called with each step when it is done.
	Tell func(Step)
}

// Setting is one line of the configuration's file.
type Setting struct{ Name, Value string } // Name is that of a variable, such as IMPERIO_DOMAIN

// Casino is what installing needs of a running casino. All methods get its configuration.
type Casino interface {
	// Check returns what a start with the configuration would fail with, beside addresses that are in use.
	Check(ctx context.Context, c *config.Config) error
	// Ready returns nil if the casino serves players.
	Ready(ctx context.Context, c *config.Config) error
	// HasOperator says whether any account is one of an operator.
	HasOperator(ctx context.Context, c *config.Config) (bool, error)
	// OpenOperator opens an operator's account, and returns a link with which its owner sets the password, once.
	OpenOperator(ctx context.Context, c *config.Config, name string) (link string, until time.Time, err error)
}

// Step is one thing that was done, or that needed nothing to be done.
type Step struct {
	State State  `json:"state"`
	Name  string `json:"step"`
	Text  string `json:"text"`
}

// State says what became of a step.
type State string

// The states of a step.
const (
	Done      State = "done"
	Unchanged State = "unchanged" // it was as it should be
	Planned   State = "would"     // a dry run would do it
	Fine      State = "ok"        // a check that found nothing
	Warning   State = "warning"   // a check found what only the operator can judge
	Next      State = "next"      // for the operator to do
)

// host is the machine. Tests have one of their own.
type host struct {
	root string // before all paths; "" on the machine itself
	run  func(ctx context.Context, name string, args ...string) (string, error)
	uid  int // of this process
}

func thisHost() *host { return &host{run: runCommand, uid: os.Getuid()} }

func (h *host) path(name string) string {
	if h.root == "" {
		return name
	}
	return filepath.Join(h.root, name)
}

// exists says whether a path is there. One that can't be looked at is.
func (h *host) exists(name string) bool {
	_, err := os.Lstat(h.path(name))
	return !errors.Is(err, os.ErrNotExist)
}

// runCommand runs a program and returns what it wrote to its output. The error has what it wrote to its error output.
func runCommand(ctx context.Context, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0")
	var said, complained strings.Builder
	command.Stdout, command.Stderr = &said, &complained
	err := command.Run()
	if err != nil {
		err = fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
		if text := strings.TrimSpace(complained.String()); text != "" {
			err = fmt.Errorf("%w: %s", err, text)
		}
	}
	return strings.TrimSpace(said.String()), err
}

// work is one run of Install or Uninstall.
type work struct {
	Options
	*host
	dir      string // the data directory
	streams  bool   // the socket unit has addresses
	packaged bool   // a package has brought the program and the units
	changed  bool   // anything was changed, or would be
}

// installed is the path of the program that the service runs, and units the directory of its units.
func (w *work) installed() (program, units string) {
	if w.packaged {
		return packagedProgram, packagedUnits
	}
	return InstalledProgram, unitDir
}

func (w *work) tell(state State, name, format string, args ...any) {
	w.Tell(Step{State: state, Name: name, Text: fmt.Sprintf(format, args...)})
}

// change does something that is needed, and tells it. A dry run only tells it. The text says what is made, not that it was.
func (w *work) change(name, text string, do func() error) error {
	w.changed = true
	if w.DryRun {
		w.tell(Planned, name, "%s", text)
		return nil
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	w.tell(Done, name, "%s", text)
	return nil
}
