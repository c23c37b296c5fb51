package appliance

import (
	"bytes"
	"strings"
	"testing"

	"imperio/appliance/config"
)

// logged opens and closes a casino, and gives what it logged.
func logged(t *testing.T, change func(*config.Config)) string {
	t.Helper()
	c := config.Default()
	c.Data.Dir = t.TempDir()
	c.Listen.HTTPAddr, c.Listen.OpsAddr = "127.0.0.1:0", ""
	change(&c)
	var logs bytes.Buffer // nobody writes to it after close
	app, err := New(t.Context(), Options{Config: c, Version: "test", Logs: &logs})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.close(); err != nil {
		t.Fatal(err)
	}
	return logs.String()
}

func TestNew_WarnsOfWhatIsAllowedButDangerous(t *testing.T) {
	if logs := logged(t, func(*config.Config) {}); strings.Contains(logs, "level=WARN") {
		t.Errorf("the default warns:\n%s", logs)
	}
	logs := logged(t, func(c *config.Config) { c.Limits.On, c.Games.SlotsRules = false, "slots/1" })
	for _, want := range []string{"limits: ", "slots-rules: slots/1 returns "} {
		if strings.Count(logs, want) != 1 {
			t.Errorf("%q is not told once:\n%s", want, logs)
		}
	}
}
