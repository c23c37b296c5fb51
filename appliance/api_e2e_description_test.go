package appliance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
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
	closeObjects(d.doc)
	d.all.DefaultDraft(jsonschema.Draft2020)
	d.all.AssertFormat()
	if err := d.all.AddResource("openapi.json", d.doc); err != nil {
		t.Fatal(err)
	}
	return d
}

// closeObjects closes the document's objects. They are open in answers, for clients; here, a member that is not described is wrong.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if v["type"] == "object" && v["properties"] != nil {
			v["additionalProperties"] = false
		}
		for _, child := range v {
			closeObjects(child)
		}
	case []any:
		for _, child := range v {
			closeObjects(child)
		}
	}
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

// examples are those of a request's or an answer's content.
func (d *description) examples(place ...string) (list []any) {
	if v, ok := d.at(place...)["example"]; ok {
		list = append(list, v)
	}
	for name := range d.at(append(place, "examples")...) {
		list = append(list, d.at(append(place, "examples", name)...)["value"])
	}
	return list
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
	headers, _ := answer["headers"].(map[string]any)
	for header := range headers {
		if d.at(append(op, "responses", status, "headers", header)...)["required"] == true && res.Header.Get(header) == "" {
			d.t.Errorf("%s: no %s", name, header)
		}
	}
	for _, header := range []string{"Location", "ETag", "Retry-After", "WWW-Authenticate", "Idempotency-Replayed", "Set-Cookie"} {
		if headers[header] == nil && res.Header.Get(header) != "" {
			d.t.Errorf("%s: the header %s is not described", name, header)
		}
	}
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
	if !strings.HasSuffix(media, "json") || res.Header.Get("Content-Encoding") != "" {
		return
	}
	place := append(op, "responses", status, "content", media, "schema")
	if res.StatusCode >= 400 {
		place = []string{"components", "schemas", "Problem"}
		if code := codeOf(body); !strings.Contains(d.says(path, r.Method, status), "`"+code+"`") {
			d.t.Errorf("%s: the code %s is not described", name, code)
		}
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

// says is the description of an answer: the operation's own, or else that of the component that it refers to.
func (d *description) says(path, method, status string) string {
	answers, _ := d.at("paths", path, strings.ToLower(method))["responses"].(map[string]any)
	answer, _ := answers[status].(map[string]any)
	text, ok := answer["description"].(string)
	if !ok {
		text, _ = d.at("paths", path, strings.ToLower(method), "responses", status)["description"].(string)
	}
	return text
}

// codeOf is the code of a problem.
func codeOf(body []byte) string {
	var p struct{ Code string }
	_ = json.Unmarshal(body, &p) // whatever is not JSON has no code
	return p.Code
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
