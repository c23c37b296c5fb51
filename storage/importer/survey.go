package importer

import (
	"context"
	"hash/maphash"
)

// survey is what the first reading of the users finds out: who keeps which name and address. Names and addresses are kept as hashes
// under a random key. That two of a million are the same by chance happens once in some ten million imports, and costs a player the
// spelling of a name.
type survey struct {
	seed   maphash.Seed
	names  map[uint64]int64 // folded names: the lowest id with it as its own
	emails map[uint64]int64 // folded addresses: the lowest id with it
	looks  map[uint64]int64 // looks of the names that stay, during the reading: the lowest id with it
	alike  map[int64]int64  // rows whose names look like that of another row: that row
}

func (s *survey) hash(key string) uint64 { return maphash.String(s.seed, key) }

// surveyed is a row of the first reading.
type surveyed struct {
	id                int64
	name, email       value
	key, emailKey, as uint64 // 0: none
}

// readNames makes the survey.
func readNames(ctx context.Context, s *Source, names *Names, progress func(rows int)) (*survey, error) {
	v := &survey{seed: maphash.MakeSeed(), names: make(map[uint64]int64), emails: make(map[uint64]int64), looks: make(map[uint64]int64), alike: make(map[int64]int64)}
	var last idOrder
	err := inOrder(ctx, func(ctx context.Context, emit func([]surveyed) error) error {
		var batch []surveyed
		err := s.users(ctx, true, func(u user) error {
			if last.check(u.id) != nil {
				return nil
			}
			if batch = append(batch, surveyed{id: u.id.number, name: u.name, email: u.email}); len(batch) < BatchSize {
				return nil
			}
			err := emit(batch)
			batch = nil
			return err
		})
		if err != nil || len(batch) == 0 {
			return err
		}
		return emit(batch)
	}, func(batch []surveyed) {
		for i := range batch {
			v.look(names, &batch[i])
		}
	}, func(_ context.Context, batch []surveyed) error {
		for i := range batch {
			v.add(&batch[i])
		}
		progress(len(batch))
		return nil
	})
	v.looks = nil // a million take some 50 MB
	return v, err
}

func (s *survey) look(names *Names, row *surveyed) {
	if own := names.rulesFor(row.id, row.name); own.why == "" {
		row.key, row.as = s.hash(own.own.key), s.hash(names.Look(own.own.shown))
	}
	if _, key, _ := names.emailRule(row.email); key != "" {
		row.emailKey = s.hash(key)
	}
}

func (s *survey) add(row *surveyed) {
	if _, taken := s.emails[row.emailKey]; !taken && row.emailKey != 0 {
		s.emails[row.emailKey] = row.id
	}
	if _, taken := s.names[row.key]; taken || row.key == 0 {
		return
	}
	s.names[row.key] = row.id
	first, others := s.looks[row.as]
	if !others {
		s.looks[row.as] = row.id
		return
	}
	s.alike[row.id] = first
	if _, known := s.alike[first]; !known {
		s.alike[first] = row.id
	}
}

// idOrder finds ids that can't be used, in rows that come in the order of their ids.
type idOrder struct {
	last int64
	any  bool
}

// check returns what is wrong with the next id; nil: nothing.
func (o *idOrder) check(id value) *Note {
	if id.kind != integer {
		n := note("id_unusable", "the id is %s", id.shown())
		return &n
	}
	if o.any && id.number == o.last {
		n := note("id_twice", "the row before has the id %d as well", id.number)
		return &n
	}
	o.last, o.any = id.number, true
	return nil
}
