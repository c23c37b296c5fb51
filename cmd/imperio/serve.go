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
)

type serveCommand struct {
	Configuration configurationFlags `embed:""`
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

	app, err := appliance.New(env.Ctx, appliance.Options{
		Config: loaded.Config, Version: thisBuild().version, Commit: thisBuild().commit, Logs: env.Stderr, LimitHeap: limitHeap,
	})
	if env.Ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // told to stop while it started
	}
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	var owned sync.WaitGroup
	owned.Go(func() {
		for {
			select {
			case <-hangups:
				app.Reload()
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
