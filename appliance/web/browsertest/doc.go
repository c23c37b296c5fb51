// Package browsertest tests the players' pages in Debian's Chromium against the whole casino: the real binary with its real
// API and its own data directory. It holds only tests. With the build tag screenshots, it takes the pictures in
// docs/screenshots.
//
// testdata/axe.min.js is axe-core 4.14.1 by Deque Systems, under the Mozilla Public License 2.0 (axe-LICENSE.txt). It
// is not part of the product.
package browsertest
