package config

// Notifications says where messages for operators go.
type Notifications struct {
	// To are the destinations. Each gets every message. Empty: nobody is told.
	To NotifyURLs `name:"notify" group:"Notifications" placeholder:"URL" help:"Where messages about backups, disk, certificates, clock, leader, books and health go: https://host/path (JSON), slack+https://…, discord+https://…, ntfy+https://host/topic, smtp://user:password@host:587?from=…&to=… or smtps://…. Printed with scheme and host only."`
	// ToFile names a file with the URLs: other users can read a command line.
	ToFile string `name:"notify-file" group:"Notifications" placeholder:"FILE" help:"File that holds these URLs, one a line. Other users of the machine can read a command line, but not this."`
	// Secret is the key that generic webhooks are signed with; at least 16 characters. Empty: they are not signed.
	Secret     Secret `name:"notify-secret" kong:"-" group:"Notifications" help:"Key that messages to https://… are signed with (HMAC-SHA256), at least 16 characters. Empty: they are not signed."`
	SecretFile string `name:"notify-secret-file" group:"Notifications" placeholder:"FILE" help:"File that holds the key that messages are signed with."`
}

func (v *validator) notifications() {
	n := v.c.Notifications
	for i, u := range n.To {
		_, err := u.Destination()
		v.check(err == nil, "notify", "URL %d: %v", i+1, err)
	}
	v.check(len(n.To) <= maxDestinations, "notify", "%d destinations are too many: name at most %d", len(n.To), maxDestinations)
	v.check(n.Secret == "" || len(n.Secret) >= 16, "notify-secret", "shorter than 16 characters: make one with 'openssl rand -hex 24'")
}

// maxDestinations bounds the queues of messages.
const maxDestinations = 20
