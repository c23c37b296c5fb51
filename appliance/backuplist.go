package appliance

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"imperio/appliance/config"
	"imperio/storage/backup"
)

// BackupList is what a target holds.
type BackupList struct {
	Target  string          `json:"target"`
	Casinos []CasinoBackups `json:"casinos"`
}

// CasinoBackups are the backups of one casino.
type CasinoBackups struct {
	Casino   string           `json:"casino"`
	Lineages []LineageBackups `json:"lineages"` // the oldest first
}

// LineageBackups are the backups of one lineage.
type LineageBackups struct {
	Lineage      string         `json:"lineage"`
	Began        time.Time      `json:"began,omitzero"` // by a restore
	Spans        []backup.Span  `json:"restorable"`
	Gaps         []backup.Hole  `json:"gaps"`
	Archives     []ListedBackup `json:"archives"` // the oldest first
	Segments     int            `json:"segments"`
	SegmentBytes int64          `json:"segment_bytes"`
}

// ListedBackup is one archive.
type ListedBackup struct {
	Name  string    `json:"name"`
	Time  time.Time `json:"time"` // the casino's
	Index uint64    `json:"index"`
	Size  int64     `json:"size"`
	// What the manifest says; nil where it was not read.
	Encrypted   *bool  `json:"encrypted,omitempty"`
	KeyIncluded *bool  `json:"key_included,omitempty"`
	Problem     string `json:"problem,omitzero"` // why its manifest can't be read
}

// listedManifests is how many archives of a lineage have their manifests read for a list, unless all are asked for.
const listedManifests = 5

// ListBackups lists what the target of a URL holds, or else the first configured one that answers. long reads the manifests of
// all archives.
func ListBackups(ctx context.Context, from string, long bool, c *config.Config, log *slog.Logger) (list BackupList, err error) {
	t, all, err := openBackups(ctx, from, &c.Backups, log)
	if err != nil {
		return list, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	list = BackupList{Target: t.String(), Casinos: []CasinoBackups{}}
	for i := range all {
		casino := CasinoBackups{Casino: all[i].Casino, Lineages: []LineageBackups{}}
		for j := range all[i].Lineages {
			l, err := listLineage(ctx, t, &all[i].Lineages[j], long)
			if err != nil {
				return list, err
			}
			casino.Lineages = append(casino.Lineages, l)
		}
		list.Casinos = append(list.Casinos, casino)
	}
	return list, nil
}

func listLineage(ctx context.Context, t backup.Target, l *backup.LineageInventory, long bool) (listed LineageBackups, err error) {
	spans, gaps := l.Spans()
	listed = LineageBackups{
		Lineage: l.Lineage, Began: l.Began(), Spans: append([]backup.Span{}, spans...), Gaps: append([]backup.Hole{}, gaps...),
		Archives: []ListedBackup{}, Segments: len(l.Segments),
	}
	for _, s := range l.Segments {
		listed.SegmentBytes += s.Object.Size
	}
	for i, a := range l.Archives {
		b := ListedBackup{Name: a.Object.Name, Time: a.Time, Index: a.Index, Size: a.Object.Size}
		if long || len(l.Archives)-i <= listedManifests {
			m, err := backup.ReadManifest(ctx, t, a.Object)
			switch {
			case ctx.Err() != nil:
				return listed, err
			case err != nil:
				b.Problem = err.Error()
			default:
				b.Encrypted, b.KeyIncluded = &m.Encrypted, &m.KeyIncluded
			}
		}
		listed.Archives = append(listed.Archives, b)
	}
	return listed, nil
}
