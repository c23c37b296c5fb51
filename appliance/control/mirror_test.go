package control

import (
	"errors"
	"testing"
)

func TestMirror_ShowsAndRebuildsTheMirrorThatThereIs(t *testing.T) {
	h := newHouse(t)
	c := h.socket()
	var refusal *Refusal
	if _, err := GetMirrorStatus.Call(t.Context(), c, None{}); !errors.As(err, &refusal) || refusal.Code != "mirror_off" {
		t.Fatalf("without a mirror: %v", err)
	}
	if _, err := RebuildMirror.Call(t.Context(), c, None{}); !errors.As(err, &refusal) || refusal.Code != "mirror_off" {
		t.Fatalf("without a mirror: %v", err)
	}
	h.server.rebuilds = nil
	h.server.mirror = &MirrorStatus{Database: "127.0.0.1:5432/reports", State: "following", Event: 7, Head: 8}
	if s, err := GetMirrorStatus.Call(t.Context(), c, None{}); err != nil || s != *h.server.mirror {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, err := RebuildMirror.Call(t.Context(), c, None{}); err != nil || len(h.server.rebuilds) != 1 || h.server.rebuilds[0] == "" {
		t.Fatalf("%v, asked by %q", err, h.server.rebuilds)
	}
}
