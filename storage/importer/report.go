package importer

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ReportFile is a report under way. It takes its place when it is complete; what was there before stays until then. It is not safe for
// concurrent use.
type ReportFile struct {
	path   string
	file   *os.File
	buffer *bufio.Writer
	format interface {
		row(*Row) error
		end(summaries any) error
	}
}

// CheckReportName refuses a name that does not end with .csv or .json.
func CheckReportName(path string) error {
	if e := extensionOf(path); e != ".csv" && e != ".json" {
		return fmt.Errorf("the report's name must end with .csv or .json: %q does not", path)
	}
	return nil
}

func extensionOf(path string) string { return strings.ToLower(filepath.Ext(path)) }

// CreateReport begins a report; the name of its file ends with .csv or .json. Only its owner may read it. End it with Complete, or with
// Discard, which does nothing after Complete.
func CreateReport(path string) (*ReportFile, error) {
	if err := CheckReportName(path); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("create the report: %s is there, and no ordinary file", path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return nil, fmt.Errorf("create the report: %w", err)
	}
	r := &ReportFile{path: path, file: file, buffer: bufio.NewWriterSize(file, 1<<16)}
	if extensionOf(path) == ".csv" {
		r.format = newCSVReport(r.buffer)
	} else {
		r.format = &jsonReport{w: r.buffer}
	}
	return r, nil
}

// Row adds a row.
func (r *ReportFile) Row(row *Row) error { return r.format.row(row) }

// Complete adds the summaries to a report in JSON, and puts the file in its place, durably.
func (r *ReportFile) Complete(summaries any) error {
	err := r.format.end(summaries)
	err = errors.Join(err, r.buffer.Flush())
	if err == nil {
		err = r.file.Sync()
	}
	if err = errors.Join(err, r.file.Close()); err == nil {
		err = os.Rename(r.file.Name(), r.path)
	}
	if err != nil {
		err = fmt.Errorf("write the report: %w", errors.Join(err, os.Remove(r.file.Name())))
	}
	r.file = nil
	return err
}

// Discard removes a report that is not complete.
func (r *ReportFile) Discard() {
	if r.file != nil {
		_ = r.file.Close()
		_ = os.Remove(r.file.Name())
		r.file = nil
	}
}

// csvReport is a table by RFC 4180.
type csvReport struct {
	w    *csv.Writer
	line []string
}

func newCSVReport(w io.Writer) *csvReport {
	r := &csvReport{w: csv.NewWriter(w)}
	r.w.UseCRLF = true
	r.line = []string{"table", "row", "named", "result", "account", "username", "coins", "stakes", "attention", "codes", "notes"}
	_ = r.w.Write(r.line) // an error stays until the end
	return r
}

func (r *csvReport) row(row *Row) error {
	account := ""
	if row.Account != 0 {
		account = strconv.FormatUint(row.Account, 10)
	}
	attention := ""
	if row.Attention() {
		attention = "yes"
	}
	codes, texts := make([]string, len(row.Notes)), make([]string, len(row.Notes))
	for i, n := range row.Notes {
		codes[i], texts[i] = n.Code, n.Text
	}
	r.line = append(r.line[:0], row.Table, cell(row.Row), cell(row.Named), row.Result, account, cell(row.Username),
		strconv.FormatInt(int64(row.Coins), 10), strconv.FormatInt(int64(row.Stakes), 10), attention, strings.Join(codes, " "), strings.Join(texts, "; "))
	return r.w.Write(r.line)
}

func (r *csvReport) end(any) error {
	r.w.Flush()
	return r.w.Error()
}

// cell keeps programs for tables from taking a player's name for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		if _, err := strconv.ParseInt(s, 10, 64); err != nil {
			return "'" + s
		}
	}
	return s
}

// jsonReport is one document: the rows, one on each line, and the summaries.
type jsonReport struct {
	w    *bufio.Writer
	rows int
}

func (r *jsonReport) row(row *Row) error {
	r.w.WriteString(map[bool]string{true: "{\"rows\": [\n", false: ",\n"}[r.rows == 0])
	r.rows++
	return json.MarshalWrite(r.w, row)
}

func (r *jsonReport) end(summaries any) error {
	if r.rows == 0 {
		r.w.WriteString("{\"rows\": [")
	}
	r.w.WriteString("\n], \"summary\": ")
	if err := json.MarshalWrite(r.w, summaries, json.Deterministic(true), jsontext.WithIndent("  ")); err != nil {
		return err
	}
	_, err := r.w.WriteString("}\n")
	return err
}
