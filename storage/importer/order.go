package importer

import (
	"context"
	"runtime"
	"sync"
)

// inOrder passes what produce emits to work, on all processors, and then to consume, one by one in the order of emission. The first
// error ends it. It returns when all its goroutines have ended.
func inOrder[T any](ctx context.Context, produce func(ctx context.Context, emit func(T) error) error, work func(T), consume func(context.Context, T) error) error {
	type item struct {
		value T
		done  chan struct{}
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	workers := runtime.GOMAXPROCS(0)
	jobs, queue := make(chan item, workers), make(chan item, workers) // a few batches ahead
	var all sync.WaitGroup
	all.Go(func() {
		defer close(queue)
		defer close(jobs)
		err := produce(ctx, func(v T) error {
			i := item{v, make(chan struct{})}
			for _, to := range []chan item{queue, jobs} {
				select {
				case to <- i:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return nil
		})
		if err != nil {
			stop(err)
		}
	})
	for range workers {
		all.Go(func() {
			for i := range jobs {
				work(i.value)
				close(i.done)
			}
		})
	}
	for i := range queue {
		select {
		case <-i.done:
		case <-ctx.Done():
		}
		if ctx.Err() == nil {
			if err := consume(ctx, i.value); err != nil {
				stop(err)
			}
		}
	}
	all.Wait()
	return context.Cause(ctx)
}
