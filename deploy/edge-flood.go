//go:build ignore

// edge-flood floods a casino from many addresses of this machine's loopback network, for edge-check.sh:
//
//	edge-flood idle HOST:PORT ADDRESSES EACH     holds idle connections until its standard input ends
//	edge-flood guess URL LOGIN ADDRESSES SECONDS guesses a login's password, once a second from each address
//	edge-flood sign-in URL LOGIN PASSWORD N      signs in N times at once
//
// The last two print how many answers of each status came.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "edge-flood:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("say idle, guess or sign-in")
	}
	numbers := make([]int, len(args))
	for i, a := range args {
		numbers[i], _ = strconv.Atoi(a)
	}
	switch {
	case args[0] == "idle" && len(args) == 4:
		return idle(args[1], numbers[2], numbers[3])
	case args[0] == "guess" && len(args) == 5:
		return guess(args[1], args[2], numbers[3], numbers[4])
	case args[0] == "sign-in" && len(args) == 5:
		return signIns(args[1], args[2], args[3], numbers[4])
	}
	return fmt.Errorf("wrong arguments: %q", args)
}

// from is the i-th address of the flood.
func from(i int) *net.TCPAddr {
	return &net.TCPAddr{IP: net.IPv4(127, 1, byte(i/250), byte(1+i%250))}
}

// idle opens connections. Every other one asks for something, and stays idle then; the others never say anything.
func idle(to string, addresses, each int) error {
	var held []net.Conn
	for n := range addresses * each {
		d := net.Dialer{LocalAddr: from(n / each), Timeout: 10 * time.Second}
		c, err := d.Dial("tcp", to)
		if err != nil {
			return fmt.Errorf("connection %d: %w", n, err)
		}
		held = append(held, c)
		if n%2 == 0 {
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.WriteString(c, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
				return fmt.Errorf("connection %d: %w", n, err)
			}
			if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
				return fmt.Errorf("connection %d: %w", n, err)
			}
		}
	}
	fmt.Println("holding", len(held))
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func client(address *net.TCPAddr) *http.Client {
	d := net.Dialer{LocalAddr: address}
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
		return d.DialContext(ctx, network, to)
	}}}
}

// signIn returns the status of one sign-in, and the code of its refusal.
func signIn(c *http.Client, url, login, password string) string {
	body, _ := json.Marshal(map[string]string{"login": login, "password": password})
	answer, err := c.Post(url+"/api/v1/sessions", "application/json", strings.NewReader(string(body)))
	if err != nil {
		return "no answer"
	}
	defer answer.Body.Close()
	var problem struct{ Code string }
	_ = json.NewDecoder(answer.Body).Decode(&problem)
	return strings.TrimSpace(fmt.Sprint(answer.StatusCode, " ", problem.Code))
}

type counts struct {
	mu sync.Mutex
	of map[string]int
}

func (c *counts) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[what]++
}

func (c *counts) print() {
	for _, what := range slices.Sorted(maps.Keys(c.of)) {
		fmt.Printf("%d × %s\n", c.of[what], what)
	}
}

func guess(url, login string, addresses, seconds int) error {
	seen := &counts{of: make(map[string]int)}
	var all sync.WaitGroup
	for i := range addresses {
		all.Go(func() {
			c := client(from(i))
			for second := range seconds {
				began := time.Now()
				seen.add(signIn(c, url, login, fmt.Sprintf("guess %d of %d", second, i)))
				time.Sleep(time.Second - time.Since(began))
			}
		})
	}
	all.Wait()
	seen.print()
	return nil
}

func signIns(url, login, password string, n int) error {
	seen := &counts{of: make(map[string]int)}
	began := time.Now()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { seen.add(signIn(client(from(i)), url, login, password)) })
	}
	all.Wait()
	seen.print()
	fmt.Printf("all within %.0f s\n", time.Since(began).Seconds()+.5)
	return nil
}
