package appliance

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

// description checks answers against the API's OpenAPI document. It is safe for concurrent use.
type description struct {
	t    *testing.T
	doc  map[string]any
	mu   sync.Mutex
	all  *jsonschema.Compiler          // guarded by mu
	some map[string]*jsonschema.Schema // guarded by mu; by JSON pointer
	seen map[string]bool               // guarded by mu; e.g. "GET /api/v1/me 200"
}

// readDescription reads an OpenAPI document in YAML. Wrong answers are reported to t.
func readDescription(t *testing.T, document []byte) *description {
	t.Helper()
	d := &description{t: t, all: jsonschema.NewCompiler(), some: make(map[string]*jsonschema.Schema), seen: make(map[string]bool)}
	if err := yaml.Unmarshal(document, &d.doc); err != nil {
		t.Fatal(err)
	}
	d.all.DefaultDraft(jsonschema.Draft2020)
	if err := d.all.AddResource("openapi.json", d.doc); err != nil {
		t.Fatal(err)
	}
	return d
}

// at walks down the document by member names, and follows references. It returns nil if there is nothing.
func (d *description) at(names ...string) map[string]any {
	v := d.doc
	for _, n := range names {
		v, _ = v[n].(map[string]any)
		if ref, ok := v["$ref"].(string); ok {
			v = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return v
}

// validate checks a JSON text against the schema at a place in the document.
func (d *description) validate(text []byte, place ...string) error {
	pointer := "openapi.json#"
	for _, p := range place {
		pointer += "/" + strings.ReplaceAll(strings.ReplaceAll(p, "~", "~0"), "/", "~1")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	schema := d.some[pointer]
	if schema == nil {
		var err error
		if schema, err = d.all.Compile(pointer); err != nil {
			return err
		}
		d.some[pointer] = schema
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// operation finds the path in the document that matches an address. Paths without parameters take precedence.
func (d *description) operation(method, address string) (path string, ok bool) {
	got := strings.Split(address, "/")
	for p := range d.at("paths") {
		same := slices.EqualFunc(strings.Split(p, "/"), got, func(w, g string) bool {
			return w == g || strings.HasPrefix(w, "{") && g != ""
		})
		if same && d.at("paths", p, strings.ToLower(method)) != nil && (!ok || !strings.Contains(p, "{")) {
			path, ok = p, true
		}
	}
	return path, ok
}

// check checks an answer against the document, and, if the request succeeded, its body. It ignores answers that belong to no
// operation: any address can answer a 404 or 405.
func (d *description) check(r *http.Request, res *http.Response, body []byte) {
	d.t.Helper()
	path, ok := d.operation(r.Method, r.URL.Path)
	if !ok {
		return
	}
	status := fmt.Sprint(res.StatusCode)
	name := fmt.Sprintf("%s %s %s", r.Method, path, status)
	op := []string{"paths", path, strings.ToLower(r.Method)}
	answer := d.at(append(op, "responses", status)...)
	if answer == nil {
		d.t.Errorf("%s is not described: %s", name, body)
		return
	}
	d.mu.Lock()
	d.seen[name] = true
	d.mu.Unlock()
	content, _ := answer["content"].(map[string]any)
	if len(content) == 0 {
		if len(body) != 0 {
			d.t.Errorf("%s: an answer without content is %q", name, body)
		}
		return
	}
	media := res.Header.Get("Content-Type")
	if content[media] == nil {
		d.t.Errorf("%s: answers %q", name, media)
		return
	}
	if !strings.HasSuffix(media, "json") {
		return
	}
	place := append(op, "responses", status, "content", media, "schema")
	if res.StatusCode >= 400 {
		place = []string{"components", "schemas", "Problem"}
	}
	if err := d.validate(body, place...); err != nil {
		d.t.Errorf("%s: %v\n%s", name, err, body)
	}
	if request := bodyOf(d.t, r); res.StatusCode < 300 && len(request) != 0 {
		if err := d.validate(request, append(op, "requestBody", "content", "application/json", "schema")...); err != nil {
			d.t.Errorf("%s: took a request that is not as described: %v\n%s", name, err, request)
		}
	}
}

func bodyOf(t *testing.T, r *http.Request) []byte {
	t.Helper()
	if r.GetBody == nil {
		return nil
	}
	body, err := r.GetBody()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(body); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unseen lists the described successes that no checked answer has covered, e.g. "GET /api/v1/me 200".
func (d *description) unseen() (list []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for path := range d.at("paths") {
		for method, op := range d.at("paths", path) {
			for status := range op.(map[string]any)["responses"].(map[string]any) {
				name := fmt.Sprintf("%s %s %s", strings.ToUpper(method), path, status)
				if strings.HasPrefix(status, "2") && !d.seen[name] {
					list = append(list, name)
				}
			}
		}
	}
	slices.Sort(list)
	return list
}
