package config

import (
	"fmt"
	"net/url"
	"strings"
)

// Legacy says whether the routes of ImperioCasino, the older system, are served, and where its front ends are.
type Legacy struct {
	On Switch `name:"legacy-api" group:"Older front ends" reload:"yes" help:"Whether the routes of ImperioCasino are served, so that its front ends go on working while the house moves. Turn it off once nobody needs them any more."`
	// SlotsURL, BlackjackURL and RouletteURL are where players are sent. Pages of their origins may call the older routes.
	SlotsURL     string `name:"legacy-slots-url" group:"Older front ends" reload:"yes" placeholder:"URL" help:"Address of the older slots page, e.g. https://slots.example. Players get there by /redirect-imperio. Empty: there is none."`
	BlackjackURL string `name:"legacy-blackjack-url" group:"Older front ends" reload:"yes" placeholder:"URL" help:"Address of the older blackjack page. Players get there by /redirect-blackjack. Empty: there is none."`
	RouletteURL  string `name:"legacy-roulette-url" group:"Older front ends" reload:"yes" placeholder:"URL" help:"Address of the older roulette page. Players get there by /redirect-roulette. Empty: there is none."`
}

// frontEnds are the addresses by their keys.
func (l Legacy) frontEnds() [3]struct{ key, url string } {
	return [...]struct{ key, url string }{
		{"legacy-slots-url", l.SlotsURL}, {"legacy-blackjack-url", l.BlackjackURL}, {"legacy-roulette-url", l.RouletteURL},
	}
}

// Origins are those of the older front ends, as browsers write them: in lower case, and without the port that the scheme has
// anyway.
func (l Legacy) Origins() []string {
	var list []string
	for _, f := range l.frontEnds() {
		u, err := url.Parse(f.url)
		if err != nil || f.url == "" {
			continue
		}
		host := strings.ToLower(u.Host)
		if own := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]; own != "" {
			host = strings.TrimSuffix(host, own)
		}
		list = append(list, u.Scheme+"://"+host)
	}
	return list
}

func (v *validator) legacy() {
	for _, f := range v.c.Legacy.frontEnds() {
		u, err := url.Parse(f.url)
		ok := err == nil && isURL(f.url, "http", "https") && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" && u.User == nil
		v.check(f.url == "" || ok, f.key, "%q is not the address of a page: use scheme, host and perhaps a path, such as https://slots.example", f.url)
	}
}

// legacyWarnings tells of settings that have no effect.
func (c *Config) legacyWarnings() (warnings []string) {
	for _, f := range c.Legacy.frontEnds() {
		if f.url != "" && !bool(c.Legacy.On) {
			warnings = append(warnings, fmt.Sprintf("%s: without legacy-api=on, it has no effect", f.key))
		}
	}
	return warnings
}
