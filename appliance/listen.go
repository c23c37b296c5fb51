package appliance

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"imperio/appliance/config"
	"imperio/appliance/edge"
	"imperio/appliance/legacy"
	"imperio/appliance/problem"
	"imperio/appliance/web"
)

// openEdge makes the edge, which every request passes before it reaches a handler.
func (a *App) openEdge(context.Context) (err error) {
	if a.pages, err = a.prepared.pages(); err != nil {
		return fmt.Errorf("read the players' pages: %w", err)
	}
	a.edge, err = edge.New(a.edgeOptions())
	return err
}

// openListeners opens all listeners. Certificates come after them, since an ACME issuer connects to them.
func (a *App) openListeners(ctx context.Context) error {
	plain, handler := a.config.Listen.HTTPAddr, a.handler()
	var err error
	if a.config.TLS.Mode == config.TLSOff {
		err = a.serveOn(ctx, address{"http", "http-addr", plain}, handler, false)
	} else {
		err = errors.Join(
			a.serveOn(ctx, address{"https", "https-addr", a.config.Listen.HTTPSAddr}, handler, true),
			a.serveOn(ctx, address{"redirects to https", "http-addr", plain}, http.HandlerFunc(a.challengeOrRedirect), false))
	}
	return errors.Join(err, a.listenOps(ctx), a.listenControl(ctx))
}

// challengeOrRedirect answers on the plain listener while TLS is on.
func (a *App) challengeOrRedirect(w http.ResponseWriter, r *http.Request) {
	a.certs.HTTPHandler(http.HandlerFunc(a.redirect)).ServeHTTP(w, r)
}

// serveOn opens a listener for a handler behind the edge. With an empty address it does nothing.
func (a *App) serveOn(ctx context.Context, at address, handler http.Handler, tls bool) error {
	if at.at == "" {
		return nil
	}
	l, err := a.listen(ctx, at)
	if err != nil {
		return err
	}
	s := &server{name: at.what, socket: socket{l, at.at}, http: a.edge.Server(handler), on: a.edge.Listener(l), tls: tls}
	a.addServer(s)
	return nil
}

// addServer adds a server for Run.
func (a *App) addServer(s *server) {
	a.servers = append(a.servers, s)
	a.cleanups.add(s.name, func() error {
		s.on.Close() // already closed if the server ran
		return nil
	})
}

func (a *App) edgeOptions() edge.Options {
	c := a.config
	o := edge.DefaultOptions()
	o.HeaderTimeout, o.BodyTimeout = c.Listen.ReadTimeout, c.Listen.ReadTimeout
	o.IdleTimeout, o.WriteTimeout = c.Listen.IdleTimeout, c.Listen.WriteTimeout
	o.TrustedProxies, o.ProxyProtocol = c.Listen.TrustedProxies, bool(c.Listen.ProxyProtocol)
	o.HSTS = hsts(c.TLS.HSTS)
	o.Compression = bool(c.Listen.Compression)
	o.Settings = a.edgeSettings(a.inForce.Load())
	o.Uncounted = func(r *http.Request) bool { return a.pages.Has(r.URL.Path) }
	o.ErrorPage = errorPage
	o.Observer = a.metrics
	o.Log = a.log
	return o
}

// edgeSettings are what a reload can change at the edge.
func (a *App) edgeSettings(c *config.Config) edge.Settings {
	s := edge.Settings{
		MaxConnections: int(c.Limits.Connections), MaxConnectionsPerAddress: int(c.Limits.ConnectionsPerAddress),
		Zones: zones(c.Limits), CORSOrigins: c.Access.CORSOrigins,
	}
	if s.MaxConnections > 0 {
		s.MaxConnections = min(s.MaxConnections, a.memory.Connections)
	}
	if c.Legacy.On {
		s.Older = edge.Older{Paths: legacy.Paths(), Origins: c.Legacy.Origins()}
		countOlderSpins(s.Zones)
	}
	if !c.Limits.On {
		s = s.Unlimited()
	}
	if c.Logs.AccessLog {
		s.AccessLog = newLog(c.Logs.Format, &a.level, a.accessLogs).Handler()
	}
	return s
}

// errorPage is the house's own page of an error.
func errorPage(p problem.Document, acceptLanguage string) (page []byte, policy string) {
	e := web.Error{Status: p.Status, Code: p.Code, Wait: p.RetryAfter, RequestID: p.RequestID}
	return web.ErrorPage(e, acceptLanguage), web.ErrorPolicy
}
