package logstore

import (
	"log/slog"
	"os"
	"syscall"

	"github.com/hashicorp/raft"

	"imperio/storage/engine"
)

// Read verifies a log that no process has open, like Open, and visits its entries in order. It writes nothing.
func Read(dir string, id Identity, visit func(*raft.Log) error) error {
	c, err := load(dir, id, os.O_RDONLY, syscall.LOCK_SH, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer c.close()
	for _, g := range c.live {
		b, err := g.read()
		if err != nil {
			return err
		}
		for i, at := range g.places {
			var l raft.Log
			index := g.first + uint64(i)
			if err := decodeEntry(b[at.at:at.at+at.size], index, c.seed, &l); err != nil {
				return &engine.DamageError{File: g.path, Part: theEntry(index), What: "the entry is not what was written", Err: err}
			}
			if err := visit(&l); err != nil {
				return err
			}
		}
	}
	return nil
}
