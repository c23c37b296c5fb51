package endtoend

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A kept data directory is a file of text, since the repository holds no binaries: a line that says what it is, what is known
// of its content as JSON, an empty line, and the files as tar, gzip and base64. Files of the log are mostly zeroes at their
// end. Those are left out, and the size is kept.

// sizeRecord is the record of a file's whole size in the tar archive.
const sizeRecord = "IMPERIO.size"

// lineLength of base64.
const lineLength = 120

// packDirectory writes a data directory as a file of text.
func packDirectory(t *testing.T, dir, file, title string, about any) {
	t.Helper()
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(zip)
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		size := len(content)
		content = bytes.TrimRight(content, "\x00")
		h := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(content)), Format: tar.FormatPAX,
			PAXRecords: map[string]string{sizeRecord: strconv.Itoa(size)}}
		if err := archive.WriteHeader(&h); err != nil {
			return err
		}
		_, err = archive.Write(content)
		return err
	})
	if err := errors.Join(err, archive.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	facts, err := json.MarshalIndent(about, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	text.WriteString(title + "\n" + string(facts) + "\n\n")
	for rest := base64.StdEncoding.EncodeToString(packed.Bytes()); rest != ""; {
		line := rest[:min(lineLength, len(rest))]
		text.WriteString(line + "\n")
		rest = rest[len(line):]
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// unpackDirectory makes a data directory of a file of text.
func unpackDirectory(t *testing.T, file, dir string, about any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte("\n"))
	facts, packed, found := bytes.Cut(rest, []byte("\n\n"))
	if !found || json.Unmarshal(facts, about) != nil {
		t.Fatalf("%s is no kept data directory", file)
	}
	zip, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(packed)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(zip); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = unpackFile(archive, h, filepath.Join(dir, h.Name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func unpackFile(from io.Reader, h *tar.Header, path string) error {
	size, err := strconv.ParseInt(h.PAXRecords[sizeRecord], 10, 64)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path, content, 0o600), os.Truncate(path, size))
}
