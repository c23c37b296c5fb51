package appliance

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// updatesRecorded reports whether testdata/legacy.txt is to be written anew. The flag -update is that of storagetest's vectors.
func updatesRecorded() bool { return flag.Lookup("update").Value.String() == "true" }

// TestLegacy_RecordedAnswers sends every older request and compares the answers with those in testdata/legacy.txt. What depends on
// luck is left out there: numbers and cards are "?".
func TestLegacy_RecordedAnswers(t *testing.T) {
	t.Parallel()
	h := openRealHouse(t, withLegacy, rich)
	p := h.player("ana")
	o := p.launch("blackjack")
	open := o.startUntil(func(map[string]any) bool { return true })
	id := fmt.Sprintf("%.0f", open["id"])
	fill := strings.NewReplacer("TICKET", o.token, "ROUND", id)
	const file = "testdata/legacy.txt"
	wanted, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for i, pair := range strings.Split(string(wanted), "\n=====\n") {
		if i > 0 {
			got.WriteString("\n=====\n")
		}
		request, _, _ := strings.Cut(pair, "\n\n")
		fmt.Fprintf(&got, "%s\n\n%s", request, h.recorded(request, fill))
	}
	text := got.String()
	if updatesRecorded() {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text != string(wanted) && !updatesRecorded() {
		t.Errorf("the answers have changed. Got:\n%s", text)
	}
}

// recorded sends a request as it is written down, and writes down the answer: the status, some headers, the body.
func (h *realHouse) recorded(request string, fill *strings.Replacer) string {
	h.t.Helper()
	var lines []string
	for line := range strings.SplitSeq(request, "\n") {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	method, path, _ := strings.Cut(lines[0], " ")
	r, err := http.NewRequest(method, h.url+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("User-Agent", "Browser/1")
	r.Header.Set("X-Forwarded-For", "192.0.2.1")
	for _, line := range lines[1:] {
		if name, value, ok := strings.Cut(line, ": "); ok && line[0] != '{' {
			r.Header.Set(name, fill.Replace(value))
		} else {
			body := fill.Replace(line)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		}
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintln(&b, res.StatusCode)
	for _, name := range []string{"Location", "Content-Type", "Cache-Control", "Access-Control-Allow-Origin", "Access-Control-Allow-Headers", "Allow"} {
		if v := res.Header.Get(name); v != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	if len(body) > 0 {
		b.Write(withoutLuck(h.t, body))
		b.WriteByte('\n')
	}
	return b.String()
}

// lucky are the fields whose values nobody knows before.
var lucky = map[string]bool{
	"id": true, "coins": true, "player_coins": true, "totalCoins": true, "new_coins": true, "total_win": true, "winning_number": true, "dealer_value": true,
	"suit": true, "name": true, "value": true, "can_split": true, "player_stood": true,
}

// withoutLuck puts "?" in the place of what depends on luck, and keeps the order of fields.
func withoutLuck(t *testing.T, body []byte) []byte {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(body))
	var b strings.Builder
	copyValue(t, d, &b, "")
	return []byte(b.String())
}

func copyValue(t *testing.T, d *json.Decoder, b *strings.Builder, field string) {
	t.Helper()
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	switch token {
	case json.Delim('{'):
		b.WriteString("{")
		for i := 0; d.More(); i++ {
			name, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(b, "%q: ", name)
			copyValue(t, d, b, name.(string))
		}
		b.WriteString("}")
		_, _ = d.Token()
		return
	case json.Delim('['):
		b.WriteString("[")
		for i := 0; d.More(); i++ {
			if i > 0 {
				b.WriteString(", ")
			}
			copyValue(t, d, b, field)
		}
		b.WriteString("]")
		_, _ = d.Token()
		return
	}
	if lucky[field] || field == "stopSegments" {
		b.WriteString("?")
		return
	}
	value, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	b.Write(value)
}
