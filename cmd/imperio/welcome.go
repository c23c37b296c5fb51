package main

import (
	"io"
	"os"

	"imperio/appliance"
	"imperio/appliance/config"
	"imperio/appliance/terminal"
)

// welcome tells a person at a terminal where the casino is. A supervisor, a file and a program that reads the log get only the log.
func welcome(env *environment, format config.LogFormat, app *appliance.App) {
	if format == config.LogJSON || !terminal.Is(env.Stdout) || !terminal.Is(env.Stderr) {
		return
	}
	io.WriteString(env.Stdout, app.Welcome(os.Args[0]))
}
