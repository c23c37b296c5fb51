package ops

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The operators' files, relative to this directory.
const (
	dashboardFile  = "../../deploy/grafana/imperio.json"
	prometheusDir  = "../../deploy/prometheus"
	operationsFile = "../../docs/OPERATIONS.md"
)

// exported are the names of all series that a node can export, with the suffixes of histograms.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	m := NewMetrics(allSources(t))
	tellEverything(m)
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, f := range families {
		names[f.GetName()] = true
		if f.GetType().String() == "HISTOGRAM" {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				names[f.GetName()+suffix] = true
			}
		}
	}
	for _, s := range stateMetrics {
		if !names[s.name] {
			t.Errorf("%s is described, but never exported", s.name)
		}
	}
	return names
}

var metricName = regexp.MustCompile(`\b(?:imperio|go|process)_[a-z0-9_]+\b`)

// used are the metrics that an expression reads. Labels and strings are not metrics.
func used(expr string) []string {
	return metricName.FindAllString(regexp.MustCompile(`"[^"]*"|\bby \([^)]*\)|\bon \([^)]*\)`).ReplaceAllString(expr, ""), -1)
}

type panel struct {
	Title   string
	Targets []struct{ Expr string }
	Panels  []panel
}

// dashboardExpressions are all queries of the dashboard, by panel.
func dashboardExpressions(t *testing.T) map[string][]string {
	t.Helper()
	content, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels      []panel
		Annotations struct{ List []struct{ Name, Expr string } }
	}
	if err := json.Unmarshal(content, &dashboard); err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]string)
	var add func([]panel)
	add = func(panels []panel) {
		for _, p := range panels {
			for _, target := range p.Targets {
				all[p.Title] = append(all[p.Title], target.Expr)
			}
			add(p.Panels)
		}
	}
	add(dashboard.Panels)
	for _, a := range dashboard.Annotations.List {
		all[a.Name] = append(all[a.Name], a.Expr)
	}
	return all
}

func ruleExpressions(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(prometheusDir, "alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			all[r.Alert] = r.Expr
			if r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
				t.Errorf("%s lacks a severity, or says not what to do", r.Alert)
			}
		}
	}
	return all
}

func TestDeploy_UsesOnlyMetricsThatAreExported(t *testing.T) {
	names := exported(t)
	check := func(where, expr string) {
		metrics := used(expr)
		if len(metrics) == 0 && !strings.Contains(expr, "up{") {
			t.Errorf("%s reads no metric: %s", where, expr)
		}
		for _, m := range metrics {
			if !names[m] {
				t.Errorf("%s reads %s, which is not exported", where, m)
			}
		}
	}
	dashboard, rules := dashboardExpressions(t), ruleExpressions(t)
	if len(dashboard) < 20 || len(rules) < 20 {
		t.Fatalf("only %d panels and %d alerts were found", len(dashboard), len(rules))
	}
	for title, expressions := range dashboard {
		for _, expr := range expressions {
			check("panel "+title, expr)
		}
	}
	for alert, expr := range rules {
		check("alert "+alert, expr)
	}
}

func TestDocs_ListEveryMetricAndEveryAlert(t *testing.T) {
	content, err := os.ReadFile(operationsFile)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	names := exported(t)
	families, _ := NewMetrics(allSources(t)).registry.Gather()
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "imperio_") && !regexp.MustCompile("\\| `"+f.GetName()+"` \\|.*\\| "+regexp.QuoteMeta(f.GetHelp())+" \\|").MatchString(text) {
			t.Errorf("docs/OPERATIONS.md does not describe %s as: %s", f.GetName(), f.GetHelp())
		}
	}
	for name := range names {
		if !strings.HasPrefix(name, "imperio_") || names[strings.TrimSuffix(name, "_bucket")+"_count"] && name != strings.TrimSuffix(name, "_bucket") {
			continue
		}
		if base := strings.TrimSuffix(strings.TrimSuffix(name, "_count"), "_sum"); base != name && names[base+"_bucket"] {
			continue
		}
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/OPERATIONS.md does not list %s", name)
		}
	}
	for _, m := range regexp.MustCompile("`(imperio_[a-z0-9_]+)`").FindAllStringSubmatch(text, -1) {
		if !names[m[1]] {
			t.Errorf("docs/OPERATIONS.md lists %s, which is not exported", m[1])
		}
	}
	for alert := range ruleExpressions(t) {
		if !strings.Contains(text, "`"+alert+"`") {
			t.Errorf("docs/OPERATIONS.md does not list the alert %s", alert)
		}
	}
}

// promtool runs Prometheus's own checker, which Debian has in the package prometheus.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("promtool is missing; it is in Debian's package prometheus")
		}
		t.Skip("needs promtool, which is in Debian's package prometheus")
	}
	command := exec.CommandContext(t.Context(), path, args...)
	command.Stdin = strings.NewReader(stdin)
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPromtool_AcceptsTheConfigurationAndTheAlerts(t *testing.T) {
	if testing.Short() {
		t.Skip("promtool plays through hours of alerts")
	}
	promtool(t, "", "check", "config", filepath.Join(prometheusDir, "prometheus.yml"))
	promtool(t, "", "check", "rules", filepath.Join(prometheusDir, "alerts.yml"))
	promtool(t, "", "test", "rules", filepath.Join(prometheusDir, "alerts.test.yml"), filepath.Join(prometheusDir, "alerts.days.test.yml"))
}

func TestPromtool_AcceptsTheMetrics(t *testing.T) {
	m := NewMetrics(allSources(t))
	tellEverything(m)
	var own []string
	for line := range strings.Lines(scrape(t, m)) { // without Go's own metrics, whose names promtool criticizes
		if strings.Contains(line, "imperio_") {
			own = append(own, line)
		}
	}
	promtool(t, strings.Join(own, ""), "check", "metrics")
}

func TestPromtool_AcceptsTheDashboardsQueries(t *testing.T) {
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	n := 0
	for _, expressions := range dashboardExpressions(t) {
		for _, expr := range expressions {
			expr = strings.NewReplacer("$__rate_interval", "1m", "$instance", ".+").Replace(expr)
			fmt.Fprintf(&rules, "      - record: dashboard:query%d\n        expr: %q\n", n, expr)
			n++
		}
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", file)
}
