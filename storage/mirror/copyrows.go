package mirror

import (
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"
)

// copyRows is data for COPY … (FORMAT binary): a header, rows of fields, and a trailer. pgx can write this format, but from
// values in interfaces, which cost more than all the rest of a batch.
type copyRows struct {
	data []byte
	rows uint64
}

const copyHeader = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// row begins a row of so many fields.
func (c *copyRows) row(fields int) {
	if len(c.data) == 0 {
		c.data = append(c.data, copyHeader...)
	}
	c.data = binary.BigEndian.AppendUint16(c.data, uint16(fields))
	c.rows++
}

// finish returns the whole data.
func (c *copyRows) finish() []byte { return append(c.data, 0xff, 0xff) }

func (c *copyRows) null() { c.data = append(c.data, 0xff, 0xff, 0xff, 0xff) }

func (c *copyRows) int(v int64) {
	c.data = append(c.data, 0, 0, 0, 8)
	c.data = binary.BigEndian.AppendUint64(c.data, uint64(v))
}

// some writes 0 as NULL.
func (c *copyRows) some(v int64) {
	if v == 0 {
		c.null()
		return
	}
	c.int(v)
}

// epoch is that of PostgreSQL, 2000-01-01, in Unix milliseconds.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// time writes Unix milliseconds; 0 is NULL.
func (c *copyRows) time(ms int64) {
	if ms == 0 {
		c.null()
		return
	}
	c.int((ms - epoch) * 1000)
}

// text writes a text; an empty one is NULL.
func (c *copyRows) text(s string) {
	if s == "" {
		c.null()
		return
	}
	s = clean(s)
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(len(s)))
	c.data = append(c.data, s...)
}

// json writes a value of jsonb; none is NULL.
func (c *copyRows) json(v []byte) {
	if len(v) == 0 {
		c.null()
		return
	}
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(len(v)+1))
	c.data = append(c.data, 1) // the version of jsonb's form
	c.data = append(c.data, v...)
}

func (c *copyRows) bool(v bool) {
	c.data = append(c.data, 0, 0, 0, 1, 0)
	if v {
		c.data[len(c.data)-1] = 1
	}
}

func (c *copyRows) bytes(v []byte) {
	c.data = binary.BigEndian.AppendUint32(c.data, uint32(len(v)))
	c.data = append(c.data, v...)
}

// clean replaces what PostgreSQL has no text for: NUL, and what is not UTF-8.
func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}
