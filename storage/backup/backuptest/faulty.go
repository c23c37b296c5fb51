package backuptest

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Faults are what goes wrong between a target and its server. Counts are of requests: below 0 all, else so many.
type Faults struct {
	Down           bool // connections are reset
	Hang           int  // requests get no answer
	Fail           int  // requests are answered with 500
	SlowDown       int  // requests are answered with 503 SlowDown
	CutUploads     int  // objects and parts break off in the middle on their way to the server
	LoseCompletes  int  // large objects are put together, and the answer is lost; then the upload is unknown, as with most servers
	RefuseDeletes  int  // answered with 403
	EmptyReads     int  // reads of objects are answered with 200 and nothing
	CorruptReads   int  // reads of objects have a wrong byte in the middle
	CutReads       int  // reads of objects break off in the middle
	HangReads      int  // reads of objects stop in the middle
	LateListings   int  // so many of the newest objects are missing in listings
	BytesPerSecond int  // of each body, in both directions; 0: no limit
}

// Proxy is a reverse proxy in front of a server. Its Server is used like the real one.
type Proxy struct {
	Server
	upstream http.Handler
	ended    chan struct{}

	mu       sync.Mutex
	faults   Faults
	injected int
	open     map[net.Conn]struct{}
	complete map[string]bool // ids of uploads whose last answer was lost
}

// Faulty puts a proxy in front of a server, without faults at first. It stops when the test ends.
func Faulty(t testing.TB, server *Server) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Server: *server, ended: make(chan struct{}), open: make(map[net.Conn]struct{}), complete: make(map[string]bool)}
	p.Address = listener.Addr().String()
	quiet := log.New(io.Discard, "", 0) // its faults are meant
	transport := &http.Transport{DisableCompression: true}
	p.upstream = &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: server.Address})
			r.Out.Host = r.In.Host // the client signed it
		},
		FlushInterval:  -1,
		ErrorLog:       quiet,
		ModifyResponse: p.change,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // as a broken line would
	}
	web := &http.Server{Handler: p, ConnState: p.track, ErrorLog: quiet}
	served := make(chan struct{})
	go func() {
		_ = web.Serve(listener) // it ends by Close
		close(served)
	}()
	t.Cleanup(func() {
		close(p.ended)
		_ = web.Close()
		<-served
		transport.CloseIdleConnections()
	})
	return p
}

// Set replaces the faults.
func (p *Proxy) Set(faults Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.injected = faults, 0
	if faults.Down {
		for conn := range p.open {
			reset(conn)
		}
	}
}

// Injected counts the faults that have happened since Set.
func (p *Proxy) Injected() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.injected
}

func (p *Proxy) track(conn net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch state {
	case http.StateNew:
		p.open[conn] = struct{}{}
		if p.faults.Down {
			p.injected++
			reset(conn)
		}
	case http.StateClosed, http.StateHijacked:
		delete(p.open, conn)
	}
}

func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // the other side may have closed it
	}
	_ = conn.Close()
}

// take uses up one of a fault's requests, and says whether there was one.
func (p *Proxy) take(fault func(*Faults) *int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := fault(&p.faults)
	if *left == 0 {
		return false
	}
	if *left > 0 {
		*left--
	}
	p.injected++
	return true
}

