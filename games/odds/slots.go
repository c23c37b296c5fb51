package odds

import "imperio/games/slots"

// Slots enumerates all 4,096 outcomes of a machine.
func Slots(m *slots.Machine) *Distribution {
	d := new(Distribution)
	for a := range slots.Stops {
		for b := range slots.Stops {
			for c := range slots.Stops {
				line, _ := m.LineAt([slots.Reels]int{slots.FirstStop + a, slots.FirstStop + b, slots.FirstStop + c})
				d.Add(line.Pays, 1)
			}
		}
	}
	return d
}
