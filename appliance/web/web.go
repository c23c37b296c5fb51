// Package web holds the players' pages: style sheets, ES modules, pictures and words, as plain files. There is no build
// step: browsers get the files in static/assets as they are. The edge serves them, with versioned addresses, compression
// and headers.
//
// Every page is the same small shell, static/page.html.tmpl, with its own title, description and list of modules to
// preload; static/assets/js/app/routes.js draws the rest.
package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"strings"
)

// Modules only: files for the type checker lie beside some of them.
//
//go:embed static/*.css static/*.tmpl static/assets/css static/assets/font static/assets/i18n static/assets/img
//go:embed static/assets/js/*/*.js static/assets/js/*/*/*.js static/assets/js/vendor/*.txt static/root
var static embed.FS

var shell = template.Must(template.ParseFS(static, "static/page.html.tmpl"))

// Files returns the pages by their names: "index.html" is the lobby, "rules/slots.html" is /rules/slots, "404.html" is for
// missing pages, "api.html" shows description, which is openapi.yaml. They refer to assets as /assets/…. With them come the
// files of static/root, which have addresses of their own: the manifest, icons, and the service worker with its page.
//
// origin is the casino's public address, such as https://casino.example, for previews of pages elsewhere. It is empty where the
// casino has no domain: pages are made before anybody asks for them, so they can't know by which host they will be asked.
func Files(description []byte, origin string) (map[string][]byte, error) {
	page, err := apiPage(description)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"api.html": page, "offline.html": offlinePage()}
	for _, file := range rootFiles() {
		if files[file], err = fs.ReadFile(static, "static/root/"+file); err != nil {
			return nil, fmt.Errorf("read a file of the root: %w", err)
		}
	}
	for _, p := range append(Pages(), Missing()) {
		var page bytes.Buffer
		modules, err := preloads(p.Module)
		if err == nil {
			err = shell.Execute(&page, map[string]any{"Title": p.Title, "Description": p.Description, "Modules": modules,
				"Origin": origin, "Path": p.Path})
		}
		if err != nil {
			panic("web: " + err.Error()) // the shell, the pages and their modules are constant
		}
		name := strings.TrimPrefix(p.Path, "/")
		if name == "" {
			name = "index"
		}
		files[name+".html"] = page.Bytes()
	}
	return files, nil
}

// rootFiles names the files at the root of the site.
func rootFiles() []string {
	entries, err := fs.ReadDir(static, "static/root")
	if err != nil {
		panic("web: " + err.Error()) // it is embedded
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// offlinePage is what the service worker shows while the casino can't be reached, in all languages: the page keeps the reader's.
func offlinePage() []byte {
	type part struct{ Language, Title, Text, Again string }
	var parts []part
	for i, l := range languages {
		in := errorParts().words[i]
		parts = append(parts, part{l, in["offline.title"], in["offline.text"], in["action.again"]})
	}
	var page bytes.Buffer
	if err := template.Must(template.ParseFS(static, "static/offline.html.tmpl")).Execute(&page, parts); err != nil {
		panic("web: " + err.Error()) // the template and the words are constant
	}
	return page.Bytes()
}

// sheets are the style sheets of all pages, in the order in which they apply. Browsers get them as one, css/imperio.css.
var sheets = []string{"tokens", "base", "frame", "chips", "game", "beside", "charts", "pages", "seasons", "slots",
	"roulette", "roulette-wheel", "roulette-cloth", "roulette-calls", "roulette-panel", "blackjack"}

// Assets returns everything that pages load, by names such as "js/app/start.js". The files refer to each other by relative
// paths, so they must be served from one directory, at any address.
func Assets() map[string][]byte {
	assets := make(map[string][]byte)
	err := fs.WalkDir(static, "static/assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		assets[strings.TrimPrefix(name, "static/assets/")], err = fs.ReadFile(static, name)
		return err
	})
	if err != nil {
		panic("web: " + err.Error()) // embedded files can be read
	}
	var all [][]byte
	for _, sheet := range sheets {
		name := "css/" + sheet + ".css"
		all = append(all, assets[name])
		delete(assets, name)
	}
	assets["css/imperio.css"] = bytes.Join(all, nil)
	return assets
}

// Page is one page of the players.
type Page struct {
	Path        string // its address, e.g. "/slots"
	Title       string // shown until the page knows the player's language
	Description string // for search engines and previews; empty: none of them shows the page
	Module      string // what draws it, below assets/js; as in app/routes.js
}

// Missing is the page for missing pages. It has no address of its own.
func Missing() Page { return Page{"/404", "Nothing here", "", ""} }

// Pages lists all pages.
func Pages() []Page {
	return []Page{
		{"/", "Lobby", "Slots, roulette and blackjack for play money. Every round can be proved.", "pages/lobby.js"},
		{"/slots", "Slots", "Cherry Charm: three reels, one line, an open pay table.", "games/slots/view.js"},
		{"/roulette", "Roulette", "European roulette with one zero, a full table and a racetrack.", "games/roulette/view.js"},
		{"/blackjack", "Blackjack", "Blackjack with six decks, 3 to 2, insurance and late surrender.", "games/blackjack/view.js"},
		{"/wallet", "Wallet", "Balance, statistics and transfers.", "pages/wallet.js"},
		{"/history", "History", "Your rounds, each with its proof.", "pages/history.js"},
		{"/fairness", "Fairness", "Commitments, seeds, and the proof of every round, computed in your browser.", "pages/fairness.js"},
		{"/account", "Account", "Password, e-mail address, sessions, tokens, and your data.", "pages/account.js"},
		{"/profile", "Profile", "Your picture, the name that others see, and what you have reached.", "pages/profile.js"},
		{"/seasons", "Seasons", "The boards of those who take part. Every figure leads to its proof.", "pages/seasons.js"},
		{"/seasons/player", "A season, round by round", "The rounds behind a figure on a board, each with its proof.", "pages/season-player.js"},
		{"/rules", "Rules", "The rules of all games, with exact returns.", "pages/rules.js"},
		{"/rules/slots", "Rules of slots", "Pay table, reels and exact return of Cherry Charm.", "pages/rules.js"},
		{"/rules/roulette", "Rules of roulette", "Bets, pays and exact returns of roulette.", "pages/rules.js"},
		{"/rules/blackjack", "Rules of blackjack", "Rules, pays and the return of blackjack.", "pages/rules.js"},
		{"/responsible-play", "Responsible play", "Limits, reality checks and exclusion.", "pages/responsible.js"},
		{"/sign-in", "Sign in", "Sign in to Imperio.", "pages/sign-in.js"},
		{"/sign-up", "Sign up", "An account takes a name, an address and a password.", "pages/sign-up.js"},
		{"/reset-password", "A new password", "", "pages/reset-password.js"},
	}
}
