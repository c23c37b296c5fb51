package main

import (
	"context"
	"errors"

	"imperio/appliance"
)

type serveCommand struct {
	Configuration configurationFlags `embed:""`
}

// Help explains the verb.
func (serveCommand) Help() string {
	return `Without a flag it keeps its data in ./imperio-data and serves http://127.0.0.1:8080. With --domain it serves HTTPS on port 443 with certificates by ACME, and redirects from port 80. Every flag is also an environment variable and a key of the file of --config: see imperio config reference.

SIGINT and SIGTERM stop it: it finishes what runs, and closes its data. The exit code is then 0.

Examples:

  imperio serve
  imperio serve --data-dir /var/lib/imperio --domain casino.example
  imperio serve --config /etc/imperio/imperio.toml`
}

// Run serves until the process is told to stop.
func (c *serveCommand) Run(env *environment) error {
	loaded, err := env.configuration()
	if err != nil {
		return err
	}
	if err := loaded.Config.Validate(); err != nil {
		return err
	}
	app, err := appliance.New(env.Ctx, appliance.Options{
		Config: loaded.Config, Version: thisBuild().version, Commit: thisBuild().commit, Logs: env.Stderr, LimitHeap: limitHeap,
	})
	if env.Ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // told to stop while it started
	}
	if err != nil {
		return err
	}
	welcome(env, loaded.Config.Logs.Format, app)
	return app.Run(env.Ctx)
}
