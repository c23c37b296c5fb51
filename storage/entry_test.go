package storage_test

import (
	"bytes"
	"strings"
	"testing"

	"imperio/storage"
	"imperio/storage/command"
	"imperio/storage/storagetest"
)

func TestEntry_HoldsTheCommandsThatTheMachineApplies(t *testing.T) {
	data, err := command.Pack(storagetest.Birth, [][]byte{{0xa1, 1}, {0xa1, 2}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := storage.Entry{Index: 7, Term: 3, Data: data}.Commands()
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for i, c := range list {
		if c.Index != 7 || c.Term != 3 || !c.Time.Equal(storagetest.Birth) || !bytes.Equal(c.Data, []byte{0xa1, byte(i + 1)}) {
			t.Errorf("command %d: %+v", i, c)
		}
	}
	own := storage.Entry{Index: 8, Term: 4}
	if list, err = own.AppendCommands(list); err != nil || len(list) != 3 || list[2].Index != 8 || list[2].Term != 4 || !list[2].Time.IsZero() || list[2].Data != nil {
		t.Errorf("an entry of the log's own: %+v, %v", list, err)
	}
	if _, err := (storage.Entry{Index: 9, Data: data[:len(data)-1]}).Commands(); err == nil || !strings.Contains(err.Error(), "log entry 9") {
		t.Errorf("half an entry: %v", err)
	}
}
