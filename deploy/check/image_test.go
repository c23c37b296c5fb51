package check

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

const dockerfile = "../container/Dockerfile"

// image is what following a Dockerfile makes.
type image struct {
	copies     []*instructions.CopyCommand
	env        []string
	user       string
	entrypoint []string
	command    []string
	health     []string
	volumes    []string
	stopSignal string
}

// parsed reads a Dockerfile, as far as ours goes: from scratch, and without programs to run while building.
func parsed(text []byte) (*image, error) {
	ast, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	stages, _, err := instructions.Parse(ast.AST, nil)
	if err != nil {
		return nil, err
	}
	if len(stages) != 1 || stages[0].BaseName != "scratch" {
		return nil, fmt.Errorf("it doesn't begin with nothing: %+v", stages)
	}
	i := &image{user: "0:0"}
	for _, command := range stages[0].Commands {
		switch c := command.(type) {
		case *instructions.CopyCommand:
			if c.From != "" || c.Chmod != "" || c.Link || c.Parents {
				return nil, fmt.Errorf("only builders with a network or with BuildKit can do this: %s", c)
			}
			i.copies = append(i.copies, c)
		case *instructions.EnvCommand:
			for _, e := range c.Env {
				i.env = append(i.env, e.Key+"="+e.Value)
			}
		case *instructions.UserCommand:
			i.user = c.User
		case *instructions.EntrypointCommand:
			i.entrypoint = c.CmdLine
		case *instructions.CmdCommand:
			i.command = c.CmdLine
		case *instructions.HealthCheckCommand:
			i.health = c.Health.Test
		case *instructions.VolumeCommand:
			i.volumes = append(i.volumes, c.Volumes...)
		case *instructions.StopSignalCommand:
			i.stopSignal = c.Signal
		case *instructions.LabelCommand, *instructions.ExposeCommand:
		default:
			return nil, fmt.Errorf("this test can't follow: %s", command)
		}
	}
	return i, nil
}

func imageOf(t *testing.T) *image {
	t.Helper()
	i, err := parsed(read(t, dockerfile))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func (i *image) environ() map[string]string {
	environ := make(map[string]string)
	for _, e := range i.env {
		name, value, _ := strings.Cut(e, "=")
		environ[name] = value
	}
	return environ
}

// lay makes the image's files in a directory, from those of a context.
func (i *image) lay(context, root string) error {
	for _, c := range i.copies {
		uid, gid := 0, 0
		if c.Chown != "" {
			if _, err := fmt.Sscanf(c.Chown, "%d:%d", &uid, &gid); err != nil {
				return fmt.Errorf("%s: only numbers work in an image without users: %w", c, err)
			}
		}
		for _, source := range c.SourcePaths {
			from, to := filepath.Join(context, source), filepath.Join(root, c.DestPath)
			info, err := os.Stat(from)
			if err != nil {
				return err
			}
			if !info.IsDir() && strings.HasSuffix(c.DestPath, "/") {
				to = filepath.Join(to, filepath.Base(source))
			}
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			if info.IsDir() { // only the empty one
				if entries, err := os.ReadDir(from); err != nil || len(entries) > 0 {
					return fmt.Errorf("%s is not empty: %v", from, err)
				}
				if err := os.Mkdir(to, info.Mode().Perm()); err != nil {
					return err
				}
			} else {
				data, err := os.ReadFile(from)
				if err != nil {
					return err
				}
				if err := os.WriteFile(to, data, info.Mode().Perm()); err != nil {
					return err
				}
			}
			if err := os.Chown(to, uid, gid); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestDockerfile_HasNoMistake(t *testing.T) {
	text := read(t, dockerfile)
	if i := imageOf(t); i.user != "10001:10001" || i.stopSignal != "SIGTERM" || !slices.Contains(i.volumes, "/data") || len(i.health) == 0 {
		t.Errorf("the image is %+v", i)
	}
	for _, fault := range [][2]string{
		{"ENTRYPOINT", "ENTRYPONT"}, {"FROM scratch", "FROM debian"}, {"--interval=10s", "--interval=10"}, {"COPY --chown", "COPY --owner"},
		{"USER 10001:10001", "RUN adduser imperio\nUSER imperio"},
	} {
		if _, err := parsed(replaced(t, text, fault[0], fault[1])); err == nil {
			t.Errorf("%q in place of %q is not found", fault[1], fault[0])
		}
	}
}
