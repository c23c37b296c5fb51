package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// State is how far an upgrade is.
type State string

// The states of an upgrade that is written down. Before OnTrial and after its end there is no journal.
const (
	// OnTrial: the new program is about to be put in place, or is there, and has not proven itself yet.
	OnTrial State = "trial"
	// GoingBack: the new program has failed, and the one before is about to be put back, or is back.
	GoingBack State = "back"
)

// Journal is what is written down about an upgrade, beside the program. It exists from before the new program is put in
// place until that has proven itself. So whoever finds it knows what to do, whatever was killed in between.
type Journal struct {
	ID          string    `json:"id"`
	State       State     `json:"state"`
	From        string    `json:"from"`         // version of the program before
	To          string    `json:"to"`           // version of the new one
	Sum         string    `json:"sha256"`       // of the new program, in hex
	PreviousSum string    `json:"previous_sum"` // SHA-256 of the program before
	DataDir     string    `json:"data_dir"`
	Started     time.Time `json:"started"`
	// Deadline is when an upgrade whose verb has died counts as failed, if the new program was never ready.
	Deadline time.Time `json:"deadline"`
	// Watch is how long the new program must stay ready without a break to be proven.
	Watch  time.Duration `json:"watch"`
	Starts int           `json:"starts"` // by the supervisor, while no verb watched
	Reason string        `json:"reason,omitempty"`
}

// The files beside the installed program. Only who may replace the program may write them.
const (
	previousSuffix = ".previous" // the program before
	newSuffix      = ".new"      // being copied and proven
	failedSuffix   = ".failed"   // a new program that did not prove itself
	journalSuffix  = ".upgrade"
	lockSuffix     = ".lock" // held while an upgrade works
)

// ReadJournal reads the journal beside an installed program. Without one the error is fs.ErrNotExist.
func ReadJournal(installed string) (Journal, error) {
	var j Journal
	data, err := os.ReadFile(installed + journalSuffix)
	if err != nil {
		return j, err
	}
	if err := json.Unmarshal(data, &j); err != nil || j.ID == "" || j.State != OnTrial && j.State != GoingBack {
		return j, fmt.Errorf("%s is not a journal of an upgrade. Look at it, and remove it if the casino runs well", installed+journalSuffix)
	}
	return j, nil
}

// writeJournal writes the journal durably. After a crash either the old or the new one is there.
func writeJournal(installed string, j *Journal) error {
	data, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(installed+journalSuffix, append(data, '\n'), 0o644)
}

// removeJournal ends an upgrade.
func removeJournal(installed string) error {
	if err := os.Remove(installed + journalSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(installed))
}

// NoteFile is the name of the file in the data directory in which the server notes what became of an upgrade. The server may
// not write the journal.
const NoteFile = "upgrade.note"

// Note is what a server says about an upgrade. It is written by the casino's user: nothing but the word of the program that
// is on trial, and only its id and its verdict are ever looked at.
type Note struct {
	ID     string `json:"id"`
	Proven bool   `json:"proven,omitempty"` // the new program stayed ready for as long as the journal asks
	Told   bool   `json:"told,omitempty"`   // the operators got a message about how it ended
}

// ReadNote reads the server's note about an upgrade; the zero Note if there is none, or one about another upgrade. Root may
// call it: it follows no link, and reads no more than a note.
func ReadNote(dataDir, id string) Note {
	f, err := os.OpenFile(filepath.Join(dataDir, NoteFile), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Note{}
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return Note{}
	}
	var n Note
	data, err := io.ReadAll(io.LimitReader(f, 1<<10))
	if err != nil || json.Unmarshal(data, &n) != nil || n.ID != id {
		return Note{}
	}
	return n
}

// Previous is where the program before is kept.
func Previous(installed string) string { return installed + previousSuffix }
