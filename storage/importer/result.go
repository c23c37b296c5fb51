package importer

import "imperio/games"

// Row is a row of the source in the report.
type Row struct {
	Table    string      `json:"table"`
	Row      string      `json:"row"` // its id
	Named    string      `json:"named,omitzero"`
	Result   string      `json:"result"`
	Account  uint64      `json:"account,string,omitzero"`
	Username string      `json:"username,omitzero"`
	Coins    games.Coins `json:"coins"`
	Stakes   games.Coins `json:"stakes"`
	Notes    []Note      `json:"notes,omitzero"`
}

// The results of rows.
const (
	Imported        = "imported"
	WouldImport     = "would_import"
	AlreadyImported = "already_imported"
	Failed          = "failed"
	Returned        = "returned"
	WouldReturn     = "would_return"
	AlreadyReturned = "already_returned"
	NotReturned     = "not_returned"
	// Of a comparison:
	Equal        = "equal"
	ChangedSince = "changed_since" // by the player or an operator, as may be
	DeletedSince = "deleted_since"
	Differs      = "differs"
)

// Attention reports whether somebody should look at the row.
func (r *Row) Attention() bool {
	if r.Result == Failed || r.Result == Differs {
		return true
	}
	for _, n := range r.Notes {
		if attention[n.Code] {
			return true
		}
	}
	return false
}

// Summary counts what an import did, or would do.
type Summary struct {
	Users           int64          `json:"users"` // rows
	Imported        int64          `json:"imported"`
	AlreadyImported int64          `json:"already_imported"`
	Failed          int64          `json:"failed"`
	Coins           games.Coins    `json:"coins"`  // of the accounts imported now
	Stakes          games.Coins    `json:"stakes"` // returned now
	OpenGames       int64          `json:"open_games"`
	Returned        int64          `json:"returned"` // of the open games, now or before
	FinishedGames   int64          `json:"finished_games"`
	Attention       int64          `json:"attention"` // rows to look at
	Notes           map[string]int `json:"notes"`     // by code
	First           []Row          `json:"first"`     // of the rows to look at
}

// mostFirst is how many rows a summary holds.
const mostFirst = 20

func (s *Summary) add(r *Row) {
	for _, n := range r.Notes {
		s.Notes[n.Code]++
	}
	if r.Attention() {
		if s.Attention++; len(s.First) < mostFirst {
			s.First = append(s.First, *r)
		}
	}
	switch r.Result {
	case Imported, WouldImport:
		s.Imported++
		s.Coins += r.Coins
		s.Stakes += r.Stakes
	case AlreadyImported:
		s.AlreadyImported++
	case Failed:
		s.Failed++
	case Returned, WouldReturn, AlreadyReturned:
		s.Returned++
	}
	if r.Table == gamesTable {
		s.OpenGames++
	} else {
		s.Users++
	}
}
