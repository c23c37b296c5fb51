package command_test

import (
	"testing"

	"imperio/storage/command"
)

func TestTransferKind_NamesRoundTrip(t *testing.T) {
	for k := command.TransferWelcome; k <= command.TransferReturned; k++ {
		if got, ok := command.ParseTransferKind(k.String()); !ok || got != k {
			t.Errorf("%d is %q, and that is %d (%v)", k, k, got, ok)
		}
	}
	for _, k := range []command.TransferKind{0, command.TransferReturned + 1, 255} {
		if k.String() != "unknown" {
			t.Errorf("%d is %q", k, k)
		}
	}
	for _, name := range []string{"", "unknown", "Stake"} {
		if k, ok := command.ParseTransferKind(name); ok {
			t.Errorf("%q is %d", name, k)
		}
	}
}

func TestRefusal_SaysCodeAndMessage(t *testing.T) {
	r := command.Refusef("stake_out_of_range", "A stake is 1 to %d.", 5)
	if r.Refusal.Error() != "stake_out_of_range: A stake is 1 to 5." || r.Event != 0 || r.Value != nil {
		t.Fatalf("%+v", r)
	}
}
