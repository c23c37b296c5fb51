package edge

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzhttp/writer/gzkp"
	"github.com/klauspost/compress/gzhttp/writer/zstdkp"
	"github.com/klauspost/compress/zstd"
)

// compressAbove is the length from which compression is worth it. Shorter texts fit into one packet anyway.
const compressAbove = 1024

// encoding is a content coding.
type encoding uint8

const (
	identity encoding = iota
	gzipped
	zstandard
)

func (e encoding) String() string { return [...]string{"identity", "gzip", "zstd"}[e] }

// bodyMode says where the handler's bytes go.
type bodyMode uint8

const (
	bodyPlain   bodyMode = iota // to the client, unchanged
	bodyPending                 // held, until the body is known to be long enough
	bodyEncoded                 // through an encoder
)

// bodyWriter is the part of an exchange that compresses.
type bodyWriter struct {
	mode    bodyMode
	held    *[]byte // in bodyPending
	encoder encoder // in bodyEncoded
}

// encoder compresses into the exchange. Close also returns it to its pool.
type encoder interface {
	io.WriteCloser
	Flush() error
}

// gzipLevel costs little more than the fastest level and saves much more.
const gzipLevel = 4

var heldBuffers = sync.Pool{New: func() any { b := make([]byte, 0, compressAbove); return &b }}

// begin decides whether the body may be compressed, once the handler has set the headers. If so, it does not send the
// header yet.
func (b *bodyWriter) begin(x *exchange) bool {
	h := x.w.Header()
	if !x.edge.options.Compression || x.status < 200 || x.status == http.StatusNoContent || x.status == http.StatusNotModified ||
		x.status == http.StatusPartialContent || x.status == http.StatusSwitchingProtocols {
		return false
	}
	if len(h["Content-Encoding"]) > 0 || !compressible(h["Content-Type"]) || hasToken(h["Cache-Control"], "no-transform") {
		return false
	}
	if vary := h["Vary"]; len(vary) == 0 {
		h["Vary"] = x.edge.headers.vary // the usual case; saves an allocation
	} else {
		addVary(h, "Accept-Encoding")
	}
	if x.request.Method == http.MethodHead || isUpgrade(x.request) || x.guessable(h) {
		return false
	}
	if length := h["Content-Length"]; len(length) == 1 {
		if n, err := strconv.ParseInt(length[0], 10, 64); err == nil && n < compressAbove {
			return false
		}
	}
	b.mode = bodyPending
	return true
}

// guessable says whether the compressed length could reveal a secret in the answer (BREACH). The attack needs a browser
// that sends the attacker's requests with the victim's cookie. So these are not compressed: answers to requests with a
// cookie, unless the browser says that our own page or the person sent the request; answers that set a cookie; and
// answers that the handler marked with NeverCompress. Other sites can't make a browser send a bearer token.
func (x *exchange) guessable(h http.Header) bool {
	if x.neverCompress || len(h["Set-Cookie"]) > 0 {
		return true
	}
	if len(x.request.Header["Cookie"]) == 0 {
		return false
	}
	site := x.request.Header["Sec-Fetch-Site"]
	return len(site) != 1 || (site[0] != "same-origin" && site[0] != "none")
}

// write takes the handler's bytes, in bodyPending and bodyEncoded.
func (b *bodyWriter) write(x *exchange, p []byte) (int, error) {
	if b.mode == bodyEncoded {
		return b.encoder.Write(p)
	}
	if b.held == nil && len(p) < compressAbove {
		b.held = heldBuffers.Get().(*[]byte)
	}
	if b.heldLen()+len(p) < compressAbove {
		*b.held = append(*b.held, p...)
		return len(p), nil
	}
	if !b.encode(x) {
		if err := b.release(x); err != nil {
			return 0, err
		}
		return x.send(p)
	}
	if b.held != nil {
		_, err := b.encoder.Write(*b.held)
		b.dropHeld()
		if err != nil {
			return 0, err
		}
	}
	return b.encoder.Write(p)
}

func (b *bodyWriter) heldLen() int {
	if b.held == nil {
		return 0
	}
	return len(*b.held)
}

