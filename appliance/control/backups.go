package control

import (
	"context"
	"errors"
	"time"

	"imperio/appliance/problem"
)

// Backups is the service that makes backups. Its methods are safe for concurrent use.
type Backups interface {
	// Start begins a backup in each target, and returns the number of the run. The error is ErrBackupRunning while one is made.
	Start() (run uint64, err error)
	// Drill begins a drill. The error is ErrBackupRunning while one is made.
	Drill() error
	Status() BackupStatus
}

// ErrBackupRunning says that what was asked for is under way already.
var ErrBackupRunning = errors.New("it is under way already")

// BackupRun is a backup that was begun.
type BackupRun struct {
	Run uint64 `json:"run"` // its number, for BackupStatus.Run
}

// BackupStatus is how backups stand. A time that is not known is left out, and so is an empty text.
type BackupStatus struct {
	Targets []BackupTarget `json:"targets"`
	Running []BackupWork   `json:"running"` // what is under way
	Run     BackupResults  `json:"run"`     // the backup that is made now, or was made last by this server
	// NextBackup and NextDrill are when the schedule asks for them.
	NextBackup    time.Time    `json:"next_backup,omitzero"`
	NextDrill     time.Time    `json:"next_drill,omitzero"`
	LastDrill     *BackupDrill `json:"last_drill,omitzero"`      // by this server
	LastGoodDrill time.Time    `json:"last_good_drill,omitzero"` // by any server
}

// BackupTarget is how a target stands. Index and Time tell up to where everything is in it.
type BackupTarget struct {
	Name            string    `json:"name"`
	State           string    `json:"state"` // connecting, shipping, failing, gap, no-archive, differs or standby
	Lineage         string    `json:"lineage,omitzero"`
	Index           uint64    `json:"index"`
	Time            time.Time `json:"time,omitzero"`
	LagSeconds      float64   `json:"lag_seconds"` // what happened in so many last seconds may be missing
	Error           string    `json:"error,omitzero"`
	FailsSince      time.Time `json:"fails_since,omitzero"`
	GapSince        time.Time `json:"gap_since,omitzero"`
	Differs         string    `json:"differs,omitzero"` // why its history is not this casino's
	Backups         int       `json:"backups"`          // whole ones
	Oldest          time.Time `json:"oldest,omitzero"`  // the first moment of this lineage that can be restored
	Newest          string    `json:"newest,omitzero"`
	NewestTime      time.Time `json:"newest_time,omitzero"`
	NewestIndex     uint64    `json:"newest_index"`
	NewestBytes     int64     `json:"newest_bytes"`
	BackupError     string    `json:"backup_error,omitzero"` // of the last attempt to make a whole one
	LastGoodDrill   time.Time `json:"last_good_drill,omitzero"`
	ShippedBytes    uint64    `json:"shipped_bytes"` // since the start
	ShippedSegments uint64    `json:"shipped_segments"`
	Errors          uint64    `json:"errors"`
}

// BackupWork is what is under way.
type BackupWork struct {
	What   string    `json:"what"` // archive or drill
	Target string    `json:"target"`
	Began  time.Time `json:"began"`
	Done   int64     `json:"done"`  // bytes
	Total  int64     `json:"total"` // 0: not known yet
}

// BackupResults is what became of a backup in each target.
type BackupResults struct {
	Number   uint64         `json:"number"` // 0: there was none
	Started  time.Time      `json:"started,omitzero"`
	Finished time.Time      `json:"finished,omitzero"` // left out: it goes on
	Results  []BackupResult `json:"results"`
}

// BackupResult is what became of a backup in a target.
type BackupResult struct {
	Target      string    `json:"target"`
	Error       string    `json:"error,omitzero"` // left out: it was made
	Name        string    `json:"name,omitzero"`
	Bytes       int64     `json:"bytes"`
	Index       uint64    `json:"index"`
	Time        time.Time `json:"time,omitzero"` // the casino's, in it
	TookSeconds float64   `json:"took_seconds"`
	Unchanged   bool      `json:"unchanged"` // it was there already, and nothing has happened since
}

// BackupDrill is the outcome of a drill.
type BackupDrill struct {
	At          time.Time `json:"at"`
	Target      string    `json:"target"`
	Backup      string    `json:"backup,omitzero"`
	Index       uint64    `json:"index"`
	Segments    int       `json:"segments"` // read after it
	Entries     uint64    `json:"entries"`
	TookSeconds float64   `json:"took_seconds"`
	OK          bool      `json:"ok"`
	Found       string    `json:"found"` // for people
}

// backups is the service, or the reason why there is none.
func (c *Control) backups() (Backups, error) {
	if c.o.Backups == nil {
		return nil, problem.New("backups_off", "No backups are configured. Name a target with --backup-to (IMPERIO_BACKUP_TO), and restart the casino.")
	}
	return c.o.Backups, nil
}

func (c *Control) startBackup(context.Context, None) (BackupRun, error) {
	b, err := c.backups()
	if err != nil {
		return BackupRun{}, err
	}
	run, err := b.Start()
	if errors.Is(err, ErrBackupRunning) {
		err = problem.New("backup_running", "A backup is being made already. See it with 'imperio backup status'.")
	}
	return BackupRun{run}, err
}

func (c *Control) startDrill(context.Context, None) (None, error) {
	b, err := c.backups()
	if err != nil {
		return None{}, err
	}
	if err = b.Drill(); errors.Is(err, ErrBackupRunning) {
		err = problem.New("backup_running", "A drill is under way already. See it with 'imperio backup status'.")
	}
	return None{}, err
}

func (c *Control) getBackupStatus(context.Context, None) (BackupStatus, error) {
	b, err := c.backups()
	if err != nil {
		return BackupStatus{}, err
	}
	return b.Status(), nil
}