// ServeHTTP passes a request on, unless a fault has it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/"+p.Bucket+"/")
	ofObject := key != "" && key != r.URL.Path && strings.HasPrefix(r.URL.Path, "/"+p.Bucket+"/")
	switch {
	case p.take(func(f *Faults) *int { return &f.Hang }):
		p.hang(r)
	case p.take(func(f *Faults) *int { return &f.Fail }):
		refuse(w, r, http.StatusInternalServerError, "InternalError", "We encountered an internal error.")
	case p.take(func(f *Faults) *int { return &f.SlowDown }):
		refuse(w, r, http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	case r.Method == http.MethodDelete && !r.URL.Query().Has("uploadId") && p.take(func(f *Faults) *int { return &f.RefuseDeletes }):
		refuse(w, r, http.StatusForbidden, "AccessDenied", "Access Denied.")
	case r.Method == http.MethodGet && ofObject && p.take(func(f *Faults) *int { return &f.EmptyReads }):
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"d41d8cd98f00b204e9800998ecf8427e"`)
		w.WriteHeader(http.StatusOK)
	case r.Method == http.MethodPut && ofObject && p.take(func(f *Faults) *int { return &f.CutUploads }):
		r.Body = &cutBody{ReadCloser: r.Body, left: r.ContentLength / 2, then: func() error { return errors.New("cut") }}
		p.upstream.ServeHTTP(discard{http.Header{}}, r)
		panic(http.ErrAbortHandler)
	case r.Method == http.MethodPost && p.forgotten(r.URL.Query().Get("uploadId")):
		refuse(w, r, http.StatusNotFound, "NoSuchUpload", "The specified multipart upload does not exist.")
	case r.Method == http.MethodPost && r.URL.Query().Has("uploadId") && p.take(func(f *Faults) *int { return &f.LoseCompletes }):
		p.forget(r.URL.Query().Get("uploadId"))
		p.upstream.ServeHTTP(discard{http.Header{}}, r)
		panic(http.ErrAbortHandler)
	default:
		p.mu.Lock()
		rate := p.faults.BytesPerSecond
		p.mu.Unlock()
		if rate > 0 {
			r.Body = &slowBody{ReadCloser: r.Body, rate: rate}
		}
		p.upstream.ServeHTTP(w, r)
	}
}

func (p *Proxy) forget(upload string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complete[upload] = true
}

func (p *Proxy) forgotten(upload string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.complete[upload]
}

// hang waits until the client leaves, or the test ends.
func (p *Proxy) hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client leaves
	select {
	case <-r.Context().Done():
	case <-p.ended:
	}
	panic(http.ErrAbortHandler)
}

// refuse answers as S3 does, after it has read the request.
func refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	_, _ = io.Copy(io.Discard, r.Body) // the client may have left
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>`+code+`</Code><Message>`+message+`</Message></Error>`)
}

// change makes answers wrong.
func (p *Proxy) change(response *http.Response) error {
	r := response.Request
	good := response.StatusCode == http.StatusOK || response.StatusCode == http.StatusPartialContent
	object := r.Method == http.MethodGet && good && response.Header.Get("ETag") != ""
	middle := response.ContentLength / 2
	switch {
	case object && p.take(func(f *Faults) *int { return &f.CorruptReads }):
		response.Body = &corruptBody{ReadCloser: response.Body, at: middle}
	case object && p.take(func(f *Faults) *int { return &f.CutReads }):
		response.Body = &cutBody{ReadCloser: response.Body, left: middle, then: func() error { return errors.New("cut") }}
	case object && p.take(func(f *Faults) *int { return &f.HangReads }):
		response.Body = &cutBody{ReadCloser: response.Body, left: middle, then: func() error {
			select {
			case <-r.Context().Done():
			case <-p.ended:
			}
			return errors.New("hung")
		}}
	case r.URL.Query().Get("list-type") == "2":
		p.mu.Lock()
		late := p.faults.LateListings
		p.mu.Unlock()
		if late > 0 {
			return hideNewest(response, late)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.faults.BytesPerSecond > 0 {
		response.Body = &slowBody{ReadCloser: response.Body, rate: p.faults.BytesPerSecond}
	}
	return nil
}

var (
	listed   = regexp.MustCompile(`(?s)<Contents>.*?</Contents>`)
	modified = regexp.MustCompile(`<LastModified>(.*?)</LastModified>`)
)

// hideNewest takes the newest objects out of a listing.
func hideNewest(response *http.Response, count int) error {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	response.Body.Close()
	objects := listed.FindAll(body, -1)
	slices.SortStableFunc(objects, func(a, b []byte) int { return -cmp.Compare(timeOf(a), timeOf(b)) })
	for _, object := range objects[:min(count, len(objects))] {
		body = bytes.Replace(body, object, nil, 1)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.ContentLength = int64(len(body))
	response.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}

func timeOf(object []byte) string {
	if found := modified.FindSubmatch(object); found != nil {
		return string(found[1])
	}
	return ""
}

// cutBody ends with an error after so many bytes.
type cutBody struct {
	io.ReadCloser
	left int64
	then func() error
}

func (b *cutBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, b.then()
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// corruptBody changes one byte.
type corruptBody struct {
	io.ReadCloser
	at int64 // of the byte, from here
}

func (b *corruptBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.at >= 0 && b.at < int64(n) {
		p[b.at] ^= 1
	}
	b.at -= int64(n)
	return n, err
}

// slowBody lets only so many bytes through each second.
type slowBody struct {
	io.ReadCloser
	rate int
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), max(1, b.rate/20))])
	time.Sleep(time.Second * time.Duration(n) / time.Duration(b.rate))
	return n, err
}

// discard is an answer that nobody gets.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
