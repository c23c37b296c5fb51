package main

import (
	"fmt"
	"log/slog"

	"imperio/appliance"
	"imperio/appliance/control"
)

type tlsCommand struct {
	Root   tlsRootCommand   `cmd:"" help:"Print the root certificate of tls=internal in PEM, for clients to trust."`
	Forget tlsForgetCommand `cmd:"" help:"Delete all stored certificates, keys and ACME accounts of a stopped casino. Use it when one of them is in wrong hands."`
}

// complaints is a logger for warnings and errors, on standard error.
func complaints(env *environment) *slog.Logger {
	return slog.New(slog.NewTextHandler(env.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

type tlsRootCommand struct {
	Data     dataDirFlags `embed:""`
	jsonFlag `embed:""`
}

// Help explains the verb.
func (tlsRootCommand) Help() string {
	return `Clients that trust it trust every certificate that the casino makes for itself.

Examples:

  imperio tls root
  imperio tls root --data-dir /var/lib/imperio`
}

// Run prints the certificate.
func (c *tlsRootCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	root, err := appliance.TLSRoot(env.Ctx, loaded.Config.Data, complaints(env))
	if err != nil {
		return err
	}
	if c.JSON {
		return env.printJSON(control.RootCertificate{PEM: string(root)})
	}
	_, err = env.Stdout.Write(root)
	return err
}

type tlsForgetCommand struct {
	Data     dataDirFlags `embed:""`
	jsonFlag `embed:""`
}

// Help explains the verb.
func (tlsForgetCommand) Help() string {
	return `Examples:

  imperio tls forget --data-dir /var/lib/imperio`
}

// Run deletes what is stored.
func (c *tlsForgetCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	n, err := appliance.ForgetTLS(env.Ctx, loaded.Config.Data, complaints(env))
	if err != nil {
		return err
	}
	if c.JSON {
		return env.printJSON(struct {
			Deleted int `json:"deleted"`
		}{n})
	}
	if n == 0 {
		fmt.Fprintln(env.Stdout, "Nothing was stored.")
		return nil
	}
	fmt.Fprintf(env.Stdout, "%d stored values are deleted. The next start gets new certificates. Clients that trusted the root of tls=internal must trust the new one.\n", n)
	return nil
}
