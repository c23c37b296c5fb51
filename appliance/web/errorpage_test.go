package web

import (
	"regexp"
	"strings"
	"testing"
)

func TestErrorPage_SpeaksTheVisitorsLanguage(t *testing.T) {
	for _, c := range []struct{ accept, lang, title, wait string }{
		{"", "en", "That did not work", "Wait about 19 minutes, then try again."},
		{"de-AT,de;q=0.9,en;q=0.5", "de", "Das hat nicht geklappt", "Warten Sie etwa 19 Minuten und versuchen Sie es wieder."},
		{"fr;q=0.9, es-MX;q=0.8, en;q=0.1", "es", "No ha funcionado", "Espere unos 19 minutos e inténtelo de nuevo."},
		{"ja", "en", "That did not work", ""},
		{"<script>;;;q=", "en", "That did not work", ""},
		{strings.Repeat("de-", 10_000), "en", "That did not work", ""},
	} {
		page := string(ErrorPage(Error{Status: 429, Code: "rate_limited", Wait: 1140, RequestID: "r1"}, c.accept))
		if !strings.Contains(page, `<html lang="`+c.lang+`">`) || !strings.Contains(page, c.title) || !strings.Contains(page, c.wait) {
			t.Errorf("%.40q: %s", c.accept, page)
		}
	}
}

func TestErrorPage_LoadsNothingAndIsAllowedByItsPolicy(t *testing.T) {
	page := string(ErrorPage(Error{Status: 503, Code: `<b>&"`, RequestID: "<i>"}, ""))
	if found := regexp.MustCompile(`(?i)<script|<link|<img|src=|url\(|@import|<b>|<i>|style=`).FindString(page); found != "" {
		t.Errorf("it has %s: %s", found, page)
	}
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)
	if style == nil || !strings.Contains(ErrorPolicy, "'sha256-"+digest(style[1])+"'") || strings.Contains(ErrorPolicy, "unsafe") {
		t.Errorf("the policy %s does not allow the style", ErrorPolicy)
	}
}

func TestErrorPage_SaysTheWaitInWords(t *testing.T) {
	for seconds, want := range map[int]string{0: "", 1: "Wait 1 second, then", 40: "Wait 40 seconds,", 90: "90 seconds", 91: "about 2 minutes", 1081: "about 19 minutes", 7200: "about 2 hours"} {
		if got := wait(errorParts().words[0], seconds); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%d: %q", seconds, got)
		}
	}
}
