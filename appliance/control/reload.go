package control

import "context"

// Reloaded says what a reload of the configuration has changed. If there are problems, it has changed nothing.
type Reloaded struct {
	Problems []Mistake `json:"problems"` // what is wrong with the configuration
	Applied  []Change  `json:"applied"`  // in force from now on
	Restart  []Change  `json:"needs_restart"`
	// Reason is why nothing was applied, although the configuration is right and some changes need no restart; "": that is not so.
	Reason string `json:"reason,omitzero"`
	// CertificatesRead says whether the files of certificates are read again.
	CertificatesRead bool     `json:"certificates_read"`
	Warnings         []string `json:"warnings"` // what is allowed but risky
}

// Change is a key of the configuration with another value than before. Values of secrets are masked.
type Change struct {
	Key    string `json:"key"`
	From   string `json:"from"`
	To     string `json:"to"`
	Source string `json:"source"` // where the new value came from
}

// Mistake is one thing that is wrong with a configuration.
type Mistake struct {
	Where   string `json:"where"`
	Message string `json:"message"`
}

func (c *Control) reload(ctx context.Context, _ None) (Reloaded, error) {
	s, err := c.server()
	if err != nil {
		return Reloaded{}, err
	}
	return s.Reload(ctx)
}
