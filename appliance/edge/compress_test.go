package edge

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

// unpack decodes an answer's body by its Content-Encoding.
func unpack(t testing.TB, answer *http.Response, body string) string {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	switch answer.Header.Get("Content-Encoding") {
	case "":
		return body
	case "gzip":
		g, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		r = g
	case "zstd":
		z, err := zstd.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		r = z
	default:
		t.Fatalf("encoding %q", answer.Header.Get("Content-Encoding"))
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

var longText = strings.Repeat(`{"round": "1234", "stake": 5},`, 200)

func TestCompression_OfTextsFrom1KiB(t *testing.T) {
	for _, c := range []struct {
		name, accept, contentType string
		length                    int
		want                      string
	}{
		{"gzip", "gzip", "application/json", 5000, "gzip"},
		{"zstd", "zstd", "application/json", 5000, "zstd"},
		{"a browser", "gzip, deflate, br, zstd", "text/html; charset=utf-8", 5000, "zstd"},
		{"preference", "gzip;q=1, zstd;q=0.5", "text/csv", 5000, "gzip"},
		{"anything", "*", "application/problem+json", 5000, "zstd"},
		{"anything but", "*, zstd;q=0", "image/svg+xml", 5000, "gzip"},
		{"nothing", "", "application/json", 5000, ""},
		{"refused", "gzip;q=0, zstd;q=0.0", "application/json", 5000, ""},
		{"unknown", "br, deflate", "application/json", 5000, ""},
		{"nonsense", "gzip;q=x", "application/json", 5000, ""},
		{"exactly 1 KiB", "gzip", "application/json", 1024, "gzip"},
		{"below 1 KiB", "gzip", "application/json", 1023, ""},
		{"a picture", "gzip", "image/png", 5000, ""},
		{"events", "gzip", "text/event-stream", 5000, ""},
		{"no type", "gzip", "", 5000, ""},
	} {
		for _, pieces := range []int{1, 7} {
			body := longText[:c.length]
			h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Content-Type"] = []string{c.contentType}
				w.Header().Set("ETag", `"x"`)
				if pieces == 1 {
					w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				}
				for i := range pieces {
					_, _ = io.WriteString(w, body[i*len(body)/pieces:(i+1)*len(body)/pieces])
				}
			}), nil)
			answer, got := h.ask(t, "GET", "/", "", "Accept-Encoding", c.accept)
			if e := answer.Header.Get("Content-Encoding"); e != c.want {
				t.Errorf("%s, %d pieces: %q", c.name, pieces, e)
			}
			if unpack(t, answer, got) != body {
				t.Errorf("%s, %d pieces: another body", c.name, pieces)
			}
			if compressible([]string{c.contentType}) != (answer.Header.Get("Vary") == "Accept-Encoding") {
				t.Errorf("%s: Vary %q", c.name, answer.Header.Get("Vary"))
			}
			if c.want != "" && (answer.Header.Get("ETag") != `W/"x"` || len(got) > c.length/2) {
				t.Errorf("%s: ETag %s, %d bytes", c.name, answer.Header.Get("ETag"), len(got))
			}
		}
	}
}

// Every byte that a handler writes arrives, in any pieces and with any flushes.
func TestCompression_KeepsEveryByte(t *testing.T) {
	var pieces [][]byte
	var flushes []bool
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for i, piece := range pieces {
			if n, err := w.Write(piece); n != len(piece) || err != nil {
				t.Errorf("wrote %d of %d: %v", n, len(piece), err)
			}
			if flushes[i] {
				_ = http.NewResponseController(w).Flush()
			}
		}
	}), func(o *Options) { o.Settings = o.Unlimited() })
	rapid.Check(t, func(rt *rapid.T) {
		pieces = rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 3000), 0, 6).Draw(rt, "pieces")
		flushes = rapid.SliceOfN(rapid.Bool(), len(pieces), len(pieces)).Draw(rt, "flushes")
		accept := rapid.SampledFrom([]string{"", "gzip", "zstd"}).Draw(rt, "accept")
		answer, body := h.ask(t, "GET", "/", "", "Accept-Encoding", accept)
		if unpack(t, answer, body) != string(bytes.Join(pieces, nil)) {
			rt.Fatal("another body")
		}
	})
}

