package config

import "reflect"

// Difference is a key whose value differs between two configurations. The values are spelled as in the environment; secrets are
// masked, so that a changed one may look the same.
type Difference struct {
	Key, From, To string
	Reload        bool // a reload is enough; else the change needs a restart
}

// Differences lists the keys whose values differ, in the order of the reference.
func Differences(from, to *Config) []Difference {
	var list []Difference
	for _, key := range Keys() {
		if !key.same(from, to) {
			list = append(list, Difference{key.Name, key.text(from), key.text(to), key.Reload})
		}
	}
	return list
}

// Reloaded returns c with the values of next for all keys for which a reload is enough. Lists are shared with next.
func (c *Config) Reloaded(next *Config) *Config {
	changed := *c
	for _, key := range Keys() {
		if key.Reload {
			key.value(&changed).Set(key.value(next))
		}
	}
	return &changed
}

func (k Key) value(c *Config) reflect.Value { return reflect.ValueOf(c).Elem().FieldByIndex(k.index) }

func (k Key) same(a, b *Config) bool {
	x, y := k.value(a), k.value(b)
	if x.Kind() == reflect.Slice && x.Len() == 0 && y.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(x.Interface(), y.Interface())
}
