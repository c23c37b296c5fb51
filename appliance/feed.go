package appliance

import (
	"slices"
	"sync"

	"imperio/appliance/api"
	"imperio/storage/command"
)

// feed tells the parts of the casino what happens in it. It knows the commands that were proposed on this node. The zero
// value has no subscribers.
type feed struct {
	mu          sync.RWMutex
	subscribers []*subscriber // replaced, never changed; guarded by mu
}

type subscriber struct{ tell func(api.Event) }

// subscribe is api.Events.
func (f *feed) subscribe(tell func(api.Event)) (stop func()) {
	s := &subscriber{tell}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subscribers = append(slices.Clone(f.subscribers), s)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.subscribers = slices.DeleteFunc(slices.Clone(f.subscribers), func(other *subscriber) bool { return other == s })
	}
}

// publish tells all subscribers what became of a command.
func (f *feed) publish(c command.Command, r command.Result) {
	e, ok := api.EventOf(c, r)
	if !ok {
		return
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	for _, s := range f.subscribers {
		s.tell(e)
	}
}
