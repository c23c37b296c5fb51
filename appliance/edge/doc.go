// Package edge is the casino's front to the internet: listeners, servers and the middleware that every request passes.
//
// One Edge stands in front of all handlers of a node. For each request it finds the client's address, sets a request id
// and the security headers, counts the request against its limit, answers preflights, refuses writes from foreign pages,
// compresses the answer, turns a panic into a 500, and writes one line to the access log. Handlers don't import it. They
// name the route and the account through NoteRoute, NoteAccount and AdmitAccount, which the appliance passes to them as
// plain functions.
//
// The checks are ordered by what a refusal costs, so that an attacker gets little work done:
//
//  1. the listener: connections in total and per address, before a byte is read (Edge.Listener)
//  2. the server: timeouts and sizes, so that a slow client holds a connection for seconds only (Edge.Server)
//  3. the exchange: header size, limits, origin, body size; a refusal costs no more than its answer (Edge.Handler)
//
// All state here is bounded, whatever the number of clients.
package edge
