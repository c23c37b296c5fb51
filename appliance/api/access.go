package api

import (
	"strings"

	"imperio/storage/command"
)

// access is what a route needs of its caller.
type access uint8

const (
	anybody access = iota // no session
	anyone                // no session, but whoever has one is known
	reads                 // a session, or a personal access token that may read
	plays                 // a session, or a personal access token that may play
	owner                 // a session: the account itself changes, or who can use it
)

// scopes are the names of scopes in requests and answers.
var scopes = []struct {
	name string
	is   command.Scopes
}{{"read", command.ScopeRead}, {"play", command.ScopePlay}}

// allow refuses a personal access token without the scope that a route needs.
func (need access) allow(have command.Scopes) error {
	if have == 0 {
		return nil // a session
	}
	switch need {
	case owner:
		return refuse("insufficient_scope", "A personal access token can't do this. Sign in with the password.")
	case reads, anyone:
		if have&command.ScopeRead == 0 {
			return refuse("insufficient_scope", "This personal access token lacks the scope %q.", "read")
		}
	case plays:
		if have&command.ScopePlay == 0 {
			return refuse("insufficient_scope", "This personal access token lacks the scope %q.", "play")
		}
	}
	return nil
}

// scopesOf reads a list of names.
func scopesOf(names []string) (all command.Scopes, err error) {
	for _, name := range names {
		known := command.Scopes(0)
		for _, s := range scopes {
			if s.name == name {
				known = s.is
			}
		}
		if known == 0 {
			return 0, refuse("invalid_token", "There is no scope %.64q. The scopes are %s.", name, scopeNames())
		}
		all |= known
	}
	if all == 0 {
		return 0, refuse("invalid_token", "A personal access token has at least one scope: %s.", scopeNames())
	}
	return all, nil
}

func scopeNames() string {
	names := make([]string, len(scopes))
	for i, s := range scopes {
		names[i] = s.name
	}
	return strings.Join(names, ", ")
}

// namesOf lists the names of scopes.
func namesOf(have command.Scopes) []string {
	names := []string{}
	for _, s := range scopes {
		if have&s.is != 0 {
			names = append(names, s.name)
		}
	}
	return names
}
