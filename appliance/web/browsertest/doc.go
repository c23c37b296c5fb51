// Package browsertest tries the players' pages in Debian's Chromium against the whole casino: the real binary, its real
// API, a data directory of its own. It holds only tests, and with the build tag screenshots the program that takes the
// pictures in docs/screenshots.
//
// testdata/axe.min.js is axe-core 4.14.1 by Deque Systems, under the Mozilla Public License 2.0 (axe-LICENSE.txt). It
// is not part of the product.
package browsertest
