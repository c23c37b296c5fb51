package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"imperio/appliance/config"
)

// nodeFlags say which running node to talk to, and which certificates to trust.
type nodeFlags struct {
	URL      string    `name:"url" placeholder:"URL" help:"Address of the casino, such as https://casino.example. The default is the local node, by its configuration."`
	CA       string    `name:"ca" placeholder:"FILE" help:"Root certificates in PEM to trust. The default is the system's."`
	Insecure bool      `name:"insecure" help:"Trust any certificate. For tests only."`
	Files    fileFlags `embed:""`
}

// node returns the address of the node, and the TLS configuration for it.
func (f *nodeFlags) node(env *environment) (url string, client *tls.Config, err error) {
	client = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.Insecure}
	if f.CA != "" {
		roots, err := os.ReadFile(f.CA)
		if err != nil {
			return "", nil, fmt.Errorf("read the root certificates: %w", err)
		}
		client.RootCAs = x509.NewCertPool()
		if !client.RootCAs.AppendCertsFromPEM(roots) {
			return "", nil, fmt.Errorf("%s contains no PEM certificate", f.CA)
		}
	}
	if f.URL != "" {
		return f.URL, client, nil
	}
	loaded, err := env.configuration()
	if err != nil {
		return "", nil, err
	}
	return localNode(&loaded.Config, client)
}

// localNode is the node on this machine. Its certificate has the domain's name. On loopback it trusts any certificate,
// since no other machine can answer there.
func localNode(c *config.Config, client *tls.Config) (string, *tls.Config, error) {
	scheme, address := "http", c.Listen.HTTPAddr
	if c.TLS.Mode != config.TLSOff {
		scheme, address = "https", c.Listen.HTTPSAddr
		if len(c.Listen.Domains) > 0 {
			client.ServerName = c.Listen.Domains[0]
		}
	}
	if address == "" {
		return "", nil, errors.New("the configuration has no address for players: give --url")
	}
	address, err := reachable(address)
	if err != nil {
		return "", nil, err
	}
	if client.RootCAs == nil && config.IsLoopback(address) {
		client.InsecureSkipVerify = true
	}
	return scheme + "://" + address, client, nil
}

// reachable is the address at which this machine reaches a listener.
func reachable(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("the configured address: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}
