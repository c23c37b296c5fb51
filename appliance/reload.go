package appliance

import (
	"context"
	"errors"

	"imperio/appliance/config"
	"imperio/appliance/control"
	"imperio/appliance/problem"
	"imperio/tls/certs"
)

// Reload reads all sources of the configuration again. If anything is wrong, nothing changes. Else all changes that need no restart
// are applied, and the others are listed. The files of certificates are read again in any case. It says in the log what it has
// done. It is safe for concurrent use; an App that New has made can reload before Run, too.
func (a *App) Reload(context.Context) (control.Reloaded, error) {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	if a.stopping.Load() {
		return control.Reloaded{}, problem.New("unavailable", "The casino is stopping. Its next start reads the configuration.")
	}
	if a.reload == nil {
		return control.Reloaded{}, problem.New("unavailable", "This casino can't read its configuration again. Restart it.")
	}
	a.supervisor.Reloading("reading the configuration again")
	defer a.tellReady()
	a.log.Debug("reading the configuration again")
	next, err := a.reload()
	var done control.Reloaded
	if err == nil {
		done, err = a.apply(next)
	}
	if err != nil {
		done = control.Reloaded{Problems: mistakes(err)}
	}
	a.tellReload(&done)
	return done, nil
}

// apply makes a valid configuration the one in force, as far as that needs no restart. An error changes nothing.
func (a *App) apply(next *config.Loaded) (done control.Reloaded, err error) {
	now := a.inForce.Load()
	for _, d := range config.Differences(now, &next.Config) {
		change := control.Change{Key: d.Key, From: d.From, To: d.To, Source: next.Sources[d.Key]}
		if d.Reload {
			done.Applied = append(done.Applied, change)
		} else {
			done.Restart = append(done.Restart, change)
		}
	}
	c := now.Reloaded(&next.Config)
	if err := c.Validate(); err != nil {
		// next is right, but its values fit only to each other: limits=off with an address that is on loopback only after the restart.
		done.Restart, done.Applied = append(done.Restart, done.Applied...), nil
		done.Reason = "the changes fit only together, and some need a restart"
		return done, nil
	}
	if c.TLS.Mode == config.TLSFiles {
		if err := a.checkCertificates(c); err != nil {
			return done, err
		}
	}
	// The API comes first: what the edge lets through by new settings, the API must know. Both refuse what makes no sense before they
	// change anything.
	settings, offer, before := a.edgeSettings(c), a.offer(c), a.offer(now)
	if err := a.api.Change(offer); err != nil {
		return done, err
	}
	if err := a.edge.Change(settings); err != nil {
		return done, errors.Join(err, a.api.Change(before))
	}
	a.legacy.Change(serveLegacy(c))
	a.level.Set(c.Logs.Level)
	a.inForce.Store(c)
	if a.certs != nil {
		done.CertificatesRead = a.certs.Reload(certs.Files{CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile})
	}
	done.Warnings = c.Warnings()
	return done, nil
}

// tellReload logs what a reload has done.
func (a *App) tellReload(r *control.Reloaded) {
	if len(r.Problems) > 0 {
		for _, p := range r.Problems {
			a.log.Error("the configuration can't be used", "where", p.Where, "problem", p.Message)
		}
		a.log.Error("the configuration was not reloaded: nothing has changed", "problems", len(r.Problems))
		return
	}
	for _, c := range r.Applied {
		a.log.Info("a setting has changed", "key", c.Key, "from", c.From, "to", c.To, "source", c.Source)
	}
	for _, c := range r.Restart {
		a.log.Warn("a setting changes with the next restart", "key", c.Key, "from", c.From, "to", c.To, "source", c.Source)
	}
	for _, warning := range r.Warnings {
		a.log.Warn("the configuration is risky", "warning", warning)
	}
	a.log.Info("the configuration was reloaded", "applied", len(r.Applied), "need_restart", len(r.Restart), "certificate_files_read", r.CertificatesRead)
}

// mistakes lists what an error says is wrong with a configuration.
func mistakes(err error) []control.Mistake {
	problems, ok := errors.AsType[config.Problems](err)
	if !ok {
		return []control.Mistake{{Where: "configuration", Message: err.Error()}}
	}
	list := make([]control.Mistake, len(problems))
	for i, p := range problems {
		list[i] = control.Mistake(p)
	}
	return list
}

// Reload implements control.Server.
func (h house) Reload(ctx context.Context) (control.Reloaded, error) { return h.app.Reload(ctx) }
