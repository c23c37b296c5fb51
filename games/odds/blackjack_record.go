package odds

// BlackjackRecord has the figures of blackjack/1 that players see. They take seconds to compute, so they are recorded
// here. Tests recompute the exact ones, and compare the simulated ones with a shorter simulation. All are per initial
// stake.
type BlackjackRecord struct {
	BestEdge  float64 // exact: EvaluateBlackjack, best play
	BasicEdge float64 // exact: EvaluateBlackjack, BasicStrategy
	// The same without surrender.
	BestEdgeUnsurrendered, BasicEdgeUnsurrendered float64

	// By SimulateBlackjack with BasicStrategy:
	Hands         int64
	Seed          uint64
	Date          string
	SimulatedEdge float64
	StandardError float64 // of SimulatedEdge
	Volatility    float64 // the standard deviation of a round's net result
	HitFrequency  float64 // how often a round pays anything
	AverageStaked float64 // doubles and splits included
}

// RecordedBlackjack returns the record. "imperio odds blackjack" recomputes it.
func RecordedBlackjack() BlackjackRecord {
	return BlackjackRecord{
		BestEdge:  0.0033026803734,
		BasicEdge: 0.0033321555951,

		BestEdgeUnsurrendered:  0.0040287023612,
		BasicEdgeUnsurrendered: 0.0040592241770,

		Hands:         1_000_000_000,
		Seed:          20261123,
		Date:          "2026-11-23",
		SimulatedEdge: 0.0033457855,
		StandardError: 3.6064785116085025e-05,
		Volatility:    1.1404686429136874,
		HitFrequency:  0.55635881,
		AverageStaked: 1.131619613,
	}
}
