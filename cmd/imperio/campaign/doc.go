// Package campaign measures whether the casino keeps its performance promises. It makes casinos with up to a million
// accounts, and prints a report in Markdown. It has only tests: 'make bench' runs TestCampaign with the promised sizes; an
// ordinary test run uses tiny sizes, which shows that the campaign works.
package campaign
