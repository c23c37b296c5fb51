package network

import "time"

// ListenWithin is Listen with other limits.
func ListenWithin(o Options, handshake, stream time.Duration) (*Network, error) {
	return listen(o, limits{handshake, stream})
}