// encode starts an encoding that the client accepts; false if it accepts none.
func (b *bodyWriter) encode(x *exchange) bool {
	chosen := chooseEncoding(x.request.Header["Accept-Encoding"])
	switch chosen {
	case gzipped:
		b.encoder = gzkp.NewWriter(wire{x}, gzipLevel)
	case zstandard:
		b.encoder = zstdkp.NewWriter(wire{x}, int(zstd.SpeedFastest))
	default:
		return false
	}
	b.mode = bodyEncoded
	h := x.w.Header()
	h["Content-Encoding"] = []string{chosen.String()}
	delete(h, "Content-Length")
	delete(h, "Accept-Ranges")
	if etag := h["Etag"]; len(etag) == 1 && !strings.HasPrefix(etag[0], "W/") {
		h["Etag"] = []string{"W/" + etag[0]} // same content, different bytes
	}
	x.w.WriteHeader(x.status)
	return true
}

// wire is the encoder's way to the client.
type wire struct{ x *exchange }

func (w wire) Write(p []byte) (int, error) { return w.x.send(p) }

// release sends the held bytes uncompressed. The rest will follow them.
func (b *bodyWriter) release(x *exchange) error {
	b.mode = bodyPlain
	x.w.WriteHeader(x.status)
	if b.held == nil {
		return nil
	}
	var err error
	if len(*b.held) > 0 {
		_, err = x.send(*b.held)
	}
	b.dropHeld()
	return err
}

// flush lets the client read what was written so far. A handler that flushes early sends a stream of small pieces, which
// gain nothing from compression.
func (b *bodyWriter) flush(x *exchange) error {
	switch b.mode {
	case bodyPending:
		return b.release(x)
	case bodyEncoded:
		return b.encoder.Flush()
	}
	return nil
}

// finish ends the body. An error means that the client is gone.
func (b *bodyWriter) finish(x *exchange) {
	switch b.mode {
	case bodyPending:
		_ = b.release(x)
	case bodyEncoded:
		_ = b.encoder.Close()
		b.encoder, b.mode = nil, bodyPlain
	}
}

// discard drops a body that will not be finished, and its encoder: returning that to the pool takes Close, which would write.
func (b *bodyWriter) discard() {
	b.dropHeld()
	b.encoder, b.mode = nil, bodyPlain
}

func (b *bodyWriter) dropHeld() {
	if b.held != nil {
		*b.held = (*b.held)[:0]
		heldBuffers.Put(b.held)
		b.held = nil
	}
}

// compressible says whether a content type is text. Event streams are excluded: they must not be held.
func compressible(contentType []string) bool {
	if len(contentType) != 1 {
		return false
	}
	t := contentType[0]
	if semicolon := strings.IndexByte(t, ';'); semicolon >= 0 {
		t = strings.TrimSpace(t[:semicolon])
	}
	switch t {
	case "application/json", "application/problem+json", "text/html", "text/css", "text/javascript", "image/svg+xml":
		return true
	case "text/event-stream":
		return false
	case "application/javascript", "application/yaml", "application/xml", "application/wasm", "application/manifest+json":
		return true
	}
	return strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "+json") || strings.HasSuffix(t, "+xml")
}

// chooseEncoding reads Accept-Encoding (RFC 9110, 12.5.3). It follows the client's preference, else prefers zstd.
func chooseEncoding(accept []string) encoding {
	var quality [3]float64
	var named [3]bool
	rest := 0.0
	for _, line := range accept {
		for part := range strings.SplitSeq(line, ",") {
			name, parameter, _ := strings.Cut(part, ";")
			q := 1.0
			if value, ok := strings.CutPrefix(strings.TrimSpace(parameter), "q="); ok {
				parsed, err := strconv.ParseFloat(value, 64)
				if err != nil || parsed < 0 || parsed > 1 {
					parsed = 0
				}
				q = parsed
			}
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "gzip", "x-gzip":
				quality[gzipped], named[gzipped] = q, true
			case "zstd":
				quality[zstandard], named[zstandard] = q, true
			case "*":
				rest = q
			}
		}
	}
	best, bestQ := identity, 0.0
	for _, e := range [...]encoding{zstandard, gzipped} {
		q := quality[e]
		if !named[e] {
			q = rest
		}
		if q > bestQ {
			best, bestQ = e, q
		}
	}
	return best
}

// addVary adds a header's name to Vary, unless it is there.
func addVary(h http.Header, name string) {
	vary := h["Vary"]
	if hasToken(vary, name) || hasToken(vary, "*") {
		return
	}
	h["Vary"] = append(vary[:len(vary):len(vary)], name)
}
