package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// makeArchive writes the archive for a platform and the list of what is in its program. It returns the names of both files.
func (r *release) makeArchive(ctx context.Context, p platform, documents []entry) ([]string, error) {
	binary, err := r.build(ctx, p)
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	bom, err := r.components(ctx, binary, p)
	if err != nil {
		return nil, err
	}
	name := strings.Join([]string{"imperio", strings.TrimPrefix(r.version, "v"), p.os, p.fileArch()}, "_")
	entries := append(slices.Clone(documents), entry{"imperio", 0o755, program}, entry{"imperio.cdx.json", 0o644, bom})
	entries = append(entries, entry{sumsFile, 0o644, sumsOf(entries)}) // install.sh checks the program with it
	var archive bytes.Buffer
	if err := writeArchive(&archive, name, entries, r.time); err != nil {
		return nil, err
	}
	made := []string{name + ".tar.gz", name + ".cdx.json"}
	if err := os.WriteFile(filepath.Join(r.out, made[0]), archive.Bytes(), 0o644); err != nil {
		return nil, err
	}
	return made, os.WriteFile(filepath.Join(r.out, made[1]), bom, 0o644)
}

// writeArchive writes files below a directory top, so that the same files give the same bytes: sorted, with one time, and owned
// by root, by number.
func writeArchive(w io.Writer, top string, entries []entry, at time.Time) error {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	zipped, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(zipped)
	written := make(map[string]bool)
	add := func(header tar.Header, data []byte) error {
		header.ModTime, header.Format = at, tar.FormatUSTAR
		if err := archive.WriteHeader(&header); err != nil {
			return err
		}
		_, err := archive.Write(data)
		return err
	}
	for _, e := range entries {
		name := path.Join(top, e.name)
		for _, dir := range above(name) {
			if written[dir] {
				continue
			}
			written[dir] = true
			if err := add(tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}, nil); err != nil {
				return err
			}
		}
		if err := add(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(e.mode), Size: int64(len(e.data))}, e.data); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return zipped.Close()
}

// above are the directories above a file, the outermost first.
func above(name string) (dirs []string) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		dirs = append(dirs, dir)
	}
	slices.Reverse(dirs)
	return dirs
}

// zip compresses a file as gzip -9n does.
func zip(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
