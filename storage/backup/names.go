package backup

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"imperio/storage/machine"
)

// In a target, a casino's backups have these names, in which times are the casino's, in UTC, and indexes those of log
// entries:
//
//	<casino>/<lineage>/archives/<time>-<index>.archive
//	<casino>/<lineage>/segments/<day>/<first>-<last>-<time of first>-<time of last>.segment
//
// They sort by time and by index. So a listing tells which moments can be restored.

// Origin is the name of a casino's first lineage.
const Origin = machine.FirstLineage

// LineageName is how a lineage is called in names and to people. Only the first one has an empty name in the state.
func LineageName(lineage string) string {
	if lineage == "" {
		return Origin
	}
	return lineage
}

// ArchiveInfo is what an archive's name says.
type ArchiveInfo struct {
	Object  Object
	Casino  string
	Lineage string    // as LineageName writes it
	Time    time.Time // the casino's, of the newest entry in it
	Index   uint64    // of that entry
	// Verified means that it is whole, as far as somebody has looked. Its name alone doesn't say so.
	Verified bool
}

// SegmentInfo is what a segment's name says.
type SegmentInfo struct {
	Object      Object
	Casino      string
	Lineage     string    // as LineageName writes it
	First, Last uint64    // indexes of the entries in it
	From, To    time.Time // the casino's time before the first entry, and at the last
}

const (
	stampLayout = "20060102T150405.000Z"
	dayLayout   = "2006-01-02"
)

func archiveName(casino, lineage string, at time.Time, index uint64) string {
	return fmt.Sprintf("%s%s-%020d.archive", archivesPrefix(casino, lineage), at.UTC().Format(stampLayout), index)
}

func segmentName(casino, lineage string, first, last uint64, from, to time.Time) string {
	return fmt.Sprintf("%s%s/%020d-%020d-%s-%s.segment", segmentsPrefix(casino, lineage),
		to.UTC().Format(dayLayout), first, last, from.UTC().Format(stampLayout), to.UTC().Format(stampLayout))
}

func casinoPrefix(casino string) string           { return casino + "/" }
func lineagePrefix(casino, lineage string) string { return casino + "/" + lineage + "/" }
func archivesPrefix(casino, lineage string) string {
	return lineagePrefix(casino, lineage) + "archives/"
}
func segmentsPrefix(casino, lineage string) string {
	return lineagePrefix(casino, lineage) + "segments/"
}

var (
	archivePattern = regexp.MustCompile(`^([^/]+)/([^/]+)/archives/(\d{8}T\d{6}\.\d{3}Z)-(\d{20})\.archive$`)
	segmentPattern = regexp.MustCompile(`^([^/]+)/([^/]+)/segments/[0-9-]{10}/(\d{20})-(\d{20})-(\d{8}T\d{6}\.\d{3}Z)-(\d{8}T\d{6}\.\d{3}Z)\.segment$`)
)

// parseArchive reads an archive's name. ok is false for any other object.
func parseArchive(o Object) (a ArchiveInfo, ok bool) {
	m := archivePattern.FindStringSubmatch(o.Name)
	if m == nil {
		return a, false
	}
	p := nameParser{}
	a = ArchiveInfo{Object: o, Casino: m[1], Lineage: m[2], Time: p.time(m[3]), Index: p.number(m[4])}
	return a, !p.failed
}

// parseSegment reads a segment's name. ok is false for any other object.
func parseSegment(o Object) (s SegmentInfo, ok bool) {
	m := segmentPattern.FindStringSubmatch(o.Name)
	if m == nil {
		return s, false
	}
	p := nameParser{}
	s = SegmentInfo{
		Object: o, Casino: m[1], Lineage: m[2], First: p.number(m[3]), Last: p.number(m[4]), From: p.time(m[5]), To: p.time(m[6]),
	}
	return s, !p.failed && s.First <= s.Last
}

type nameParser struct{ failed bool }

func (p *nameParser) time(text string) time.Time {
	t, err := time.Parse(stampLayout, text)
	p.failed = p.failed || err != nil
	return t
}

func (p *nameParser) number(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	p.failed = p.failed || err != nil
	return n
}

// unfinished ends the names of files that are being written.
const unfinished = ".unfinished"
