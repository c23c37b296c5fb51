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

// How long answers may be kept. A versioned address never changes its content; everything else is asked for again
// each time, which costs a 304.
const (
	cacheForEver = "public, max-age=31536000, immutable"
	cacheNever   = "no-cache"
)

// Static serves a fixed set of files: assets, and what stands beside them at addresses of its own. It is made by
// NewStatic and safe for concurrent use.
//
//   - An asset "js/main.js" has the address /assets/VERSION/js/main.js, kept by browsers for ever. VERSION is a hash of
//     all assets together: one directory for all, so that modules and style sheets reach each other by relative paths
//     as they stand. Pages name Base, or URL.
//   - The same asset without a version, or with that of another release (a page opened before an upgrade, or a node of
//     a cluster that is not upgraded yet), is answered too, revalidated each time.
//   - Of the other files index.html is "/", rules.html is "/rules", help/index.html is "/help"; all else (robots.txt) is
//     at its own path. They are revalidated each time. Attribute values in pages that begin with "/assets/" are
//     rewritten to the version.
//   - 404.html has no address: browsers get it, with that status, where there is nothing.
//   - A page's address with a slash at its end leads to the one without.
//   - Names with a segment that begins with a dot are never served.
type Static struct {
	version string
	files   map[string]*file // by URL path without version
	missing *file            // the page for what is not there; nil: the edge's own
}

// file is one file with its representations. The compressed ones are made when they are first asked for.
type file struct {
	contentType string
	hash        string // of the content, 16 hex digits
	page        bool
	plain       []byte
	once        [3]sync.Once
	encoded     [3][]byte // by encoding; nil where that saves nothing
}

// Base is the address that all assets are below, without a slash at its end: /assets/VERSION.
func (s *Static) Base() string { return "/assets/" + s.version }

// URL is the address of an asset by its name ("js/main.js").
func (s *Static) URL(name string) string { return s.Base() + "/" + name }

// Has says whether a URL path is one of the files: for Options.Uncounted, and to send only those here.
func (s *Static) Has(urlPath string) bool {
	f, _ := s.find(urlPath)
	return f != nil
}

// find gives the file at a path, and whether the path names the version of this release.
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
		r.Header.Del("Range") // a part of an encoded body is of use to nobody
		h["Content-Length"] = []string{fmt.Sprint(len(content))}
	}
	if len(r.Header["Range"]) > 0 {
		w = &ranged{ResponseWriter: w, request: r}
	}
	// No modification time: embedded files have none, and the ETag says more.
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// ranged makes a problem of the plain text that says that there is no such part of a file.
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

// notFound answers where there is no file: with the page's own address, with a page, or with a problem.
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

// as gives a representation, or nil if there is none.
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

// pack compresses once for all requests to come, so it takes its time.
func pack(e encoding, plain []byte) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	if e == gzipped {
		w, _ = gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	} else {
		w, _ = zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(1<<20)) // the options are valid; the window suits every browser (RFC 9659)
	}
	_, _ = w.Write(plain) // a bytes.Buffer takes all
	_ = w.Close()
	return b.Bytes()
}

// contentTypes are fixed here, since those of the system differ from one machine to the next.
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
