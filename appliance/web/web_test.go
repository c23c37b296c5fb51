package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"image/png"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"imperio/games"
	"imperio/games/catalogue"
)

// pages are all files, with the casino's own description.
func pages(t *testing.T) map[string][]byte {
	t.Helper()
	description, err := os.ReadFile("../api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, err := Files(description, "https://casino.example")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestPages_AreShells(t *testing.T) {
	files := pages(t)
	for name, path := range map[string]string{"index.html": "/", "rules/slots.html": "/rules/slots", "404.html": "/404", "api.html": "/api"} {
		if !bytes.Contains(files[name], []byte(" · Imperio</title>")) {
			t.Errorf("%s is not the page of %s", name, path)
		}
	}
	shown := 0
	for name := range files {
		if strings.HasSuffix(name, ".html") {
			shown++
		}
	}
	if shown != len(Pages())+3 { // with the API, the missing page, and the offline page
		t.Errorf("there are %d pages, want %d", shown, len(Pages())+3)
	}
}

// What a browser needs to install the casino, and other sites to show a preview of its pages.
func TestPages_CanBeInstalledAndShared(t *testing.T) {
	files := pages(t)
	var manifest struct {
		ID, Name, Display string
		Scope             string
		Start             string `json:"start_url"`
		Icons             []struct{ Src, Sizes, Type, Purpose string }
	}
	if err := json.Unmarshal(files["manifest.webmanifest"], &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest.Name != "Imperio" || manifest.Start != "/" || manifest.Scope != "/" || manifest.Display != "standalone" {
		t.Errorf("the manifest says %+v", manifest)
	}
	sizes := map[string]bool{}
	for _, icon := range manifest.Icons {
		picture, err := png.DecodeConfig(bytes.NewReader(files[strings.TrimPrefix(icon.Src, "/")]))
		if err != nil || icon.Sizes != fmt.Sprintf("%dx%d", picture.Width, picture.Height) || icon.Type != "image/png" {
			t.Errorf("%+v is %dx%d: %v", icon, picture.Width, picture.Height, err)
		}
		sizes[icon.Sizes+icon.Purpose] = true
	}
	for _, want := range []string{"192x192", "512x512", "512x512maskable"} {
		if !sizes[want] {
			t.Errorf("there is no icon of %s", want)
		}
	}
	if size := len(files["preview.png"]); size == 0 || size > 100_000 {
		t.Errorf("the preview has %d bytes", size)
	}
	for _, p := range append(Pages(), Missing()) {
		page := string(files[cmp.Or(strings.TrimPrefix(p.Path, "/"), "index")+".html"])
		for _, want := range []string{`<link rel="manifest" href="/manifest.webmanifest">`, `<link rel="apple-touch-icon" href="/apple-touch-icon.png">`, `<meta name="theme-color"`} {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %s", p.Path, want)
			}
		}
		for _, want := range []string{
			`<meta property="og:url" content="https://casino.example` + p.Path + `">`, `<meta property="og:image" content="https://casino.example/preview.png">`,
			`<meta property="og:title" content="` + p.Title + ` · Imperio">`, `<meta name="twitter:card" content="summary_large_image">`,
			`<meta property="og:description" content="` + p.Description + `">`,
		} {
			if strings.Contains(page, want) != (p.Description != "") {
				t.Errorf("%s: %s: %v, for a page that others may show: %v", p.Path, want, strings.Contains(page, want), p.Description != "")
			}
		}
	}
}

// Without a domain, nobody knows under which address others reach the casino.
func TestPages_WithoutADomainNameNoOrigin(t *testing.T) {
	description, err := os.ReadFile("../api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, err := Files(description, "")
	if err != nil {
		t.Fatal(err)
	}
	if page := string(files["index.html"]); strings.Contains(page, "og:url") || !strings.Contains(page, `<meta property="og:image" content="/preview.png">`) {
		t.Errorf("the lobby says %s", page)
	}
}

// The service worker keeps only what never changes, and what the offline page needs: all of that must be there.
func TestServiceWorker_NamesAssetsThatExist(t *testing.T) {
	worker := string(pages(t)["sw.js"])
	list := regexp.MustCompile(`(?s)NEEDED = \[(.*?)\];`).FindStringSubmatch(worker)
	if list == nil {
		t.Fatal("the worker names nothing")
	}
	names := regexp.MustCompile(`'([a-z]+/[^']+)'`).FindAllStringSubmatch(list[1], -1)
	for i, m := range names {
		if slices.ContainsFunc(names[:i], func(before []string) bool { return before[1] == m[1] }) {
			t.Errorf("the worker names %s twice, which browsers refuse", m[1])
		}
		if Assets()[m[1]] == nil {
			t.Errorf("there is no asset %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`"/assets/([^"]+)"`).FindAllStringSubmatch(string(pages(t)["offline.html"]), -1) {
		if !strings.Contains(list[1], "'"+m[1]+"'") {
			t.Errorf("the offline page needs %s, which the worker does not keep", m[1])
		}
	}
	if len(names) < 4 {
		t.Errorf("the worker names only %v", names)
	}
}

// each calls f with every file that has the extension.
func each(t *testing.T, extension string, f func(name string, content []byte)) {
	t.Helper()
	err := fs.WalkDir(static, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != extension {
			return err
		}
		content, err := fs.ReadFile(static, name)
		if err == nil {
			f(strings.TrimPrefix(name, "static/"), content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The content security policy forbids all of these; a test here says so before a browser does.
func TestFiles_HoldNothingInlineAndNothingForeign(t *testing.T) {
	inline := regexp.MustCompile(`<script(?:>| [^>]*>)[^<]|<style|\sstyle=|\son[a-z]+=|javascript:`)
	foreign := regexp.MustCompile(`(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}`)
	for name, content := range pages(t) {
		if m := inline.Find(content); m != nil {
			t.Errorf("%s: %q is inline", name, m)
		}
	}
	for _, extension := range []string{".tmpl", ".js", ".css", ".svg", ".json"} {
		each(t, extension, func(name string, content []byte) {
			for _, m := range foreign.FindAllString(string(content), -1) {
				if !strings.HasSuffix(m, "//www.w3.org") {
					t.Errorf("%s names another house: %s", name, m)
				}
			}
		})
	}
	each(t, ".js", func(name string, content []byte) {
		if strings.HasPrefix(name, "assets/js/vendor/") {
			return // lit-html: its markup is the constant parts of templates, never a value
		}
		for _, bad := range []string{"innerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"} {
			if bytes.Contains(content, []byte(bad)) {
				t.Errorf("%s uses %s", name, bad)
			}
		}
	})
}

func words(t *testing.T, language string) map[string]string {
	t.Helper()
	var w map[string]string
	if err := json.Unmarshal(Assets()["i18n/"+language+".json"], &w); err != nil {
		t.Fatalf("%s: %v", language, err)
	}
	return w
}

func TestWords_AreCompleteInAllLanguages(t *testing.T) {
	placeholder := regexp.MustCompile(`\{[a-z]+\}`)
	english := words(t, "en")
	for _, language := range []string{"es", "de"} {
		other := words(t, language)
		for key := range other {
			if _, ok := english[key]; !ok {
				t.Errorf("%s: %s is not in English", language, key)
			}
		}
		for key, text := range english {
			translated, ok := other[key]
			if !ok || translated == "" {
				t.Errorf("%s: no words for %s", language, key)
				continue
			}
			want, got := placeholder.FindAllString(text, -1), placeholder.FindAllString(translated, -1)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(want, got) {
				t.Errorf("%s: %s has the placeholders %v, want %v", language, key, got, want)
			}
		}
	}
}

// Pages choose their words by a refusal's code, never by the API's English text.
func TestWords_CoverEveryCodeOfTheAPI(t *testing.T) {
	description, err := os.ReadFile("../api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?s)\n    Code:\n.*?enum: \[(.*?)\]`).FindSubmatch(description)
	if list == nil {
		t.Fatal("the API's description lists no codes")
	}
	english := words(t, "en")
	codes := regexp.MustCompile(`[a-z_]+`).FindAllString(string(list[1]), -1)
	for _, code := range codes {
		if _, ok := english["error."+code]; !ok {
			t.Errorf("there are no words for the code %s", code)
		}
	}
	if len(codes) < 20 {
		t.Errorf("only %d codes were found", len(codes))
	}
}

// Every key that a page names must have words; words that no page names must go.
func TestWords_AreThoseThatThePagesName(t *testing.T) {
	english := words(t, "en")
	literal := regexp.MustCompile(`['"]([a-z_]+\.[a-z0-9_.]+)['"]`)
	called := regexp.MustCompile(`\bt\('([^']+)'`)
	built := regexp.MustCompile("[`']([a-z_.]+\\.[a-z_]*)(?:\\$\\{|'\\)|'\\.|', )|`([a-z]+\\.)\\$\\{")
	used, prefixes := map[string]bool{}, map[string]bool{}
	each(t, ".js", func(name string, content []byte) {
		for _, m := range called.FindAllStringSubmatch(string(content), -1) {
			if _, ok := english[m[1]]; !ok {
				t.Errorf("%s: there are no words for %s", name, m[1])
			}
			used[m[1]] = true
		}
		for _, m := range literal.FindAllStringSubmatch(string(content), -1) {
			used[m[1]] = true
		}
		for _, m := range built.FindAllStringSubmatch(string(content), -1) {
			prefixes[m[1]+m[2]] = true
		}
	})
	for _, made := range []string{"errorpage.go", "web.go"} { // pages that are made here
		source, err := os.ReadFile(made)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"([a-z_]+\.[a-z_]+)"`).FindAllSubmatch(source, -1) {
			used[string(m[1])] = true
		}
	}
	starts := slices.Collect(maps.Keys(prefixes))
	for key := range english {
		// "rules.slots3" is built from the game and a number; "promise.fair.title" from the middle.
		known := used[key] || slices.ContainsFunc(starts, func(p string) bool { return strings.HasSuffix(p, ".") && strings.HasPrefix(key, p) }) ||
			slices.ContainsFunc(starts, func(p string) bool { return len(p) > 4 && strings.HasPrefix(key, p) })
		if !known {
			t.Errorf("no page names %s", key)
		}
	}
}

// Short labels on the tables repeat figures of rules: they must be those that the rules state, in each language.
func TestWords_LabelsHaveTheFiguresOfTheRules(t *testing.T) {
	stated := make(map[string]games.Rule)
	for _, rules := range catalogue.Released().Rules() {
		v, _ := catalogue.Released().Version(rules)
		for _, r := range v.SheetFor(games.Words{}).Text {
			stated[r.ID] = r
		}
	}
	figure := regexp.MustCompile(`[0-9]+`)
	for label, rules := range map[string][]string{
		"blackjack.pays_3_2":  {"blackjack/blackjack"},
		"blackjack.stands_17": {"blackjack/dealer", "blackjack/insurance"},
		"lobby.blackjack":     {"blackjack/blackjack"},
		"roulette.too_many":   {"roulette/bets"},
		"fair.wrong_bets":     {"roulette/bets"},
	} {
		for _, language := range []string{"en", "es", "de"} {
			text := words(t, language)[label]
			var figures []string
			for _, id := range rules {
				figures = append(figures, figure.FindAllString(stated[id].In()[language], -1)...)
			}
			if len(figure.FindAllString(text, -1)) == 0 {
				t.Errorf("%s: %s has no figure: %q", language, label, text)
			}
			for _, f := range figure.FindAllString(text, -1) {
				if !slices.Contains(figures, f) {
					t.Errorf("%s: %s says %s, but its rules have the figures %v", language, label, f, figures)
				}
			}
		}
	}
}

// The rules page of blackjack shows the strategy that the return was computed for.
func TestRules_ShowThePublishedStrategy(t *testing.T) {
	page := Assets()["js/games/blackjack/strategy.js"]
	published, err := os.ReadFile("../../docs/GAMES.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^(?:hard|soft|pair) +[0-9A]+( +[A-Za-z-]){10}$`)
	want, got := line.FindAllString(string(published), -1), line.FindAllString(string(page), -1)
	if len(want) < 20 || !slices.Equal(want, got) {
		t.Errorf("the page shows %d lines, published are %d:\n%s\n\n%s", len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSheets_AreAllServed(t *testing.T) {
	assets := Assets()
	each(t, ".css", func(name string, content []byte) {
		base := strings.TrimSuffix(path.Base(name), ".css")
		_, alone := assets["css/"+base+".css"]
		if !slices.Contains(sheets, base) && !alone && base != "error" {
			t.Errorf("%s is served neither alone nor with the others", name)
		}
		if slices.Contains(sheets, base) && !bytes.Contains(assets["css/imperio.css"], content) {
			t.Errorf("%s is not a part of css/imperio.css", name)
		}
	})
}
