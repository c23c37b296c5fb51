package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"imperio/appliance"
	"imperio/appliance/config"
	"imperio/appliance/service"
)

type serveCommand struct {
	Configuration configurationFlags `embed:""`
}

// Help explains the verb.
func (serveCommand) Help() string {
	return `Without a flag it keeps its data in ./imperio-data and serves http://127.0.0.1:8080. With --domain it serves HTTPS on port 443 with certificates by ACME, and redirects from port 80. Every flag is also an environment variable and a key of the file of --config: see imperio config reference.

SIGINT and SIGTERM stop it: it finishes what runs, and closes its data. The exit code is then 0. SIGHUP does what imperio reload does.

Examples:

  imperio serve
  imperio serve --data-dir /var/lib/imperio --domain casino.example
  imperio serve --env-file /etc/imperio/imperio.env
  imperio serve --config /etc/imperio/imperio.toml`
}

// Run serves until the process is told to stop.
func (c *serveCommand) Run(env *environment) error {
	loaded, err := config.LoadValid(env.input())
	if err != nil {
		return err
	}
	// A casino outlives whatever reads its log: lines that can't be written are dropped and counted. Other verbs end with
	// their reader.
	signal.Ignore(syscall.SIGPIPE)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)

	sockets, err := service.Inherited()
	if err != nil {
		return err
	}
	program, err := service.Program()
	if err != nil { // a system without /proc, say
		complaints(env).Warn("'imperio restart' and 'imperio upgrade' can't work here", "error", err)
	}
	app, err := appliance.New(env.Ctx, appliance.Options{
		Sockets: sockets, Supervisor: service.NewSupervisor(), Program: program,
		Config: loaded.Config, Version: thisBuild().version, Commit: thisBuild().commit, Logs: env.Stderr, LimitHeap: limitHeap,
		Reload: func() (*config.Loaded, error) { return config.LoadValid(env.input()) },
	})
	if env.Ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // told to stop while it started
	}
	if err != nil {
		return err
	}
	welcome(env, loaded.Config.Logs.Format, app)
	ended := make(chan struct{})
	var owned sync.WaitGroup
	owned.Go(func() {
		for {
			select {
			case <-hangups:
				if _, err := app.Reload(env.Ctx); err != nil {
					complaints(env).Error("the configuration was not reloaded", "error", err)
				}
			case <-ended:
				return
			}
		}
	})
	err = app.Run(env.Ctx)
	close(ended)
	owned.Wait()
	return err
}
