package bench

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"time"
)

// leanConnection is the connection of Lean. It does as little as possible, and nothing in the background: the processors
// are for the server under test.
type leanConnection struct {
	target target
	conn   net.Conn
	reader *bufio.Reader
	out    []byte
	body   []byte
}

func (c *leanConnection) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

func (c *leanConnection) security() *tls.ConnectionState {
	secured, ok := c.conn.(*tls.Conn)
	if !ok {
		return nil
	}
	state := secured.ConnectionState()
	return &state
}

func (c *leanConnection) dial(deadline time.Time) error {
	dialer := &net.Dialer{Deadline: deadline}
	conn, err := dialer.Dial("tcp", c.target.address)
	if err != nil {
		return err
	}
	if c.target.tls != nil {
		secured := tls.Client(conn, c.target.tls)
		secured.SetDeadline(deadline)
		if err := secured.Handshake(); err != nil {
			conn.Close()
			return fmt.Errorf("TLS with %s: %w", c.target.address, err)
		}
		conn = secured
	}
	c.conn = conn
	if c.reader == nil {
		c.reader = bufio.NewReaderSize(conn, 16<<10)
	} else {
		c.reader.Reset(conn)
	}
	return nil
}

func (c *leanConnection) do(r *request) (response, error) {
	deadline := time.Now().Add(requestTimeout)
	if c.conn == nil {
		if err := c.dial(deadline); err != nil {
			return response{}, err
		}
	}
	answer, keep, err := c.exchange(r, deadline)
	if err != nil || !keep {
		c.close()
	}
	if err != nil {
		return response{}, fmt.Errorf("%s %s: %w", r.method, r.path, err)
	}
	return answer, nil
}

func (c *leanConnection) exchange(r *request, deadline time.Time) (answer response, keep bool, err error) {
	if err := c.conn.SetDeadline(deadline); err != nil {
		return response{}, false, err
	}
	out := c.out[:0]
	out = append(out, r.method...)
	out = append(out, ' ')
	out = append(out, r.path...)
	out = append(out, " HTTP/1.1\r\nHost: "...)
	out = append(out, c.target.host...)
	if r.token != "" {
		out = append(out, "\r\nAuthorization: Bearer "...)
		out = append(out, r.token...)
	}
	if r.key != "" {
		out = append(out, "\r\nIdempotency-Key: "...)
		out = append(out, r.key...)
	}
	if r.body != nil {
		out = append(out, "\r\nContent-Type: application/json\r\nContent-Length: "...)
		out = strconv.AppendInt(out, int64(len(r.body)), 10)
	}
	out = append(out, "\r\n\r\n"...)
	out = append(out, r.body...)
	c.out = out
	if _, err := c.conn.Write(out); err != nil {
		return response{}, false, err
	}
	return c.read()
}

var errNotHTTP = errors.New("the answer is not HTTP/1.1")

// read reads one answer.
func (c *leanConnection) read() (answer response, keep bool, err error) {
	line, err := c.line()
	if err != nil {
		return response{}, false, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return response{}, false, errNotHTTP
	}
	if answer.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return response{}, false, errNotHTTP
	}
	keep = true
	length, chunked := -1, false
	for {
		line, err := c.line()
		if err != nil {
			return response{}, false, err
		}
		if len(line) == 0 {
			break
		}
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found {
			return response{}, false, errNotHTTP
		}
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 || length > maxBody {
				return response{}, false, fmt.Errorf("an answer of %q bytes is too long", value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")):
			keep = !bytes.EqualFold(value, []byte("close"))
		case bytes.EqualFold(name, []byte("Retry-After")):
			if seconds, err := strconv.Atoi(string(value)); err == nil {
				answer.retryAfter = time.Duration(seconds) * time.Second
			}
		}
	}
	answer.body, err = c.readBody(answer.status, length, chunked)
	return answer, keep, err
}

func (c *leanConnection) readBody(status, length int, chunked bool) ([]byte, error) {
	switch {
	case status == 204 || status == 304:
		return nil, nil
	case chunked:
		body, err := io.ReadAll(io.LimitReader(httputil.NewChunkedReader(c.reader), maxBody+1))
		if err != nil {
			return nil, err
		}
		if len(body) > maxBody {
			return nil, errors.New("the answer is too long")
		}
		// The chunk reader stops before the empty line that ends the trailer.
		if line, err := c.line(); err != nil || len(line) > 0 {
			return nil, errNotHTTP
		}
		c.body = body
		return c.body, nil
	case length < 0:
		return nil, errors.New("the answer has no length")
	}
	if cap(c.body) < length {
		c.body = make([]byte, length, 2*length)
	}
	c.body = c.body[:length]
	_, err := io.ReadFull(c.reader, c.body)
	return c.body, err
}

// line reads a header line without its line ending.
func (c *leanConnection) line() ([]byte, error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}
