package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"imperio/appliance"
)

func TestClusterRecover_TellsWhatMayBeLost(t *testing.T) {
	one, two := appliance.ClusterPeer{ID: "node-1", Address: "10.0.0.1:7400", Voter: true}, appliance.ClusterPeer{ID: "node-2", Address: "10.0.0.2:7400"}
	var out bytes.Buffer
	tellRemains(&out, &appliance.RecoverReport{
		DataDir: "/data", NodeID: "node-1", Old: []appliance.ClusterPeer{one, two}, New: []appliance.ClusterPeer{one}, Lost: []appliance.ClusterPeer{two},
		LastIndex: 4711, LastTerm: 3, LastTime: time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC), Events: 815, Uncertain: 2, Commands: 17,
	})
	holds(t, out.String(), "number 4711 of term 3", "2026-11-30T10:00:00.000Z", "Event 815", "The last 2 entries, with 17 commands, may not have been committed",
		"node-2 at 10.0.0.2:7400, without a vote", "Members afterwards:\n  node-1 at 10.0.0.1:7400\n", "WARNING: what only the others had is lost")
}

func TestClusterRecover_RefusesMistakes(t *testing.T) {
	for text, valid := range map[string]bool{
		"node-1=10.0.0.1:7400": true, "node-1=host.example:7400": true, "node-1=[::1]:7400": true,
		"node-1": false, "10.0.0.1:7400": false, "node-1=10.0.0.1": false, "=10.0.0.1:7400": false, "node-1=:7400": false, "node-1=host:": false,
	} {
		if peers, err := parsePeers([]string{text}); (err == nil) != valid || valid && text != peers[0].ID+"="+peers[0].Address {
			t.Errorf("--peers %s: %v, %v", text, peers, err)
		}
	}
	c := startCasino(t, io.Discard, io.Discard)
	if _, errs, code := invoke(t, c.environ, "cluster", "recover"); code != exitUsage || !strings.Contains(errs, "--yes") {
		t.Errorf("without an answer: exit code %d, %s", code, errs)
	}
	if _, errs, code := invoke(t, c.environ, "cluster", "recover", "--yes"); code != 1 || !strings.Contains(errs, "systemctl stop imperio") {
		t.Errorf("while it runs: exit code %d, %s", code, errs)
	}
	c.stop()
	if _, errs, code := invoke(t, c.environ, "cluster", "recover", "--yes"); code != 1 || !strings.Contains(errs, "nothing to recover") {
		t.Errorf("a lone casino: exit code %d, %s", code, errs)
	}
}
