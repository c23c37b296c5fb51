package terminal

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/mattn/go-runewidth"
)

// gap separates columns.
const gap = 2

// cells measures text as a terminal shows it, whatever the language of the environment says: a wide character takes two cells, and
// a mark on another character takes none.
var cells = &runewidth.Condition{StrictEmojiNeutral: true}

// Table lines up columns. The zero value is an empty table. It is not safe for concurrent use.
type Table struct{ rows [][]string }

// Row adds a row. Each value is printed as fmt.Sprint does.
func (t *Table) Row(values ...any) {
	row := make([]string, len(values))
	for i, v := range values {
		row[i] = printable(fmt.Sprint(v))
	}
	t.rows = append(t.rows, row)
}

// printable replaces control characters, and those that change the direction of writing: text of players must not move the cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\ufffd'
		}
		return r
	}, s)
}

// WriteTo writes the rows. Every column but a row's last is as wide as its widest value.
func (t *Table) WriteTo(w io.Writer) (int64, error) {
	var widths []int
	for _, row := range t.rows {
		for i, v := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if i < len(row)-1 {
				widths[i] = max(widths[i], cells.StringWidth(v))
			}
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		for i, v := range row {
			b.WriteString(v)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-cells.StringWidth(v)+gap))
			}
		}
		b.WriteByte('\n')
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}
