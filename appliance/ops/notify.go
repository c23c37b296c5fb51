package ops

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Notifier sends messages to all destinations. Each has its own queue, so that one that fails never delays another. It is
// safe for concurrent use. Close ends it.
type Notifier struct {
	o       NotifierOptions
	boxes   []*outbox
	repeats repeats
	cancel  context.CancelFunc
	sending sync.WaitGroup
	closing chan struct{} // closed by Close

	mu     sync.Mutex
	closed bool // guarded by mu
}

// The kinds of destinations.
const (
	KindWebhook = "webhook" // JSON, signed
	KindSlack   = "slack"
	KindDiscord = "discord"
	KindNtfy    = "ntfy"
	KindMail    = "mail"
)

// notifyKinds and notifyResults are the values of the labels of metrics.
var (
	notifyKinds   = [...]string{KindWebhook, KindSlack, KindDiscord, KindNtfy, KindMail}
	notifyResults = [...]string{"sent", "failed", "dropped", "repeated"}
)

// NotifyDestination is where messages go. Its URL may hold secrets.
type NotifyDestination struct {
	Kind string
	URL  *url.URL // http or https; of mail: smtp, with STARTTLS unless the host is on loopback, or smtps
	From string   // of mail: an address
	To   []string // of mail: addresses
}

// NotifierOptions configure a Notifier.
type NotifierOptions struct {
	Destinations    []NotifyDestination
	Secret          string // signs messages to webhooks; "": they are not signed
	Casino, Version string // name the sender
	Log             *slog.Logger
	// Observe counts what became of a message to one destination: "sent", "failed", "dropped" or "repeated"; nil: nobody counts.
	Observe func(kind, result string)
	Roots   *x509.CertPool // whom to trust; nil: the system's
	// Dial connects to a host and port; nil: by the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	Repeat  time.Duration // how long a message that only repeats the last is not sent again; 0: an hour
	Timeout time.Duration // of one try; 0: 15 seconds
	Queue   int           // messages that may wait for each destination; 0: 100
	// Failed tries are repeated after First, 0: 2 seconds, then twice as long each time, up to Longest, 0: 10 minutes. A message is
	// given up after so many Tries, 0: 20, or past the Age, 0: 6 hours.
	First, Longest, Age time.Duration
	Tries               int
}

// defaults fills in what is not given.
func (o *NotifierOptions) defaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(string, string) {}
	}
	for _, d := range []struct {
		value  *time.Duration
		normal time.Duration
	}{
		{&o.Repeat, time.Hour}, {&o.Timeout, 15 * time.Second}, {&o.First, 2 * time.Second}, {&o.Longest, 10 * time.Minute}, {&o.Age, 6 * time.Hour},
	} {
		if *d.value == 0 {
			*d.value = d.normal
		}
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Timeout: o.Timeout}).DialContext
	}
	if o.Queue == 0 {
		o.Queue = 100
	}
	if o.Tries == 0 {
		o.Tries = 20
	}
}

// NewNotifier makes a Notifier, which begins to send at once. Without destinations it drops everything.
func NewNotifier(o NotifierOptions) (*Notifier, error) {
	o.defaults()
	ctx, cancel := context.WithCancel(context.Background())
	n := &Notifier{o: o, cancel: cancel, closing: make(chan struct{}), repeats: repeats{window: o.Repeat}}
	web := newWebClient(o)
	for _, d := range o.Destinations {
		switch d.Kind {
		case KindWebhook, KindSlack, KindDiscord, KindNtfy:
			n.add(d, &webSender{client: web, kind: d.Kind, url: d.URL, secret: o.Secret, version: o.Version})
		case KindMail:
			for _, to := range d.To { // apart, so that one refused address costs no other its mail
				n.add(d, &mailSender{url: d.URL, from: d.From, to: to, roots: o.Roots, timeout: o.Timeout, dial: o.Dial})
			}
		default:
			cancel()
			return nil, fmt.Errorf("there are no notifications of the kind %q", d.Kind)
		}
	}
	for _, b := range n.boxes {
		n.sending.Go(func() { b.run(ctx, n.closing) })
	}
	return n, nil
}

func (n *Notifier) add(d NotifyDestination, s sender) {
	n.boxes = append(n.boxes, &outbox{o: &n.o, kind: d.Kind, host: d.URL.Host, sender: s, wake: make(chan struct{}, 1)})
}

// Notify sends a message to all destinations. It returns at once, and never fails: if too many messages wait, the oldest are
// dropped. A message that only repeats the last one about its subject is not sent within an hour.
func (n *Notifier) Notify(m Message) {
	if len(n.boxes) == 0 {
		return
	}
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	m = m.bounded()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	if !n.repeats.isNews(&m, time.Now()) {
		for _, b := range n.boxes {
			n.o.Observe(b.kind, "repeated")
		}
		return
	}
	for _, b := range n.boxes {
		b.put(n.letter(m))
	}
}

func (n *Notifier) letter(m Message) *letter {
	return &letter{Message: m, id: strings.ToLower(rand.Text()), casino: n.o.Casino, version: n.o.Version}
}

// Waiting is how many messages wait for their destinations.
func (n *Notifier) Waiting() int {
	waiting := 0
	for _, b := range n.boxes {
		waiting += b.waiting()
	}
	return waiting
}

// Outcome is what became of a message to one destination.
type Outcome struct {
	Kind    string // of the destination
	Host    string // of the destination, perhaps with a port
	Problem string // why it was not sent; "" if it was
}

// Try sends a message to all destinations now, once, without a queue. It waits at most as long as one try may take.
func (n *Notifier) Try(ctx context.Context, m Message) []Outcome {
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	m = m.bounded()
	outcomes := make([]Outcome, len(n.boxes))
	var trying sync.WaitGroup
	for i, b := range n.boxes {
		trying.Go(func() {
			outcomes[i] = Outcome{Kind: b.kind, Host: b.host}
			if failed := b.try(ctx, n.letter(m)); failed != nil {
				outcomes[i].Problem = failed.reason
			}
		})
	}
	trying.Wait()
	return outcomes
}

// Close takes no more messages, and tries once more to send those that wait, until ctx ends. The log says how many were not sent.
func (n *Notifier) Close(ctx context.Context) error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	n.mu.Unlock()
	close(n.closing)
	stop := context.AfterFunc(ctx, n.cancel)
	defer stop()
	n.sending.Wait()
	n.cancel()
	return nil
}
