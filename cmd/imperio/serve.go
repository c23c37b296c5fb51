package main

import "imperio/appliance"

type serveCommand struct {
	Configuration configurationFlags `embed:""`
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
	if err != nil {
		return err
	}
	return app.Run(env.Ctx)
}
