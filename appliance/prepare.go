package appliance

import (
	"imperio/appliance/api"
	"imperio/appliance/edge"
	"imperio/appliance/web"
)

// prepared is what a start computes from nothing but the program itself. It takes as long as opening a small casino, so it is done
// meanwhile: clients may be waiting for the end of a restart.
type prepared struct {
	pages   func() (*edge.Static, error) // compressed
	returns func() map[string]float64    // the exact returns, by rules
}

// prepare begins the work. The results wait for it.
func (a *App) prepare() {
	pages, returns := make(chan struct{}), make(chan struct{})
	var static *edge.Static
	var err error
	var exact map[string]float64
	go func() {
		defer close(pages)
		files, failed := web.Files(api.Description(), a.origin())
		if failed != nil {
			err = failed
			return
		}
		static, err = edge.NewStatic(web.Assets(), files)
	}()
	go func() {
		defer close(returns)
		exact = theoreticalReturns(a.games)
	}()
	a.prepared.pages = func() (*edge.Static, error) { <-pages; return static, err }
	a.prepared.returns = func() map[string]float64 { <-returns; return exact }
	// A start that fails waits as well, so that nothing is left behind.
	a.cleanups.add("preparations", func() error { <-pages; <-returns; return nil })
}

// origin is the public address that pages name, or empty without a domain: an address of this machine means nothing elsewhere.
func (a *App) origin() string {
	if len(a.config.Listen.Domains) == 0 {
		return ""
	}
	return configuredURL(&a.config)
}
