package appliance

import (
	"context"
	"errors"
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

// Check finds what a start with a valid configuration would fail with: keys, certificates, addresses and the data directory. It
// starts nothing and changes nothing. An address may be in use by the casino that runs on the same data directory, or by the
// service manager, which holds the sockets at the addresses held and passes them to the casino.
func Check(ctx context.Context, c *config.Config, held []string) (found Checked) {
	a := &App{config: *c, log: slog.New(slog.DiscardHandler)}
	problem := func(where string, err error) {
		if err != nil {
			found.Problems = append(found.Problems, control.Mistake{Where: where, Message: err.Error()})
		}
	}
	listening := slices.Clone(held)
	dir := checkDir(c.Data.Dir)
	if errors.Is(dir, errInUse) {
		var addresses []string
		addresses, dir = runningOn(ctx, c.Data.Dir)
		listening = append(listening, addresses...)
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
		if slices.ContainsFunc(listening, func(socket string) bool { return service.Belongs(socket, at.at) }) {
			continue
		}
		err := tryListen(ctx, at)
		if errors.Is(err, fs.ErrPermission) {
			// The service has a right that the user of this check lacks.
			found.Notes = append(found.Notes, at.key+"="+at.at+" could not be tried: only root and the service may listen on ports below 1024. Run this as root to try it")
			continue
		}
		problem(at.key, err)
	}
	if left := slices.DeleteFunc(slices.Clone(held), func(socket string) bool {
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
