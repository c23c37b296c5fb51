package backup

import (
	"context"
	"io"
	"time"
)

// Target is a place where backups lie. All methods are safe for concurrent use. Names are relative, with slashes.
type Target interface {
	// String names the target to people: file:///path or s3://bucket/prefix. It holds no secret.
	String() string
	// Create begins an object. It exists, under its name, only after Commit. An object of that name is replaced.
	Create(ctx context.Context, name string) (Upload, error)
	// Open reads an object from offset on, length bytes of it; a length below 0: to its end. The error wraps
	// fs.ErrNotExist if there is no such object.
	Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)
	// List visits the objects whose names begin with prefix, in the order of their names, until visit returns an error,
	// which it returns. It shows nothing that is unfinished.
	List(ctx context.Context, prefix string, visit func(Object) error) error
	// Delete removes an object. The error wraps fs.ErrPermission where the credentials don't allow that. To delete what is
	// not there is no error.
	Delete(ctx context.Context, name string) error
	// Clean removes what is left of objects below prefix that were begun before a time and never finished.
	Clean(ctx context.Context, prefix string, before time.Time) error
	// Close lets go of connections.
	Close() error
}

// Object is one object in a target.
type Object struct {
	Name     string
	Size     int64     // bytes
	Modified time.Time // by the target's clock
}

// Upload is an object on its way into a target, for one goroutine. Either Commit or Abort must be called.
type Upload interface {
	io.Writer
	// Commit makes the object durable. It reads back what is stored and calls verify with it. If verify fails, the object is
	// removed and the error returned. A directory verifies before the object gets its name. S3 shows no object before it is
	// complete, and verifies after that.
	Commit(ctx context.Context, verify func(io.Reader) error) error
	// Abort removes what was written. After Commit it does nothing.
	Abort()
}
