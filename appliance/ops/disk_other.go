//go:build !linux && !darwin

package ops

import "errors"

// SpaceOf is not implemented for this system. The gate then stays open.
func SpaceOf(string) (free, total uint64, err error) { return 0, 0, errors.ErrUnsupported }
