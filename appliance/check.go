package appliance

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/appliance/service"
)

// Checked is what a check of a configuration has found.
type Checked struct {
	Problems []control.Mistake `json:"problems"` // a start would fail with these
	Notes    []string          `json:"notes"`    // what could not be checked, and what is allowed but risky
}

// SocketUnit says which sockets the service manager passes to the casino that is checked. The zero value is none.
type SocketUnit struct {
	Addresses []string
	Open      bool // they are open already; else the start of the casino opens them
}

// has says whether a listener with this address gets a socket.
func (u SocketUnit) has(at string) bool {
	return slices.ContainsFunc(u.Addresses, func(socket string) bool { return service.Belongs(socket, at) })
}

// Check finds what a start with a valid configuration would fail with: keys, certificates, addresses and the data directory. It
// starts nothing and changes nothing. An address may be in use by the casino that runs on the same data directory, and by the
// service manager.
func Check(ctx context.Context, c *config.Config, unit SocketUnit) (found Checked) {
	a := &App{config: *c, log: slog.New(slog.DiscardHandler)}
	problem := func(where string, err error) {
		if err != nil {
			found.Problems = append(found.Problems, control.Mistake{Where: where, Message: err.Error()})
		}
	}
	var own []string // addresses of the casino that runs
	dir := checkDir(c.Data.Dir)
	if errors.Is(dir, errInUse) {
		own, dir = runningOn(ctx, c.Data.Dir)
		if dir == nil {
			found.Notes = append(found.Notes, "a casino runs on "+c.Data.Dir+": its data directory and its addresses count as free")
		}
	}
	problem("data-dir", dir)
	problem("encryption-key", a.checkKey())
	problem("tls", a.checkCertificates(c))
	var configured []string
	for _, at := range a.listeners() {
		if at.at == "" {
			continue
		}
		configured = append(configured, at.key+"="+at.at)
		passed := unit.has(at.at)
		if passed && unit.Open || slices.ContainsFunc(own, func(socket string) bool { return service.Belongs(socket, at.at) }) {
			continue
		}
		switch err := tryListen(ctx, at); {
		case !errors.Is(err, fs.ErrPermission):
			problem(at.key, err)
		case passed: // this user may not open it, but the service manager may
		case len(unit.Addresses) > 0:
			problem(at.key, fmt.Errorf("%s is a port below 1024, which only root may open, and imperio.socket doesn't open it for the casino. Run 'imperio install' again, which fits the sockets to the addresses", at.at))
		default:
			found.Notes = append(found.Notes, at.key+"="+at.at+" could not be tried: this user may not listen on ports below 1024. If the casino runs as another one, run this as that user, or as root")
		}
	}
	if at := a.clusterAddress(); !slices.Contains(own, at.at) {
		problem(at.key, tryListen(ctx, at))
	}
	if left := slices.DeleteFunc(slices.Clone(unit.Addresses), func(socket string) bool {
		return slices.ContainsFunc(a.listeners(), func(at address) bool { return at.at != "" && service.Belongs(socket, at.at) })
	}); len(left) > 0 {
		problem("imperio.socket", &UnwantedSocketsError{Unwanted: left, Configured: configured})
	}
	found.Notes = append(found.Notes, c.Warnings()...)
	return found
}

// runningOn asks the casino that runs on a data directory for its addresses. If it doesn't answer, the error says so.
func runningOn(ctx context.Context, dir string) ([]string, error) {
	socket := filepath.Join(dir, SocketFile)
	client, err := control.Dial(ctx, socket)
	if err != nil {
		return nil, noServerError(socket, err, errInUse)
	}
	defer client.Close()
	status, err := control.GetStatus.Call(ctx, client, control.None{})
	return status.Addresses, err
}
