package audit

import "imperio/storage/machine"

// lineageBegun takes the beginning of a lineage into the books.
func (a *auditor) lineageBegun(e *machine.StoredEvent) error {
	switch {
	case e.Lineage == "":
		return violation(e.Seq, "a lineage without a name is begun")
	case e.Lineage == a.lineage:
		return violation(e.Seq, "the lineage %s is begun a second time", e.Lineage)
	}
	a.lineage = e.Lineage
	return nil
}

// rotation counts the rotations of one command.
func (a *auditor) rotation(e *machine.StoredEvent) {
	if e.Command != a.rotating {
		a.rotating, a.rotated = e.Command, 0
	}
	a.rotated++
}

// accountsRenewed checks that a renewal rotated the seeds of as many accounts as it says, each twice.
func (a *auditor) accountsRenewed(e *machine.StoredEvent) error {
	rotated := 0
	if e.Command == a.rotating {
		rotated = a.rotated
	}
	if e.Renewed == nil || 2*e.Renewed.Accounts != rotated {
		return violation(e.Seq, "%d seeds are rotated by a renewal of accounts, which is not what the event says", rotated)
	}
	return nil
}
