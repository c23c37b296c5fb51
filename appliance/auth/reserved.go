package auth

import (
	"strings"
	"sync"

	"go.mau.fi/util/confusable"

	"imperio/appliance/problem"
)

// ErrUsernameReserved refuses a name that players would take for the house. It is a *problem.Problem.
var ErrUsernameReserved error = problem.New("username_reserved", "This name is kept for the house, or looks like one that is. Choose another one.")

// reservedNames are names under which somebody could speak for the house.
var reservedNames = []string{
	"abuse", "admin", "administration", "administrator", "bank", "billing", "cashier", "casino", "croupier", "dealer", "help",
	"helpdesk", "hostmaster", "house", "imperio", "info", "management", "manager", "mod", "moderator", "noreply", "official", "operator",
	"owner", "postmaster", "root", "security", "service", "staff", "superuser", "support", "sysadmin", "system", "team", "webmaster",
}

// reserved has the looks of the reserved names: in lower case, with a capital letter, and in capitals.
var reserved = sync.OnceValue(func() map[string]bool {
	looks := make(map[string]bool)
	for _, name := range reservedNames {
		for _, spelling := range []string{name, strings.ToUpper(name[:1]) + name[1:], strings.ToUpper(name)} {
			looks[look(spelling)] = true
		}
	}
	return looks
})

// CheckReserved refuses the name of a new account if it is a reserved name or looks like one, by the skeletons of Unicode's
// TR39. Marks between letters make no difference. Operators may give such names away, so Username does not check this.
func CheckReserved(shown, key string) error {
	if looks := reserved(); looks[look(shown)] || looks[look(key)] {
		return ErrUsernameReserved
	}
	return nil
}

// Look is the same for names that look alike, to people. It is no name.
func Look(name string) string { return look(name) }

// look is the same for names that look alike. Skeletons depend on case: a capital I looks like a small l, and 0 becomes a
// capital O. So the skeleton is folded, and taken again.
func look(name string) string {
	if l, ok := asciiLook(name); ok {
		return l
	}
	return generalLook(name)
}

func generalLook(name string) string {
	name = strings.NewReplacer("_", "", "-", "", ".", "").Replace(name)
	return confusable.Skeleton(fold(confusable.Skeleton(name)))
}
