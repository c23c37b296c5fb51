package appliance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"imperio/appliance/config"
	"imperio/appliance/edge"
	"imperio/appliance/problem"
	"imperio/appliance/web"
)

// openEdge makes the edge, which every request passes before it reaches a handler.
func (a *App) openEdge(context.Context) (err error) {
	if a.pages, err = edge.NewStatic(web.Assets(), web.Files()); err != nil {
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
		err = a.serveOn("http", plain, handler, false)
	} else {
		err = errors.Join(
			a.serveOn("https", a.config.Listen.HTTPSAddr, handler, true),
			a.serveOn("redirects to https", plain, http.HandlerFunc(a.challengeOrRedirect), false))
	}
	return errors.Join(err, a.listenOps(ctx), a.listenControl(ctx))
}

// challengeOrRedirect answers on the plain listener while TLS is on.
func (a *App) challengeOrRedirect(w http.ResponseWriter, r *http.Request) {
	a.certs.HTTPHandler(redirect(a.config.Listen.HTTPSAddr)).ServeHTTP(w, r)
}

// serveOn opens a listener for a handler behind the edge. With an empty address it does nothing.
func (a *App) serveOn(name, address string, handler http.Handler, tls bool) error {
	if address == "" {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for %s: %w. Is another server running at this address? Choose another one", name, err)
	}
	s := &server{name: name, http: a.edge.Server(handler), on: a.edge.Listener(l), tls: tls}
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
	o.CORSOrigins = c.Access.CORSOrigins
	o.Compression = bool(c.Listen.Compression)
	o.MaxConnections, o.MaxConnectionsPerAddress = int(c.Limits.Connections), int(c.Limits.ConnectionsPerAddress)
	if o.MaxConnections > 0 {
		o.MaxConnections = min(o.MaxConnections, a.memory.Connections)
	}
	if !c.Limits.On {
		o = o.Unlimited()
	} else {
		o.Zones = zones(c.Limits)
	}
	o.Uncounted = func(r *http.Request) bool { return a.pages.Has(r.URL.Path) }
	o.ErrorPage = errorPage
	o.Observer = a.metrics
	o.Log = a.log
	if c.Logs.AccessLog {
		o.AccessLog = newLog(c.Logs, a.accessLogs).Handler()
	}
	return o
}

// errorPage is the house's own page of an error.
func errorPage(p problem.Document, acceptLanguage string) (page []byte, policy string) {
	e := web.Error{Status: p.Status, Code: p.Code, Wait: p.RetryAfter, RequestID: p.RequestID}
	return web.ErrorPage(e, acceptLanguage), web.ErrorPolicy
}

// redirect sends clients to the same address over HTTPS, with 301 for reads, and 308 for other methods, which must not change.
func redirect(httpsAddr string) http.Handler {
	_, port, _ := net.SplitHostPort(httpsAddr)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if host == "" || strings.ContainsAny(host, "/\\@") {
			edge.WriteProblem(w, r, problem.NewDocument("bad_request", "The Host header is missing or malformed."))
			return
		}
		if port != "" && port != "443" {
			host = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
		status := http.StatusPermanentRedirect
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			status = http.StatusMovedPermanently
		}
		http.Redirect(w, r, "https://"+host+r.URL.RequestURI(), status)
	})
}
