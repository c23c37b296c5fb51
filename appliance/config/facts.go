package config

// Value is the value of a key in force, for programs. Secrets are masked.
type Value struct {
	Key    string `json:"key"`
	Value  string `json:"value"` // spelled as in the environment; "" for none
	Source string `json:"source"`
}

// Values lists all keys with their values and the sources of the values.
func (l *Loaded) Values() []Value {
	var list []Value
	for _, key := range Keys() {
		list = append(list, Value{key.Name, key.text(&l.Config), l.Sources[key.Name]})
	}
	return list
}

// Fact describes a key, for programs.
type Fact struct {
	Key         string `json:"key"`
	Group       string `json:"group"`
	Type        string `json:"type"`
	Default     string `json:"default"` // spelled as in the environment; "" for none
	Environment string `json:"environment"`
	Secret      bool   `json:"secret"` // never printed
	Reload      bool   `json:"reload"` // a reload is enough for a change; else it needs a restart
	Help        string `json:"help"`
}

// Reference describes all keys.
func Reference() []Fact {
	var list []Fact
	for _, key := range Keys() {
		list = append(list, Fact{key.Name, key.Group, key.Type, key.DefaultText(), key.Env, key.Secret, key.Reload, key.Help})
	}
	return list
}
