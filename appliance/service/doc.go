// Package service is how the process meets its supervisor, such as systemd: it tells the supervisor how it is (Supervisor),
// takes listening sockets that the supervisor holds (Sockets), and hands them to the program that replaces it (Handover).
//
// A socket that outlives the process keeps its queue: clients that connect while one process ends and the next one starts wait
// there, and none of them is refused.
package service
