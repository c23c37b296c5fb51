package export

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"
)

// csvEncoder writes comma-separated values as in RFC 4180, in UTF-8, with a line of names first.
type csvEncoder struct {
	to    *csv.Writer
	cells []string // used again
}

// NewCSV makes an encoder for CSV. It buffers, until the end of the table.
func NewCSV(w io.Writer) Encoder {
	to := csv.NewWriter(w)
	to.UseCRLF = true
	return &csvEncoder{to: to}
}

func (e *csvEncoder) begin(columns []Column) error {
	e.cells = e.cells[:0]
	for _, c := range columns {
		e.cells = append(e.cells, c.Name)
	}
	return e.to.Write(e.cells)
}

func (e *csvEncoder) row(_ []Column, cells []any) error {
	e.cells = e.cells[:0]
	for _, c := range cells {
		e.cells = append(e.cells, csvCell(c))
	}
	return e.to.Write(e.cells)
}

func (e *csvEncoder) end() error {
	e.to.Flush()
	return e.to.Error()
}

func csvCell(c any) string {
	switch v := c.(type) {
	case nil:
		return ""
	case string:
		return harmless(v)
	case time.Time:
		return v.Format(timeLayout)
	case document:
		return string(v) // begins with a bracket
	}
	return fmt.Sprint(c) // numbers, and true or false
}

// harmless puts an apostrophe before a text that a spreadsheet would take for a formula, and run: an e-mail address may begin with
// '='. Spreadsheets don't show the apostrophe.
func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