func TestCompression_LeavesAloneWhatMustStay(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"already encoded": func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Encoding", "br") },
		"no-transform": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-store, no-transform")
		},
		"sets a cookie": func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Set-Cookie", "imperio=t") },
		"asked for":     func(w http.ResponseWriter, r *http.Request) { NeverCompress(r.Context()) },
		"a part":        func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusPartialContent) },
	} {
		h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			handler(w, r)
			_, _ = io.WriteString(w, longText)
		}), nil)
		if _, body := h.ask(t, "GET", "/", "", "Accept-Encoding", "gzip"); body != longText {
			t.Errorf("%s: was compressed", name)
		}
	}
	h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/204" {
			w.WriteHeader(204)
		}
	}), nil)
	if answer, body := h.ask(t, "GET", "/204", "", "Accept-Encoding", "gzip"); answer.StatusCode != 204 || body != "" {
		t.Errorf("204: %d %q", answer.StatusCode, body)
	}
	if answer, body := h.ask(t, "HEAD", "/", "", "Accept-Encoding", "gzip"); answer.StatusCode != 200 || body != "" {
		t.Errorf("HEAD: %d %q", answer.StatusCode, body)
	}
	off := open(t, "http", says(longText), func(o *Options) { o.Compression = false })
	if answer, body := off.ask(t, "GET", "/", "", "Accept-Encoding", "gzip"); body != longText || answer.Header.Get("Vary") != "" {
		t.Errorf("off: %v", answer.Header)
	}
}

// BREACH: if a page makes a victim's browser send a request with the victim's cookie, the answer is not compressed.
func TestCompression_TellsForeignPagesNothing(t *testing.T) {
	h := open(t, "http", says(longText), nil)
	for _, c := range []struct {
		name    string
		headers []string
		want    bool
	}{
		{"no cookie", nil, true},
		{"a token", []string{"Authorization", "Bearer t"}, true},
		{"our own page", []string{"Cookie", "c=1", "Sec-Fetch-Site", "same-origin"}, true},
		{"the address bar", []string{"Cookie", "c=1", "Sec-Fetch-Site", "none"}, true},
		{"a foreign page", []string{"Cookie", "c=1", "Sec-Fetch-Site", "cross-site"}, false},
		{"a sister domain", []string{"Cookie", "c=1", "Sec-Fetch-Site", "same-site"}, false},
		{"who knows", []string{"Cookie", "c=1"}, false},
	} {
		answer, body := h.ask(t, "GET", "/", "", append(c.headers, "Accept-Encoding", "gzip")...)
		if got := answer.Header.Get("Content-Encoding") != ""; got != c.want || unpack(t, answer, body) != longText {
			t.Errorf("%s: compressed %t", c.name, got)
		}
	}
}

func TestFlush_SendsWhatWasWritten(t *testing.T) {
	for _, accept := range []string{"", "gzip", "zstd"} {
		release := make(chan struct{})
		h := open(t, "http", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, longText)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
			<-release
		}), nil)
		r, _ := http.NewRequest("GET", h.url+"/", nil)
		r.Header.Set("Accept-Encoding", accept)
		answer, err := h.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var body io.Reader = answer.Body
		switch accept {
		case "gzip":
			if body, err = gzip.NewReader(body); err != nil {
				t.Fatal(err)
			}
		case "zstd":
			z, err := zstd.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			defer z.Close()
			body = z
		}
		got := make([]byte, len(longText))
		if _, err := io.ReadFull(body, got); err != nil || string(got) != longText { // while the handler still runs
			t.Errorf("%q: %v", accept, err)
		}
		close(release)
		answer.Body.Close()
	}
}

func FuzzChooseEncoding(f *testing.F) {
	f.Add("gzip;q=0.5, zstd;q=1.0, *;q=0")
	f.Fuzz(func(t *testing.T, accept string) {
		chosen := chooseEncoding([]string{accept})
		if chosen != identity && !strings.Contains(strings.ToLower(accept), chosen.String()) && !strings.Contains(accept, "*") {
			t.Errorf("%q gave %s", accept, chosen)
		}
	})
}
