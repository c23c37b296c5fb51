package edge

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// How long answers may be cached. The content of a versioned address never changes. Everything else is revalidated each
// time, which costs a 304.
const (
	cacheForEver = "public, max-age=31536000, immutable"
	cacheNever   = "no-cache"
)

// Static serves a fixed set of files: assets, and pages and other files at addresses of their own. NewStatic makes one.
// It is safe for concurrent use.
//
//   - The asset "js/main.js" is at /assets/VERSION/js/main.js, which browsers keep for ever. VERSION is a hash of all
//     assets together. So all are in one directory, and modules and style sheets reach each other by relative paths.
//   - An asset without a version, or with another release's version, is served too, and revalidated each time. A page
//     opened before an upgrade asks for those, and so does a page from a node that is not upgraded yet.
//   - Of the other files, index.html is "/", rules.html is "/rules", and help/index.html is "/help". Everything else
//     (robots.txt) is at its own path. They are revalidated each time. In pages, attribute values that begin with
//     "/assets/" get the version; in scripts (sw.js), so do strings.
//   - 404.html has no address. Browsers get it, with status 404, where there is no file.
//   - A page's address with a trailing slash redirects to the one without.
//   - Names with a segment that begins with a dot are never served.
type Static struct {
	version string
	files   map[string]*file // by URL path without version
	missing *file            // the page for status 404; nil: the edge's own
}

// file is one file with its representations. The compressed ones are made at the first request for them.
type file struct {
	contentType string
	hash        string // of the content, 16 hex digits
	page        bool
	plain       []byte
	once        [3]sync.Once
	encoded     [3][]byte // by encoding; nil if it saves nothing
}

// Base is the address of all assets, without a trailing slash: /assets/VERSION.
func (s *Static) Base() string { return "/assets/" + s.version }

// URL is the address of an asset, given its name ("js/main.js").
func (s *Static) URL(name string) string { return s.Base() + "/" + name }

// Has says whether there is a file at a URL path: for Options.Uncounted, and for routing.
func (s *Static) Has(urlPath string) bool {
	f, _ := s.find(urlPath)
	return f != nil
}

// find returns the file at a path, and whether the path has this release's version.
func (s *Static) find(urlPath string) (f *file, current bool) {
	if rest, ok := strings.CutPrefix(urlPath, "/assets/"); ok {
		if version, name, ok := strings.Cut(rest, "/"); ok && isVersion(version) {
			return s.files["/assets/"+name], version == s.version
		}
	}
	return s.files[urlPath], false
}

func isVersion(s string) bool {
	if len(s) != versionLength {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// ServeHTTP answers GET and HEAD.
func (s *Static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	NoteRoute(r.Context(), "static")
	f, current := s.find(r.URL.Path)
	if f == nil {
		s.notFound(w, r)
		return
	}
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h["Allow"] = []string{"GET, HEAD"}
		WriteProblem(w, r, problemMethod)
		return
	}
	if f.page {
		NoteRoute(r.Context(), "page")
	}
	h["Content-Type"] = []string{f.contentType}
	h["Cache-Control"] = []string{cacheNever}
	if current {
		h["Cache-Control"] = []string{cacheForEver}
	}
	chosen := identity
	if compressible(h["Content-Type"]) {
		addVary(h, "Accept-Encoding")
		chosen = chooseEncoding(r.Header["Accept-Encoding"])
	}
	content := f.as(chosen)
	if content == nil {
		chosen, content = identity, f.plain
	}
	h["Etag"] = []string{f.etag(chosen)}
	if chosen != identity {
		h["Content-Encoding"] = []string{chosen.String()}
		r.Header.Del("Range") // part of an encoded body is useless
		h["Content-Length"] = []string{fmt.Sprint(len(content))}
	}
	if len(r.Header["Range"]) > 0 {
		w = &ranged{ResponseWriter: w, request: r}
	}
	// Embedded files have no modification time, and the ETag says more.
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// ranged turns the plain text for an unsatisfiable range into a problem document.
type ranged struct {
	http.ResponseWriter
	request *http.Request
	refused bool
}

func (w *ranged) WriteHeader(status int) {
	if w.refused = status == http.StatusRequestedRangeNotSatisfiable; w.refused {
		WriteProblem(w.ResponseWriter, w.request, problemRange)
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *ranged) Write(p []byte) (int, error) {
	if w.refused {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// notFound answers where there is no file: with a redirect to the page's address, with a page, or with a problem.
func (s *Static) notFound(w http.ResponseWriter, r *http.Request) {
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	to := strings.TrimSuffix(r.URL.Path, "/")
	if f := s.files[to]; read && f != nil && f.page {
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		http.Redirect(w, r, to, http.StatusPermanentRedirect)
		return
	}
	if s.missing == nil || !read || !wantsPage(r) {
		WriteProblem(w, r, problemNotFound)
		return
	}
	h := w.Header()
	h["Content-Type"] = []string{s.missing.contentType}
	h["Cache-Control"] = []string{"no-store"}
	w.WriteHeader(http.StatusNotFound)
	if r.Method != http.MethodHead {
		_, _ = w.Write(s.missing.plain) // a client that has gone away needs no answer
	}
}

func (f *file) etag(e encoding) string {
	if e == identity {
		return `"` + f.hash + `"`
	}
	return `"` + f.hash + "-" + e.String() + `"`
}

// as returns the representation in an encoding, or nil if there is none.
func (f *file) as(e encoding) []byte {
	if e == identity || len(f.plain) < compressAbove {
		return nil
	}
	f.once[e].Do(func() {
		if packed := pack(e, f.plain); len(packed) < len(f.plain)*9/10 {
			f.encoded[e] = packed
		}
	})
	return f.encoded[e]
}

// pack compresses thoroughly, since it runs once for all later requests.
func pack(e encoding, plain []byte) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	if e == gzipped {
		w, _ = gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	} else {
		w, _ = zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(1<<20)) // the options are valid; the window suits every browser (RFC 9659)
	}
	_, _ = w.Write(plain) // a bytes.Buffer returns no errors
	_ = w.Close()
	return b.Bytes()
}

// contentTypes are fixed here, since the system's differ between machines.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".mjs": "text/javascript; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
	".xml": "application/xml", ".yaml": "application/yaml", ".webmanifest": "application/manifest+json", ".csv": "text/csv; charset=utf-8",
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".avif": "image/avif",
	".ico": "image/x-icon", ".woff2": "font/woff2", ".woff": "font/woff", ".ttf": "font/ttf", ".otf": "font/otf",
	".wasm": "application/wasm", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".wav": "audio/wav", ".webm": "video/webm",
	".pdf": "application/pdf",
}

func contentType(name string) string {
	if t, ok := contentTypes[strings.ToLower(path.Ext(name))]; ok {
		return t
	}
	return "application/octet-stream"
}
