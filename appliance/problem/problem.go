// Package problem has the problem documents (RFC 9457) with which the casino answers over HTTP when it refuses or fails.
// The edge, the players' and the operators' API and the health checks all use them.
package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"imperio/games"
	"imperio/storage/command"
)

// Problem is a refusal or a failure as an error: what the client may know, and the cause, which goes only to the log.
type Problem struct {
	Status     int
	Code       string        // stable, for programs
	Detail     string        // one English sentence: what is wrong, and what to do
	NextAt     time.Time     // when it may work again; zero if unknown
	Limit      string        // which limit; only with limit_reached
	RetryAfter time.Duration // how long to wait before the next try; 0 if unknown
	Cause      error
}

// Error returns the code, the detail and the cause, for the log.
func (p *Problem) Error() string {
	if p.Cause != nil {
		return fmt.Sprintf("%s: %s: %v", p.Code, p.Detail, p.Cause)
	}
	return p.Code + ": " + p.Detail
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// statuses has the HTTP status of each code, including those of the machine and the games. docs/API.md says what each means,
// and openapi.yaml where each occurs.
var statuses = map[string]int{
	"bad_request":             http.StatusBadRequest,
	"invalid_json":            http.StatusBadRequest,
	"unknown_field":           http.StatusBadRequest,
	"duplicate_key":           http.StatusBadRequest,
	"invalid_idempotency_key": http.StatusBadRequest,
	"body_too_large":          http.StatusRequestEntityTooLarge,
	"header_too_large":        http.StatusRequestHeaderFieldsTooLarge,
	"range_not_satisfiable":   http.StatusRequestedRangeNotSatisfiable,
	"misdirected":             http.StatusMisdirectedRequest,
	"unsupported_media_type":  http.StatusUnsupportedMediaType,
	"method_not_allowed":      http.StatusMethodNotAllowed,
	"not_found":               http.StatusNotFound,

	"unauthenticated":     http.StatusUnauthorized,
	"invalid_credentials": http.StatusUnauthorized,
	"wrong_password":      http.StatusForbidden,
	"forbidden":           http.StatusForbidden,
	"account_locked":      http.StatusForbidden,
	"excluded":            http.StatusForbidden,

	"username_reserved":    http.StatusUnprocessableEntity,
	"password_too_common":  http.StatusUnprocessableEntity,
	"password_like_name":   http.StatusUnprocessableEntity,
	"invalid_username":     http.StatusUnprocessableEntity,
	"invalid_avatar":       http.StatusUnprocessableEntity,
	"invalid_email":        http.StatusUnprocessableEntity,
	"invalid_password":     http.StatusUnprocessableEntity,
	"invalid_client_seed":  http.StatusUnprocessableEntity,
	"invalid_limits":       http.StatusUnprocessableEntity,
	"invalid_exclusion":    http.StatusUnprocessableEntity,
	"invalid_bet":          http.StatusUnprocessableEntity,
	"unknown_action":       http.StatusUnprocessableEntity,
	"stake_out_of_range":   http.StatusUnprocessableEntity,
	"invalid_token":        http.StatusUnprocessableEntity,
	"invitation_required":  http.StatusForbidden,
	"invitation_invalid":   http.StatusForbidden,
	"sign_up_closed":       http.StatusForbidden,
	"link_invalid":         http.StatusForbidden,
	"insufficient_scope":   http.StatusForbidden,
	"too_many_tokens":      http.StatusConflict,
	"too_many_invitations": http.StatusConflict,
	"username_taken":       http.StatusConflict,
	"email_taken":          http.StatusConflict,
	"shown_name_taken":     http.StatusConflict,
	"seasons_off":          http.StatusConflict,

	"insufficient_coins":   http.StatusConflict,
	"game_disabled":        http.StatusConflict,
	"limit_reached":        http.StatusConflict,
	"round_open":           http.StatusConflict,
	"round_settled":        http.StatusConflict,
	"round_moved":          http.StatusConflict,
	"action_not_allowed":   http.StatusConflict,
	"already_collected":    http.StatusConflict,
	"daily_coins_off":      http.StatusConflict,
	"idempotency_mismatch": http.StatusConflict,
	"backup_running":       http.StatusConflict,
	"backups_off":          http.StatusConflict,
	"mirror_off":           http.StatusConflict,
	"cluster_off":          http.StatusConflict,
	"cluster_refused":      http.StatusConflict,
	"already_imported":     http.StatusConflict,
	"no_open_round":        http.StatusNotFound,
	"account_not_found":    http.StatusNotFound,
	"amount_out_of_range":  http.StatusUnprocessableEntity,
	"invalid_role":         http.StatusUnprocessableEntity,
	"reason_missing":       http.StatusUnprocessableEntity,
	"round_not_found":      http.StatusNotFound,
	"token_not_found":      http.StatusNotFound,
	"session_not_found":    http.StatusNotFound,
	"season_not_found":     http.StatusNotFound,
	"proof_not_found":      http.StatusNotFound,
	"player_not_found":     http.StatusNotFound,
	"season_moved":         http.StatusConflict,
	"season_not_due":       http.StatusConflict,
	"invalid_session":      http.StatusConflict,
	"invalid_command":      http.StatusInternalServerError,

	"rate_limited":         http.StatusTooManyRequests,
	"sign_in_throttled":    http.StatusTooManyRequests,
	"too_many_connections": http.StatusTooManyRequests,

	"busy":            http.StatusServiceUnavailable,
	"unavailable":     http.StatusServiceUnavailable,
	"outcome_unknown": http.StatusServiceUnavailable,
	"low_disk_space":  http.StatusServiceUnavailable,
	"internal_error":  http.StatusInternalServerError,
}

// Codes lists all codes that have a status.
func Codes() []string { return slices.Sorted(maps.Keys(statuses)) }

// New makes a problem with the status of its code.
func New(code, format string, args ...any) *Problem {
	return &Problem{Status: statusOf(code), Code: code, Detail: fmt.Sprintf(format, args...)}
}

// statusOf is 409 for a code without a status: the machine understood the command, and refused it.
func statusOf(code string) int {
	if s, ok := statuses[code]; ok {
		return s
	}
	return http.StatusConflict
}

// Of turns any error into what the client sees. Refusals by the machine and by games keep their code and message; an
// unknown error becomes internal_error.
func Of(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if r, ok := errors.AsType[*command.Refusal](err); ok {
		return &Problem{Status: statusOf(r.Code), Code: r.Code, Detail: r.Message, NextAt: r.Until, Limit: r.Limit}
	}
	if r, ok := errors.AsType[*games.Refusal](err); ok {
		return New(r.Code, "%s", r.Message)
	}
	var p *Problem
	switch {
	case errors.Is(err, command.ErrUnknown):
		p = New("outcome_unknown", "It is not known whether this was done. Send it again with the same Idempotency-Key to find out.")
		p.RetryAfter = time.Second
	case errors.Is(err, command.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		p = New("unavailable", "The casino can't do this at the moment; nothing has changed.")
		p.RetryAfter = 2 * time.Second
	default:
		p = New("internal_error", "Something went wrong in the casino. The operator can find the cause by the request id.")
	}
	p.Cause = err
	return p
}

// DefaultWait is how long to wait after a 429 where nothing is known.
const DefaultWait = time.Minute

// TimeLayout is the format of times in the casino's JSON: RFC 3339 in UTC with milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// Document is a problem as JSON.
type Document struct {
	Type       string `json:"type"` // always about:blank: the code says which problem it is
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Code       string `json:"code"`
	Detail     string `json:"detail,omitempty"`
	RequestID  string `json:"request_id,omitempty"`
	NextAt     string `json:"next_at,omitempty"` // in TimeLayout
	Limit      string `json:"limit,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"` // seconds
}

// NewDocument makes a document with the status of its code; its title is the status text.
func NewDocument(code, detail string) Document { return newDocument(statusOf(code), code, detail) }

func newDocument(status int, code, detail string) Document {
	return Document{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// Document makes the document of a problem, for the request with this id at this time.
func (p *Problem) Document(requestID string, now time.Time) Document {
	d := newDocument(p.Status, p.Code, p.Detail)
	d.RequestID, d.Limit = requestID, p.Limit
	if !p.NextAt.IsZero() {
		d.NextAt = p.NextAt.UTC().Format(TimeLayout)
	}
	after := p.RetryAfter
	if after == 0 && p.Status == http.StatusTooManyRequests {
		after = p.NextAt.Sub(now)
		if p.NextAt.IsZero() {
			after = DefaultWait
		}
	}
	if after > 0 {
		d.WaitFor(int((after + time.Second - 1) / time.Second))
	}
	return d
}

// WaitFor sets how many seconds to wait. Whoever is refused for now (429, 503) is told so in words, too.
func (d *Document) WaitFor(seconds int) {
	if seconds <= 0 || d.RetryAfter == seconds {
		return
	}
	d.RetryAfter = seconds
	if d.Status == http.StatusTooManyRequests || d.Status == http.StatusServiceUnavailable {
		d.Detail += " Wait " + Wait(seconds) + ", then try again."
	}
}

// Wait is a number of seconds in words: "40 seconds", "about 19 minutes", "about 2 hours".
func Wait(seconds int) string {
	of := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return strconv.Itoa(n) + " " + unit + "s"
	}
	switch {
	case seconds < 120:
		return of(seconds, "second")
	case seconds < 2*3600:
		return "about " + of((seconds+59)/60, "minute")
	}
	return "about " + of((seconds+3599)/3600, "hour")
}

// Write answers a request with the document. It sets Retry-After if the document has one.
func (d Document) Write(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(d)
	if err != nil {
		panic(err) // impossible: it has only text and numbers
	}
	body = append(body, '\n')
	h := w.Header()
	h["Content-Type"] = contentType
	h["Cache-Control"] = noStore
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if d.RetryAfter > 0 {
		h["Retry-After"] = []string{strconv.Itoa(d.RetryAfter)}
	}
	w.WriteHeader(d.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has gone needs no answer
	}
}

// Shared header values: net/http only reads them.
var (
	contentType = []string{"application/problem+json"}
	noStore     = []string{"no-store"}
)
