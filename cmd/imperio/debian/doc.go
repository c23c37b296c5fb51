// Package debian tests the program as a service in a real Debian with a real systemd: installing, running, upgrading and
// uninstalling. The machine is a directory that 'make build/debian' makes, booted in a container without a network. It holds
// only tests.
package debian
