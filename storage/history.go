package storage

// EventHash is the hash of an event of the history, as the next event carries it; false if there is no such event.
func (s *Store) EventHash(event uint64) (hash [32]byte, found bool, err error) {
	err = s.read(func(r *reader) error {
		data, err := r.get(bHistory, eventKey(event))
		if err == nil && data != nil {
			hash, found = chainHash(data), true
		}
		return err
	})
	return hash, found, err
}
