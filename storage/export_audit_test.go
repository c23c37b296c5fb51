package storage

// TamperMachine changes what the machine knows about itself, in memory alone.
func TamperMachine(s *Store, fn func(m *MachineRecord)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.head)
}
