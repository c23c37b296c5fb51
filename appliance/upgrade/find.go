package upgrade

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"imperio/appliance/control"
)

// usualUnit is the unit that an installation makes.
const usualUnit = "imperio.service"

// Find finds out which program the casino on a data directory runs, and who restarts it. installed is the program's path, or ""
// to find that as well. If the casino is down, it is this program's own, self, if an upgrade has left something beside that.
// socket and sudoUser are as for NewClient.
func Find(ctx context.Context, dataDir, socket, installed, self, sudoUser string) (Options, error) {
	c := NewClient(dataDir, socket, sudoUser)
	o := Options{Installed: installed, DataDir: dataDir, Casino: c}
	pid := pidOf(c.socket)
	s := &systemd{unit: usualUnit}
	if pid != 0 {
		s.unit = unitOf(ctx, pid)
	}
	unitProgram := ""
	if s.unit != "" {
		unitProgram = s.program(ctx)
	}
	if o.Installed == "" {
		o.Installed = unitProgram
	}
	if o.Installed == "" && pid != 0 {
		o.Installed = programOf(pid)
	}
	if _, err := os.Lstat(self + previousSuffix); o.Installed == "" && err == nil {
		o.Installed = self
	}
	if o.Installed == "" {
		return o, fmt.Errorf("which program the casino runs can't be told, since none answers on %s. Name it with --installed, such as /usr/local/bin/imperio", c.socket)
	}
	var err error
	if o.Installed, err = filepath.Abs(o.Installed); err != nil {
		return o, err
	}
	if o.Installed == unitProgram {
		o.Manager = s
		return o, nil
	}
	if pid != 0 && s.unit != "" {
		return o, fmt.Errorf("the unit %s runs %s, and not %s. Name that one with --installed", s.unit, unitProgram, o.Installed)
	}
	if running := programOf(pid); pid != 0 && running != "" && running != o.Installed {
		return o, fmt.Errorf("the casino runs %s, and not %s. Name that one with --installed, or start the casino from it", running, o.Installed)
	}
	alone := &alone{casino: c, ask: c.restart, find: func() int { return pidOf(c.socket) }}
	o.Manager = alone
	return o, alone.hold()
}

// restart asks the casino to become another program.
func (c *Client) restart(ctx context.Context, program string) (Launch, error) {
	r, err := call(ctx, c, control.Restart, control.RestartRequest{Binary: program})
	return Launch{PID: r.PID, Args: r.Args, Environ: r.Environ, Dir: r.Dir}, err
}
