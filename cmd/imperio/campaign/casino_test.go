package campaign

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"imperio/appliance"
	"imperio/appliance/bench"
	"imperio/appliance/control"
)

// casino is a running casino.
type casino struct {
	*bench.OwnCasino
	directory string
	killed    bool // by the campaign
}

// withCasino runs a casino while do runs. It makes the casino first if it is not made yet.
func (m *campaign) withCasino(ctx context.Context, c *populated, do func(*casino) error) error {
	if err := m.make(ctx, c); err != nil {
		return err
	}
	own, err := m.program.StartCasino(ctx, c.directory)
	if err != nil {
		return err
	}
	running := &casino{OwnCasino: own, directory: c.directory}
	err = do(running)
	if stopped := own.Stop(); !running.killed {
		err = errors.Join(err, stopped)
	}
	return err
}

// play returns the options for playing slots against one of the campaign's casinos.
func (m *campaign) play(c *casino, tokens []string) bench.Options {
	return bench.Options{
		URL: c.URL, TLS: c.TLS(), Connections: m.connections, Tokens: tokens, Duration: m.duration,
		Mix: bench.Mix{Slots: 1}, Stake: 2, Patience: m.patience, Progress: m.progress,
	}
}

// side is a casino's side in a comparison by turns. The cost of a turn includes the checkpoint of its bets.
func (m *campaign) side(c *casino, tokens []string) bench.Side {
	return bench.Side{Options: m.play(c, tokens), Rest: func(ctx context.Context) (time.Duration, error) {
		err := c.ask(ctx, func(client *control.Client) error {
			_, err := control.WriteCheckpoint.Call(ctx, client, control.None{})
			return err
		})
		if err != nil {
			return 0, err
		}
		return processorTime(c.Process.Pid)
	}}
}

// ask opens the casino's operator socket.
func (c *casino) ask(ctx context.Context, do func(*control.Client) error) error {
	client, err := control.Dial(ctx, filepath.Join(c.directory, appliance.SocketFile))
	if err != nil {
		return err
	}
	defer client.Close()
	return do(client)
}

// kill ends the casino at once with SIGKILL.
func (c *casino) kill() error {
	if err := c.Process.Kill(); err != nil {
		return fmt.Errorf("kill the casino on %s: %w", c.directory, err)
	}
	c.killed = true
	c.Stop() // waits; its error says that the casino was killed
	return nil
}

// killUnderLoad kills a casino between two checkpoints while these players play.
func (m *campaign) killUnderLoad(ctx context.Context, c *casino, tokens []string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	options := m.play(c, tokens)
	options.Duration = time.Hour // until it is killed
	options.Patience = 100 * time.Millisecond
	options.Progress = nil
	played := make(chan error, 1)
	go func() {
		_, err := bench.Run(ctx, options)
		played <- err
	}()
	select {
	case err := <-played:
		return errors.Join(errors.New("play ended before the casino was killed"), err)
	case <-time.After(m.turn):
	case <-ctx.Done():
	}
	err := c.kill()
	stop()
	if <-played == nil && err == nil { // no casino was left to answer its questions about the books
		err = errors.New("play against a killed casino found nothing wrong")
	}
	return err
}
