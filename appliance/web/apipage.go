package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The parts of the page, for its template.
type (
	apiDocument struct {
		Info    apiNode
		Auth    []apiNode
		Tags    []apiTag
		Schemas []apiNode
	}
	apiTag struct {
		Name, Text, Anchor string
		Operations         []apiOperation
	}
	apiOperation struct {
		Method, Path string
		Node         apiNode
		Open         bool // nobody needs to be signed in
	}
	// apiNode is a part of the document, with its key.
	apiNode struct {
		Key  string
		node *yaml.Node
		root *yaml.Node
	}
)

// apiPage is /api, the API's description for people: a document of its own, without scripts of its own. description is openapi.yaml.
func apiPage(description []byte) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(description, &document); err != nil {
		return nil, fmt.Errorf("read the API's description: %w", err)
	}
	root := apiNode{root: document.Content[0], node: document.Content[0]}
	page := apiDocument{
		Info: root.At("info"), Auth: root.At("components", "securitySchemes").Members(), Schemas: root.At("components", "schemas").Members(),
	}
	for _, tag := range root.At("tags").Items() {
		of := apiTag{Name: tag.At("name").String(), Text: tag.At("description").String()}
		of.Anchor = "part-" + strings.ReplaceAll(strings.ToLower(of.Name), " ", "-")
		for _, path := range root.At("paths").Members() {
			for _, op := range path.Members() {
				if op.At("tags").Items()[0].String() == of.Name {
					security := op.At("security")
					of.Operations = append(of.Operations, apiOperation{strings.ToUpper(op.Key), path.Key, op, security.Has() && len(security.Items()) == 0})
				}
			}
		}
		page.Tags = append(page.Tags, of)
	}
	shown := template.Must(template.New("api.html.tmpl").Funcs(template.FuncMap{
		"prose": prose, "paragraphs": func(s string) []string { return strings.Split(s, "\n\n") },
	}).ParseFS(static, "static/api.html.tmpl"))
	var b bytes.Buffer
	if err := shown.Execute(&b, page); err != nil {
		return nil, fmt.Errorf("show the API's description: %w", err)
	}
	return emptyLines.ReplaceAll(b.Bytes(), []byte("\n")), nil
}

var (
	emptyLines = regexp.MustCompile(`\n\s*\n+`)
	code       = regexp.MustCompile("`([^`]+)`")
)

// prose is a text of the description: words between backticks are code.
func prose(text string) template.HTML {
	escaped := template.HTMLEscapeString(strings.TrimSpace(text))
	return template.HTML(code.ReplaceAllString(escaped, "<code>$1</code>"))
}

// Has says whether the document has this part.
func (n apiNode) Has() bool { return n.node != nil }

// Own is a member of the part itself, without what it refers to: a reference may have a description of its own.
func (n apiNode) Own(name string) apiNode {
	for i := 0; n.node != nil && i+1 < len(n.node.Content) && n.node.Kind == yaml.MappingNode; i += 2 {
		if n.node.Content[i].Value == name {
			return apiNode{name, n.node.Content[i+1], n.root}
		}
	}
	return apiNode{Key: name, root: n.root}
}

// Ref is the name of the component that the part refers to; empty if it refers to none.
func (n apiNode) Ref() string {
	ref := n.Own("$ref").String()
	return ref[strings.LastIndex(ref, "/")+1:]
}

