// Package deploy has the files that an installation puts onto a machine. The program carries them, so that it can install itself
// without anything beside it.
package deploy

import _ "embed" // for the files

// Service and Socket are systemd's units. Environment is the template of the file with the configuration.
var (
	//go:embed systemd/imperio.service
	Service string
	//go:embed systemd/imperio.socket
	Socket string
	//go:embed imperio.env.example
	Environment string
)
