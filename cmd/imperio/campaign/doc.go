// Package campaign measures what the casino promises, with casinos of its own of up to a million accounts, and prints a
// report in Markdown. It has no code but tests: 'make bench' runs TestCampaign with the sizes that the promises are
// about, and an ordinary test run with tiny ones, which shows that the campaign works.
package campaign