// At goes down by names, and follows references.
func (n apiNode) At(names ...string) apiNode {
	for _, name := range names {
		if own := n.Own(name); own.Has() {
			n = own
			continue
		}
		if ref := n.Own("$ref").String(); ref != "" {
			n = apiNode{root: n.root, node: n.root}.At(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
		n = n.Own(name)
	}
	return n
}

// Members are the parts of a mapping, in order; references are followed.
func (n apiNode) Members() (list []apiNode) {
	if ref := n.Own("$ref").String(); ref != "" {
		n = apiNode{root: n.root, node: n.root}.At(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	for i := 0; n.node != nil && i+1 < len(n.node.Content); i += 2 {
		list = append(list, apiNode{n.node.Content[i].Value, n.node.Content[i+1], n.root})
	}
	return list
}

// Items are the parts of a list.
func (n apiNode) Items() (list []apiNode) {
	if n.node != nil {
		for _, item := range n.node.Content {
			list = append(list, apiNode{node: item, root: n.root})
		}
	}
	return list
}

// String is the text of a scalar; empty if there is none.
func (n apiNode) String() string {
	if n.node == nil || n.node.Kind != yaml.ScalarNode {
		return ""
	}
	return n.node.Value
}

// Required says whether an object's member must be there.
func (n apiNode) Required(member string) bool {
	return slices.ContainsFunc(n.At("required").Items(), func(i apiNode) bool { return i.String() == member })
}

// Properties are an object's members, with those of the objects that it is made of.
func (n apiNode) Properties() []apiNode {
	list := n.At("properties").Members()
	for _, part := range n.At("allOf").Items() {
		list = append(list, part.Properties()...)
	}
	return list
}

// Type says what values a schema allows, in words.
func (n apiNode) Type() template.HTML {
	if ref := n.Ref(); ref != "" {
		return template.HTML(fmt.Sprintf(`<a href="#schema-%[1]s">%[1]s</a>`, template.HTMLEscapeString(ref)))
	}
	if any := n.Own("anyOf"); any.Has() {
		var parts []string
		for _, p := range any.Items() {
			parts = append(parts, string(p.Type()))
		}
		return template.HTML(strings.Join(parts, " or "))
	}
	if value := n.Own("const"); value.Has() {
		return template.HTML("<code>" + template.HTMLEscapeString(value.String()) + "</code>")
	}
	if enum := n.Own("enum"); enum.Has() {
		var words []string
		for _, w := range enum.Items() {
			words = append(words, "<code>"+template.HTMLEscapeString(w.String())+"</code>")
		}
		return template.HTML(strings.Join(words, ", "))
	}
	kind, format := n.Own("type").String(), n.Own("format").String()
	null := ""
	if kind == "" && n.Own("type").Has() {
		kind, null = n.Own("type").Items()[0].String(), " or null"
	}
	if kind == "array" {
		return "list of " + n.Own("items").Type()
	}
	if format != "" {
		kind += " (" + format + ")"
	}
	return template.HTML(template.HTMLEscapeString(kind + null + n.bounds()))
}

// bounds are what limits a schema's values, in words.
func (n apiNode) bounds() string {
	least, most := n.Own("minimum"), n.Own("maximum")
	switch {
	case least.Has() && most.Has():
		return ", " + least.String() + " to " + most.String()
	case least.Has():
		return ", at least " + least.String()
	case most.Has():
		return ", at most " + most.String()
	}
	return ""
}

// Example is the example of a request or an answer as JSON; empty if there is none.
func (n apiNode) Example() string {
	example := n.Own("example")
	if examples := n.Own("examples").Members(); len(examples) > 0 {
		example = examples[0].At("value")
	}
	if !example.Has() {
		return ""
	}
	return example.json("")
}

// lineWidth is the length up to which a value of an example is on one line.
const lineWidth = 76

// json writes a value as JSON, with short parts on one line.
func (n apiNode) json(indent string) string {
	open, end := "{", "}"
	var parts []string
	switch n.node.Kind {
	case yaml.ScalarNode:
		if n.node.Tag != "!!str" && n.node.Tag != "!!timestamp" {
			return n.node.Value
		}
		text, err := json.Marshal(n.node.Value)
		if err != nil {
			panic(err) // impossible: it is text
		}
		return string(text)
	case yaml.SequenceNode:
		open, end = "[", "]"
		for _, item := range n.Items() {
			parts = append(parts, item.json(indent+"  "))
		}
	default:
		for _, m := range n.Members() {
			parts = append(parts, fmt.Sprintf("%q: %s", m.Key, m.json(indent+"  ")))
		}
	}
	if line := open + strings.Join(parts, ", ") + end; len(line) <= lineWidth && !strings.Contains(line, "\n") {
		return line
	}
	return open + "\n" + indent + "  " + strings.Join(parts, ",\n"+indent+"  ") + "\n" + indent + end
}
