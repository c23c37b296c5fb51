package export

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"imperio/games"
)

// linesEncoder writes one JSON object a line.
type linesEncoder struct{ to *bufio.Writer }

// NewJSONLines makes an encoder for JSON lines: in each line an object with all columns. Ids are texts, coins and other numbers are
// numbers, and an empty cell is null. It buffers, until the end of the table.
func NewJSONLines(w io.Writer) Encoder { return &linesEncoder{bufio.NewWriterSize(w, 64<<10)} }

func (e *linesEncoder) begin([]Column) error { return nil }

func (e *linesEncoder) row(columns []Column, cells []any) error {
	line := append(e.to.AvailableBuffer(), '{')
	for i, c := range cells {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(strconv.AppendQuote(line, columns[i].Name), ':') // names are ASCII
		var err error
		if line, err = appendCell(line, c); err != nil {
			return err
		}
	}
	_, err := e.to.Write(append(line, "}\n"...))
	return err
}

func (e *linesEncoder) end() error { return e.to.Flush() }

func appendCell(line []byte, c any) ([]byte, error) {
	switch v := c.(type) {
	case nil:
		return append(line, "null"...), nil
	case bool:
		return strconv.AppendBool(line, v), nil
	case id:
		return append(strconv.AppendUint(append(line, '"'), uint64(v), 10), '"'), nil
	case games.Coins:
		return strconv.AppendInt(line, int64(v), 10), nil
	case uint64:
		return strconv.AppendUint(line, v, 10), nil
	case uint32:
		return strconv.AppendUint(line, uint64(v), 10), nil
	case time.Time:
		return append(v.AppendFormat(append(line, '"'), timeLayout), '"'), nil
	case document:
		return append(line, v...), nil
	case string:
		text, err := json.Marshal(v)
		return append(line, text...), err
	}
	return line, fmt.Errorf("a cell is a %T", c)
}
