// Package edge is where the casino meets the internet: listeners, servers and the middleware that every request passes.
//
// One Edge stands in front of all handlers of a node. For each request it works out the client's address, gives the
// request an id, sets the security headers, counts the request against the limits of its route, answers preflights,
// refuses writes from foreign pages, compresses the answer, turns a panic into a 500, and writes one line to the access
// log. It imports no other part of the appliance: whoever handles the request tells it the route and the account with
// NoteRoute, NoteAccount and AdmitAccount, and the appliance hands those on as plain functions.
//
// The order of things matters for what an attacker can make the server do. From the cheapest to the dearest:
//
//  1. the listener: connections in total and for each address, before a byte is read (Edge.Listener)
//  2. the server: timeouts and sizes, so that a slow client holds a connection for seconds and not for ever (Edge.Server)
//  3. the exchange: header size, limits, origin, body size; a refusal costs no more than its answer (Edge.Handler)
//
// Nothing here keeps state that grows with the number of clients without a bound.
package edge
