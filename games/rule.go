package games

import "strings"

// Words is a text in each language of the house.
type Words struct {
	EN string `json:"en"`
	ES string `json:"es"`
	DE string `json:"de"`
}

// Replace puts words in place of {name} in each language.
func (w Words) Replace(name string, by Words) Words {
	name = "{" + name + "}"
	return Words{
		EN: strings.ReplaceAll(w.EN, name, by.EN), ES: strings.ReplaceAll(w.ES, name, by.ES), DE: strings.ReplaceAll(w.DE, name, by.DE),
	}
}

// In lists the languages with the text in each: en, es, de.
func (w Words) In() map[string]string { return map[string]string{"en": w.EN, "es": w.ES, "de": w.DE} }

// Rule is one rule in words. It is the only statement of the rule: pages, documents and the API show it.
type Rule struct {
	ID string `json:"id"` // the subject and the rule's name, e.g. "blackjack/split_aces"
	Words
}
