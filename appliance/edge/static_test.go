package edge

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// site is a set of files like a casino's.
func site(script string) (assets, files map[string][]byte) {
	return map[string][]byte{
			"js/main.js":       []byte(script),
			"js/dom.js":        []byte("export const h = 1;" + strings.Repeat(" ", 2000)),
			"css/base.css":     []byte("@font-face { src: url(\"../font/x.woff2\") }"),
			"font/x.woff2":     []byte("font"),
			".env":             []byte("secret"),
			".git/config":      []byte("secret"),
			"js/.main.js.swp":  []byte("secret"),
			"img/logo.svg":     []byte("<svg>" + strings.Repeat("<g/>", 500) + "</svg>"),
			"strange.filetype": []byte("?"),
		}, map[string][]byte{
			"index.html":      []byte(`<script type="module" src="/assets/js/main.js"></script><link href='/assets/css/base.css?x#y'><a href="/rules">/assets/</a>`),
			"rules.html":      []byte("<h1>Rules</h1>" + strings.Repeat("<p>Be fair.</p>", 200)),
			"help/index.html": []byte("<h1>Help</h1>"),
			"robots.txt":      []byte("User-agent: *"),
			"sw.js":           []byte("const base = '/assets/'; fetch('/api/'); // '/assets"),
		}
}

func openSite(t testing.TB, script string) (*house, *Static) {
	t.Helper()
	s, err := NewStatic(site(script))
	if err != nil {
		t.Fatal(err)
	}
	return open(t, "http", s, func(o *Options) {
		o.Uncounted = func(r *http.Request) bool { return s.Has(r.URL.Path) }
	}), s
}

func TestStatic_AssetsHaveHashedAddressesThatAreKeptForEver(t *testing.T) {
	h, s := openSite(t, "import './dom.js'")
	for _, name := range []string{"js/main.js", "js/dom.js", "css/base.css", "font/x.woff2"} {
		answer, _ := h.ask(t, "GET", s.URL(name), "")
		if answer.StatusCode != 200 || answer.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || answer.Header.Get("ETag") == "" {
			t.Errorf("%s: %d %v", s.URL(name), answer.StatusCode, answer.Header)
		}
		plain, _ := h.ask(t, "GET", "/assets/"+name, "")
		old, _ := h.ask(t, "GET", "/assets/0123456789abcdef/"+name, "")
		if plain.StatusCode != 200 || plain.Header.Get("Cache-Control") != "no-cache" || old.StatusCode != 200 || old.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s without the version: %d, with an old one: %d", name, plain.StatusCode, old.StatusCode)
		}
	}
	_, other := openSite(t, "import './dom.js' // changed")
	if _, same := openSite(t, "import './dom.js'"); same.Base() != s.Base() || other.Base() == s.Base() {
		t.Errorf("the version follows from something else than the content: %s, %s, %s", s.Base(), same.Base(), other.Base())
	}
}

func TestStatic_PagesNameVersionsAndAreRevalidated(t *testing.T) {
	h, s := openSite(t, "")
	answer, body := h.ask(t, "GET", "/", "")
	if answer.Header.Get("Cache-Control") != "no-cache" || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%v", answer.Header)
	}
	if want := `<script type="module" src="` + s.Base() + `/js/main.js"></script><link href='` + s.Base() + `/css/base.css?x#y'><a href="/rules">/assets/</a>`; body != want {
		t.Errorf("got %s", body)
	}
	for path, want := range map[string]string{"/rules": "<h1>Rules</h1>", "/help": "<h1>Help</h1>", "/robots.txt": "User-agent: *"} {
		if _, body := h.ask(t, "GET", path, ""); !strings.HasPrefix(body, want) {
			t.Errorf("%s: %s", path, body)
		}
	}
	if answer, body := h.ask(t, "GET", "/sw.js", ""); body != "const base = '"+s.Base()+"/'; fetch('/api/'); // '/assets" || answer.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("the worker's script is %q, %v", body, answer.Header)
	}
	again, body := h.ask(t, "GET", "/", "", "If-None-Match", answer.Header.Get("ETag"))
	if again.StatusCode != 304 || body != "" {
		t.Errorf("revalidated: %d %q", again.StatusCode, body)
	}
}

func TestStatic_PagesThatNameMissingAssetsAreRefused(t *testing.T) {
	assets, files := site("")
	files["broken.html"] = []byte(`<img src="/assets/img/none.svg">`)
	if _, err := NewStatic(assets, files); err == nil || !strings.Contains(err.Error(), "none.svg") {
		t.Errorf("%v", err)
	}
	assets, files = site("")
	files["rules/index.html"] = files["rules.html"]
	if _, err := NewStatic(assets, files); err == nil {
		t.Error("two pages at one address")
	}
}

