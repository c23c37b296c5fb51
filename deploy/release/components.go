package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// bom is a list of a program's components in the form of CycloneDX 1.6, as far as it is used here.
type bom struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp  string      `json:"timestamp"`
	Lifecycles []lifecycle `json:"lifecycles"`
	Component  component   `json:"component"`
}

type lifecycle struct {
	Phase string `json:"phase"`
}

type component struct {
	Type     string   `json:"type"`
	Ref      string   `json:"bom-ref"`
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Hashes   []hash   `json:"hashes,omitempty"`
	Licenses []choice `json:"licenses"`
	PURL     string   `json:"purl"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

// choice is an expression of SPDX.
type choice struct {
	Expression string `json:"expression"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// components lists all modules in a program, as Go has recorded them in it, with their licences. A module whose licence it does
// not know is an error: a person must look at it.
func (r *release) components(ctx context.Context, binary string, p platform) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	dirs, err := moduleDirs(ctx)
	if err != nil {
		return nil, err
	}
	version := strings.TrimPrefix(r.version, "v")
	self := component{
		Type: "application", Ref: "imperio", Name: "imperio", Version: version,
		Hashes:   []hash{{"SHA-256", fmt.Sprintf("%x", sha256.Sum256(program))}},
		Licenses: []choice{{"Apache-2.0"}},
		PURL:     fmt.Sprintf("pkg:generic/imperio@%s?os=%s&arch=%s", version, p.os, p.fileArch()),
	}
	std := strings.TrimPrefix(info.GoVersion, "go")
	components := []component{{
		Type: "library", Ref: "pkg:golang/std@" + std, Name: "std", Version: std, Licenses: []choice{{"BSD-3-Clause"}}, PURL: "pkg:golang/std@" + std,
	}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		expression, err := licence(dirs[m.Path+"@"+m.Version])
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", m.Path, m.Version, err)
		}
		purl := "pkg:golang/" + m.Path + "@" + m.Version
		components = append(components, component{Type: "library", Ref: purl, Name: m.Path, Version: m.Version, Licenses: []choice{{expression}}, PURL: purl})
	}
	needs := dependency{Ref: self.Ref}
	for _, c := range components {
		needs.DependsOn = append(needs.DependsOn, c.Ref)
	}
	list := bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6", Version: 1,
		Metadata:     metadata{r.time.Format(time.RFC3339), []lifecycle{{"build"}}, self},
		Components:   components,
		Dependencies: []dependency{needs},
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err = encoder.Encode(list)
	return b.Bytes(), err
}

// moduleDirs are the directories of the modules that the repository requires, by path@version.
func moduleDirs(ctx context.Context) (map[string]string, error) {
	out, err := output(ctx, "go", "list", "-m", "-json=Path,Version,Dir", "all")
	if err != nil {
		return nil, err
	}
	dirs := make(map[string]string)
	for modules := json.NewDecoder(bytes.NewReader(out)); ; {
		var m struct{ Path, Version, Dir string }
		if err := modules.Decode(&m); errors.Is(err, io.EOF) {
			return dirs, nil
		} else if err != nil {
			return nil, err
		}
		dirs[m.Path+"@"+m.Version] = m.Dir
	}
}

// licences are sentences that only one licence has, by its name in SPDX.
var licences = []struct{ id, text string }{
	{"Apache-2.0", "apache license version 2.0, january 2004"},
	{"BSD-3-Clause", "redistribution and use in source and binary forms"}, // or BSD-2-Clause, see below
	{"CC0-1.0", "creative commons cc0 1.0 universal"},
	{"CC0-1.0", "cc0 1.0 universal"},
	{"ISC", "permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided"},
	{"ISC", "permission to use, copy, modify, and distribute this software for any purpose with or without fee is hereby granted, provided"},
	{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy"},
	{"MPL-2.0", "mozilla public license, version 2.0"},
	{"MPL-2.0", "mozilla public license version 2.0"},
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying)([.-].*)?$`)

// licence reads the licence files at the top of a module. Several texts make an expression with AND: all of them apply, each to
// a part of it.
func licence(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("find its licence: %w", err)
	}
	var found []string
	for _, e := range entries {
		if !e.Type().IsRegular() || !licenceFile.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		found = append(found, licencesIn(string(text))...)
	}
	slices.Sort(found)
	found = slices.Compact(found)
	if len(found) == 0 {
		return "", errors.New("its licence is unknown: look at it, and add its text to deploy/release/components.go if it may be used")
	}
	return strings.Join(found, " AND "), nil
}

// licencesIn names the licences in a text.
func licencesIn(text string) (found []string) {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, l := range licences {
		if !strings.Contains(text, l.text) {
			continue
		}
		id := l.id
		if id == "BSD-3-Clause" && !strings.Contains(text, "may be used to endorse or promote products") {
			id = "BSD-2-Clause"
		}
		found = append(found, id)
	}
	return found
}
