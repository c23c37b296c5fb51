package machine

import "imperio/storage/command"

// attempts is an index of the newest events by the commands that left them. In a cluster, most commands may have been
// proposed before, and each looks for its first attempt. It is only held in memory, and begins with the next event after a
// start. Only Apply uses it.
type attempts struct {
	from uint64 // events above it are in the index
	last uint64 // the newest event
	// commands has the command of the event n at n modulo its length. Adding to it costs a bet next to nothing.
	commands []command.ID
	// newestOf is the newest event of each command, up to the event found. It follows when somebody looks for a command, so that
	// a lone node has no work with it.
	newestOf map[command.ID]uint64
	found    uint64
}

func newAttempts(events uint64, most int) *attempts {
	return &attempts{from: events, last: events, found: events, commands: make([]command.ID, most), newestOf: make(map[command.ID]uint64)}
}

// add adds the next event. In a full index, it takes the place of the oldest one.
func (a *attempts) add(id command.ID) {
	a.last++
	most := uint64(len(a.commands))
	place := &a.commands[a.last%most]
	if a.last-a.from > most {
		a.from++
		if a.newestOf[*place] == a.from {
			delete(a.newestOf, *place)
		}
	}
	*place = id
}

// newest finds the newest event of a command.
func (a *attempts) newest(id command.ID) (event uint64, found bool) {
	for a.found = max(a.found, a.from); a.found < a.last; {
		a.found++
		a.newestOf[a.commands[a.found%uint64(len(a.commands))]] = a.found
	}
	event, found = a.newestOf[id]
	return event, found
}
