//go:build !linux

package engine

import "errors"

func mappedBytes() (int64, error) { return 0, errors.ErrUnsupported }

func unmapPages(uintptr, int64) error { return errors.ErrUnsupported }
