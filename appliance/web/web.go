// Package web holds the players' pages: style sheets, ES modules, pictures and words, as plain files. There is no build
// step: browsers get the files in static/assets as they are. The edge serves them, with versioned addresses, compression
// and headers.
//
// Every page is the same small shell, static/page.html.tmpl, with its own title, description and list of modules to
// preload; static/assets/js/router.js draws the rest.
package web

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"slices"
	"strings"
)

//go:embed static
var static embed.FS

var shell = template.Must(template.ParseFS(static, "static/page.html.tmpl"))

// early are the modules that every page preloads, below assets/js.
var early = []string{"api.js", "store.js", "i18n.js", "dom.js", "icons.js", "frame.js", "router.js", "bets.js", "sound.js", "reality.js", "live.js", "connection.js", "secret.js",
	"games/list.js", "components/figure.js", "components/chip.js", "components/card.js"}

// Files returns the pages by their names: "index.html" is the lobby, "rules/slots.html" is /rules/slots, "404.html" is for
// missing pages, "api.html" shows description, which is openapi.yaml. They refer to assets as /assets/….
func Files(description []byte) (map[string][]byte, error) {
	page, err := apiPage(description)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"api.html": page}
	for _, p := range append(Pages(), Missing()) {
		var page bytes.Buffer
		err := shell.Execute(&page, map[string]any{"Title": p.Title, "Description": p.Description, "Modules": slices.Concat(early, p.Modules)})
		if err != nil {
			panic("web: " + err.Error()) // the shell and the pages are constant
		}
		name := strings.TrimPrefix(p.Path, "/")
		if name == "" {
			name = "index"
		}
		files[name+".html"] = page.Bytes()
	}
	return files, nil
}

// Assets returns everything that pages load. The files refer to each other by relative paths, so they must be served from
// one directory, at any address.
func Assets() fs.FS {
	files, err := fs.Sub(static, "static/assets")
	if err != nil {
		panic("web: " + err.Error()) // the name is constant and valid
	}
	return files
}

// Page is one page of the players.
type Page struct {
	Path        string   // its address, e.g. "/slots"
	Title       string   // shown until the page knows the player's language
	Description string   // for search engines and previews; empty: none of them shows the page
	Modules     []string // to preload, below assets/js
}

// Missing is the page for missing pages. It has no address of its own.
func Missing() Page { return Page{"/404", "Nothing here", "There is nothing at this address.", nil} }

// Pages lists all pages.
func Pages() []Page {
	game := []string{"components/stake.js", "components/shield.js", "components/recent.js", "games/playing.js"}
	with := func(more ...string) []string { return append(append([]string(nil), game...), more...) }
	return []Page{
		{"/", "Lobby", "Slots, roulette and blackjack for play money. Every round can be proved.",
			[]string{"pages/lobby.js", "components/recent.js", "games/wheel-picture.js", "games/roulette/bets.js"}},
		{"/slots", "Slots", "Cherry Charm: three reels, one line, an open pay table.", with("pages/slots.js", "games/drum.js")},
		{"/roulette", "Roulette", "European roulette with one zero, a full table and a racetrack.",
			with("pages/roulette.js", "games/roulette/bets.js", "games/roulette/table.js", "games/roulette/wheel.js", "games/roulette/racetrack.js", "games/wheel-picture.js")},
		{"/blackjack", "Blackjack", "Blackjack with six decks, 3 to 2, insurance and late surrender.", with("pages/blackjack.js", "games/blackjack/felt.js")},
		{"/wallet", "Wallet", "Balance, statistics and transfers.", []string{"pages/wallet.js", "components/list.js", "components/charts.js"}},
		{"/history", "History", "Your rounds, each with its proof.", []string{"pages/history.js", "components/list.js"}},
		{"/fairness", "Fairness", "Commitments, seeds, and the proof of every round, computed in your browser.", []string{"pages/fairness.js", "fair/core.js", "fair/view.js", "fair/saved.js"}},
		{"/account", "Account", "Password, e-mail address, sessions, tokens, and your data.",
			[]string{"pages/account.js", "pages/account/sessions.js", "pages/account/credentials.js", "pages/account/tokens.js", "pages/account/leaving.js", "components/endable.js", "components/form.js"}},
		{"/rules", "Rules", "The rules of all games, with exact returns.", []string{"pages/rules.js"}},
		{"/rules/slots", "Rules of slots", "Pay table, reels and exact return of Cherry Charm.", []string{"pages/rules.js"}},
		{"/rules/roulette", "Rules of roulette", "Bets, pays and exact returns of roulette.", []string{"pages/rules.js"}},
		{"/rules/blackjack", "Rules of blackjack", "Rules, pays and the return of blackjack.", []string{"pages/rules.js"}},
		{"/responsible-play", "Responsible play", "Limits, reality checks and exclusion.", []string{"pages/responsible.js", "components/form.js"}},
		{"/sign-in", "Sign in", "Sign in to Imperio.", []string{"pages/sign-in.js", "components/form.js"}},
		{"/sign-up", "Sign up", "An account takes a name, an address and a password.", []string{"pages/sign-up.js", "components/form.js"}},
		{"/reset-password", "A new password", "", []string{"pages/reset-password.js", "pages/sign-in.js", "components/form.js"}},
	}
}
