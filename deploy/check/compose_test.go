package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/schema"
	"sigs.k8s.io/yaml"
)

const composeFile = "../container/compose.yaml"

// composed reads a compose file and checks it against the specification.
func composed(text []byte) (map[string]any, error) {
	var file map[string]any
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		return nil, err
	}
	return file, schema.Validate(file)
}

func TestCompose_FollowsTheSpecification(t *testing.T) {
	text := read(t, composeFile)
	if _, err := composed(text); err != nil {
		t.Error(err)
	}
	for _, fault := range [][2]string{
		{"stop_grace_period", "stop_grace_time"}, {"read_only: true", "read_only: [yes]"}, {"cap_drop: [ALL]", "cap_drop: ALL"},
		{"create_host_path: false", "create_path: false"}, {"max-file: \"10\"", "max-file: [10]"}, {"interval: 10s", "intervall: 10s"},
	} {
		if _, err := composed(replaced(t, text, fault[0], fault[1])); err == nil {
			t.Errorf("%q in place of %q is not found", fault[1], fault[0])
		}
	}
}

func TestCompose_ConfiguresTheCasino(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Environment map[string]string
			Ports       []string
			User        string
			ReadOnly    bool     `json:"read_only"`
			CapDrop     []string `json:"cap_drop"`
			SecurityOpt []string `json:"security_opt"`
			Volumes     []any
			Healthcheck struct{ Test []string }
		}
	}
	if err := yaml.Unmarshal(read(t, composeFile), &file); err != nil {
		t.Fatal(err)
	}
	casino, ok := file.Services["casino"]
	if !ok {
		t.Fatal("there is no service casino")
	}
	environ := imageOf(t).environ()
	for name, value := range casino.Environment {
		environ[name] = value
	}
	delete(environ, "IMPERIO_DATA_DIR")
	delete(environ, "IMPERIO_ENCRYPTION_KEY_FILE") // a secret that only the container has
	out, err := configured(t, environ)
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	environ["IMPERIO_DOMIAN"] = "casino.example"
	if out, err := configured(t, environ); err == nil {
		t.Errorf("an unknown variable is not found:\n%s", out)
	}

	// What the container promises to be, and that the ports are those of the configuration.
	i := imageOf(t)
	if casino.User != i.user || !casino.ReadOnly || !slices.Equal(casino.CapDrop, []string{"ALL"}) || !slices.Contains(casino.SecurityOpt, "no-new-privileges:true") {
		t.Errorf("the container has rights that it doesn't need: %+v", casino)
	}
	if fmt.Sprint(casino.Healthcheck.Test) != fmt.Sprint(i.health) {
		t.Errorf("the health check is %q, and the image's %q", casino.Healthcheck.Test, i.health)
	}
	for _, volume := range i.volumes {
		if !strings.Contains(fmt.Sprint(casino.Volumes), ":"+volume) {
			t.Errorf("there is no volume for %s", volume)
		}
	}
	for _, name := range []string{"IMPERIO_HTTP_ADDR", "IMPERIO_HTTPS_ADDR"} {
		if !slices.ContainsFunc(casino.Ports, func(p string) bool { return strings.HasSuffix(p, environ[name]) }) {
			t.Errorf("no port leads to %s%s: %v", name, environ[name], casino.Ports)
		}
	}
}