func TestStatic_NeverServesHiddenOrOtherFiles(t *testing.T) {
	h, s := openSite(t, "")
	for _, path := range []string{
		"/.hidden", "/.env", "/assets/.env", "/assets/.git/config", s.Base() + "/.env", s.Base() + "/.git/config", s.Base() + "/js/.main.js.swp",
		"/assets/../.hidden", "/..%2f..%2fetc/passwd", "/assets/%2e%2e/%2e%2e/etc/passwd", "/assets/", "/assets/js", s.Base(), s.Base() + "/", s.Base() + "/js/",
		"/assets/js/main.js/", "//robots.txt", "/assets/js//main.js", "/rules.html.bak",
	} {
		r, err := http.NewRequest("GET", h.url+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Opaque = path // unchanged
		answer, err := h.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 404 {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
}

func TestStatic_WhatIsMissingIsAPageForBrowsersAndAProblemForClients(t *testing.T) {
	assets, files := site("")
	files["404.html"] = []byte(`<script type="module" src="/assets/js/main.js"></script>`)
	s, err := NewStatic(assets, files)
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, "http", s, nil)
	ask := func(method, path, accept string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequest(method, h.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", accept)
		answer, err := h.client.Do(r) // which follows no redirect
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(body)
	}
	for _, path := range []string{"/nowhere", "/404", "/rules/nowhere", "/nowhere/", "/robots.txt/"} {
		answer, body := ask("GET", path, "text/html,*/*;q=0.8")
		if answer.StatusCode != 404 || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(body, s.URL("js/main.js")) {
			t.Errorf("%s for a browser: %d %v %q", path, answer.StatusCode, answer.Header, body)
		}
		if answer, _ := ask("GET", path, "*/*"); answer.StatusCode != 404 || answer.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s for a client: %d %v", path, answer.StatusCode, answer.Header)
		}
	}
	for path, to := range map[string]string{"/rules/": "/rules", "/help/?a=b": "/help?a=b"} {
		if answer, _ := ask("GET", path, "text/html"); answer.StatusCode != 308 || answer.Header.Get("Location") != to {
			t.Errorf("%s: %d to %s, want %s", path, answer.StatusCode, answer.Header.Get("Location"), to)
		}
		if answer, _ := ask("POST", path, "text/html"); answer.StatusCode != 404 {
			t.Errorf("POST %s: %d", path, answer.StatusCode)
		}
	}
}

func TestStatic_HasPrecompressedTexts(t *testing.T) {
	h, s := openSite(t, "")
	etags := map[string]bool{}
	for _, accept := range []string{"", "gzip", "zstd"} {
		for range 2 {
			answer, body := h.ask(t, "GET", s.URL("js/dom.js"), "", "Accept-Encoding", accept)
			if answer.Header.Get("Content-Encoding") != accept || answer.Header.Get("Vary") != "Accept-Encoding" ||
				answer.ContentLength != int64(len(body)) || !strings.HasPrefix(unpack(t, answer, body), "export const h = 1;") {
				t.Errorf("%q: %v", accept, answer.Header)
			}
			etags[answer.Header.Get("ETag")] = true
			again, _ := h.ask(t, "GET", s.URL("js/dom.js"), "", "Accept-Encoding", accept, "If-None-Match", answer.Header.Get("ETag"))
			if again.StatusCode != 304 {
				t.Errorf("%q, revalidated: %d", accept, again.StatusCode)
			}
		}
	}
	if len(etags) != 3 {
		t.Errorf("three representations have the ETags %v", etags)
	}
	for _, name := range []string{"font/x.woff2", "css/base.css", "strange.filetype"} { // not text, too short, unknown
		if answer, _ := h.ask(t, "GET", s.URL(name), "", "Accept-Encoding", "gzip"); answer.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s is compressed", name)
		}
	}
	if answer, _ := h.ask(t, "GET", s.URL("strange.filetype"), ""); answer.Header.Get("Content-Type") != "application/octet-stream" {
		t.Error(answer.Header.Get("Content-Type"))
	}
}

func TestStatic_AnswersGETAndHEADOnly(t *testing.T) {
	h, s := openSite(t, "")
	answer, body := h.ask(t, "HEAD", s.URL("js/dom.js"), "", "Accept-Encoding", "gzip")
	if answer.StatusCode != 200 || body != "" || answer.ContentLength <= 0 {
		t.Errorf("HEAD: %d, %d bytes", answer.StatusCode, answer.ContentLength)
	}
	answer, body = h.ask(t, "POST", "/rules", "")
	problemIn(t, answer, body, "method_not_allowed")
	if answer.Header.Get("Allow") != "GET, HEAD" {
		t.Error(answer.Header)
	}
	answer, body = h.ask(t, "GET", s.URL("img/logo.svg"), "", "Range", "bytes=0-4")
	if answer.StatusCode != 206 || body != "<svg>" {
		t.Errorf("a part: %d %q", answer.StatusCode, body)
	}
	answer, _ = h.ask(t, "GET", s.URL("img/logo.svg"), "", "Range", "bytes=0-4", "Accept-Encoding", "gzip")
	if answer.StatusCode != 200 || answer.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("a part of an encoded file: %d", answer.StatusCode)
	}
	answer, body = h.ask(t, "GET", s.URL("img/logo.svg"), "", "Range", "bytes=100000-")
	problemIn(t, answer, body, "range_not_satisfiable")
	if answer.StatusCode != 416 || !strings.HasPrefix(answer.Header.Get("Content-Range"), "bytes */") {
		t.Errorf("a part that is not there: %d %v", answer.StatusCode, answer.Header)
	}
}
