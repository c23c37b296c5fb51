package main

import (
	"strings"
	"testing"
	"time"
)

func TestMoment_NeedsAZoneAndLiesInThePast(t *testing.T) {
	local := time.Local
	time.Local = time.FixedZone("Somewhere", 3600)
	t.Cleanup(func() { time.Local = local })
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{ // a time, or what the refusal says
		"2026-11-20T10:00:00Z":           "2026-11-20T10:00:00Z",
		"2026-11-20T11:00:00.25+01:00":   "2026-11-20T10:00:00.25Z",
		"2026-11-20T10:00:00":            "Write 2026-11-20T10:00:00Z if it is UTC, or 2026-11-20T10:00:00+01:00 if it is the local time",
		"2026-11-20 10:00:00.5":          "2026-11-20T10:00:00.5Z if it is UTC, or 2026-11-20T10:00:00.5+01:00",
		"2026-11-20T10:00":               "2026-11-20T10:00:00Z",
		"2026-11-20":                     "2026-11-20T00:00:00Z if it is UTC, or 2026-11-20T00:00:00+01:00",
		"2026-11-20T12:00:00.000000001Z": "in the future",
		"yesterday":                      "is no time",
		"10:00":                          "is no time",
	} {
		at, err := parseMoment(text, now)
		got := at.UTC().Format(time.RFC3339Nano)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || err == nil && got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if _, err := (&backupRestoreCommand{At: "2026-11-20T10:00:00Z", Index: 3}).moment(now); err == nil {
		t.Error("both a time and an index are taken")
	}
}
