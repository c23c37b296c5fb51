package odds

import "imperio/games/slots"

// Slots enumerates all 4,096 outcomes of a machine.
func Slots(m *slots.Machine) *Distribution {
	d := new(Distribution)
	eachSpin(func(stops [slots.Reels]int) {
		line, _ := m.LineAt(stops)
		d.Add(line.Pays, 1)
	})
	return d
}

// SlotsLines counts, for each line of m.Lines(), how many of the 4,096 outcomes it wins.
func SlotsLines(m *slots.Machine) []int64 {
	lines := m.Lines()
	counts := make([]int64, len(lines))
	eachSpin(func(stops [slots.Reels]int) {
		if line, ok := m.LineAt(stops); ok {
			for i := range lines {
				if lines[i] == line {
					counts[i]++
				}
			}
		}
	})
	return counts
}

func eachSpin(visit func(stops [slots.Reels]int)) {
	for a := range slots.Stops {
		for b := range slots.Stops {
			for c := range slots.Stops {
				visit([slots.Reels]int{slots.FirstStop + a, slots.FirstStop + b, slots.FirstStop + c})
			}
		}
	}
}
