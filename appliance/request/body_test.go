package request

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"imperio/appliance/problem"
)

// A body that ends too early, or whose connection breaks, is the client's fault, not the casino's.
func TestRead_EndsWhereTheBodyDoes(t *testing.T) {
	broken := errors.New("connection reset")
	for _, c := range []struct {
		name string
		body io.Reader
		size int
		code string
	}{
		{"empty", strings.NewReader(""), 0, ""},
		{"small", strings.NewReader("12345"), 5, ""},
		{"at the limit", strings.NewReader(strings.Repeat("x", MaxBody)), MaxBody, ""},
		{"above the limit", strings.NewReader(strings.Repeat("x", MaxBody+1)), 0, "body_too_large"},
		{"without end", endless{}, 0, "body_too_large"},
		{"limited in front", http.MaxBytesReader(nil, io.NopCloser(endless{}), MaxBody), 0, "body_too_large"},
		{"broken", io.MultiReader(strings.NewReader("123"), failing{broken}), 0, "bad_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{Body: io.NopCloser(c.body), ContentLength: -1}
			got, err := Read(r, nil)
			if c.code == "" {
				if err != nil || len(got) != c.size {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			} else if err == nil || problem.Of(err).Code != c.code {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := Read(&http.Request{Body: io.NopCloser(failing{broken}), ContentLength: MaxBody + 1}, nil); problem.Of(err).Code != "body_too_large" {
		t.Errorf("announced to be too large, and read: %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
