package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // error.css
	"encoding/base64"
	"encoding/json"
	"html/template"
	"io/fs"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// Error is what the house's error page tells.
type Error struct {
	Status    int
	Code      string // of the problem; chooses the words
	Wait      int    // seconds until another try makes sense; 0: unknown
	RequestID string // may be empty
}

// errorStyle is the style sheet that stands within error pages.
//
//go:embed static/error.css
var errorStyle string

// ErrorPolicy is the Content-Security-Policy of error pages. They load nothing, since it might be refused as well: their style is
// inline, and allowed by its hash.
var ErrorPolicy = "default-src 'none'; style-src 'sha256-" + digest(errorStyle) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// The languages of the pages; the first is for everybody else.
var languages = []string{"en", "es", "de"}

// longestWants is how many bytes of an Accept-Language header are looked at.
const longestWants = 256

// errorParts are what all error pages are made of. They are made for the first page: most verbs of the program show none.
var errorParts = sync.OnceValue(func() (parts struct {
	shell   *template.Template
	words   []map[string]string // by language
	matcher language.Matcher
}) {
	parts.shell = template.Must(template.ParseFS(static, "static/error.html.tmpl"))
	tags := make([]language.Tag, len(languages))
	parts.words = make([]map[string]string, len(languages))
	for i, l := range languages {
		tags[i] = language.Make(l)
		content, err := fs.ReadFile(static, "static/assets/i18n/"+l+".json")
		if err == nil {
			err = json.Unmarshal(content, &parts.words[i])
		}
		if err != nil {
			panic("web: " + l + ": " + err.Error()) // it is embedded, and tested
		}
	}
	parts.matcher = language.NewMatcher(tags)
	return parts
})

// ErrorPage makes the page of an error, in the language that an Accept-Language header prefers. Send it with ErrorPolicy.
func ErrorPage(e Error, acceptLanguage string) []byte {
	if len(acceptLanguage) > longestWants {
		acceptLanguage = ""
	}
	wanted, _, _ := language.ParseAcceptLanguage(acceptLanguage) // nonsense prefers nothing
	parts := errorParts()
	_, i, _ := parts.matcher.Match(wanted...)
	in := parts.words[i]
	title, text := in["error.title"], in["error."+e.Code]
	if e.Status == 404 {
		title, text = in["lost.title"], in["lost.text"]
	}
	if text == "" {
		text = strings.ReplaceAll(in["error.unexpected"], "{code}", e.Code)
	}
	var page bytes.Buffer
	_ = parts.shell.Execute(&page, map[string]any{ // can't fail: the template and the kinds of its fields are constant
		"Language": languages[i], "Style": template.CSS(errorStyle), "Title": title, "Text": text, "Wait": wait(in, e.Wait),
		"Home": in["lost.home"], "Status": e.Status, "RequestID": e.RequestID,
	})
	return page.Bytes()
}

// wait says how long to wait, as i18n.js does.
func wait(in map[string]string, seconds int) string {
	say := func(key string, n int) string { return strings.ReplaceAll(in[key], "{n}", strconv.Itoa(n)) }
	switch {
	case seconds <= 0:
		return ""
	case seconds == 1:
		return in["wait.second"]
	case seconds <= 90:
		return say("wait.seconds", seconds)
	case seconds < 7200:
		return say("wait.minutes", (seconds+59)/60)
	}
	return say("wait.hours", (seconds+3599)/3600)
}

func digest(style string) string {
	sum := sha256.Sum256([]byte(style))
	return base64.StdEncoding.EncodeToString(sum[:])
}
