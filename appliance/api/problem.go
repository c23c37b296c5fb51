package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"imperio/appliance/auth"
	"imperio/games"
	"imperio/storage/command"
)

// problem is a refusal or failure as the client sees it (RFC 9457). The cause is for the log and never leaves the
// server.
type problem struct {
	status int
	code   string        // stable
	detail string        // one English sentence: what is wrong, and what to do
	until  time.Time     // when it may work again; zero where that is not known
	limit  string        // with limit_reached: which limit; else empty
	after  time.Duration // how long to wait before trying again; 0 where that is not known
	cause  error
}

func (p *problem) Error() string {
	if p.cause != nil {
		return fmt.Sprintf("%s: %s: %v", p.code, p.detail, p.cause)
	}
	return p.code + ": " + p.detail
}

func (p *problem) Unwrap() error { return p.cause }

// statuses gives the HTTP status of each code, those of the machine and the games included.
var statuses = map[string]int{
	"bad_request":             http.StatusBadRequest,
	"invalid_json":            http.StatusBadRequest,
	"unknown_field":           http.StatusBadRequest,
	"duplicate_key":           http.StatusBadRequest,
	"invalid_idempotency_key": http.StatusBadRequest,
	"body_too_large":          http.StatusRequestEntityTooLarge,
	"unsupported_media_type":  http.StatusUnsupportedMediaType,
	"method_not_allowed":      http.StatusMethodNotAllowed,
	"not_found":               http.StatusNotFound,

	"unauthenticated":     http.StatusUnauthorized,
	"invalid_credentials": http.StatusUnauthorized,
	"forbidden":           http.StatusForbidden,
	"account_locked":      http.StatusForbidden,
	"excluded":            http.StatusForbidden,

	"invalid_username":    http.StatusUnprocessableEntity,
	"invalid_email":       http.StatusUnprocessableEntity,
	"invalid_password":    http.StatusUnprocessableEntity,
	"invalid_client_seed": http.StatusUnprocessableEntity,
	"invalid_limits":      http.StatusUnprocessableEntity,
	"invalid_exclusion":   http.StatusUnprocessableEntity,
	"invalid_bet":         http.StatusUnprocessableEntity,
	"unknown_action":      http.StatusUnprocessableEntity,
	"stake_out_of_range":  http.StatusUnprocessableEntity,
	"username_taken":      http.StatusConflict,
	"email_taken":         http.StatusConflict,

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
	"no_open_round":        http.StatusNotFound,
	"account_not_found":    http.StatusNotFound,
	"amount_out_of_range":  http.StatusUnprocessableEntity,
	"invalid_role":         http.StatusUnprocessableEntity,
	"round_not_found":      http.StatusNotFound,
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

// refuse makes a problem with the status of its code.
func refuse(code, format string, args ...any) *problem {
	return &problem{status: statusOf(code), code: code, detail: fmt.Sprintf(format, args...)}
}

// statusOf is 409 for a code that the machine knows and this file does not: it understood, and refused.
func statusOf(code string) int {
	if s, ok := statuses[code]; ok {
		return s
	}
	return http.StatusConflict
}

// problemOf turns any error of a handler into what the client sees.
func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if r, ok := errors.AsType[*command.Refusal](err); ok {
		return &problem{status: statusOf(r.Code), code: r.Code, detail: r.Message, until: r.Until, limit: r.Limit}
	}
	if r, ok := errors.AsType[*games.Refusal](err); ok {
		return &problem{status: statusOf(r.Code), code: r.Code, detail: r.Message}
	}
	var p *problem
	switch {
	case errors.Is(err, auth.ErrBusy):
		p = refuse("busy", "Too many people are signing in at this moment. Try again in a few seconds.")
		p.after = 2 * time.Second
	case errors.Is(err, command.ErrUnknown):
		p = refuse("outcome_unknown", "It is not known whether this was done. Ask again with the same Idempotency-Key to find out.")
		p.after = time.Second
	case errors.Is(err, command.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		p = refuse("unavailable", "The casino can't do this at the moment, and nothing was changed. Try again in a few seconds.")
		p.after = 2 * time.Second
	default:
		p = refuse("internal_error", "Something went wrong inside the casino. The operator can find it by the request id.")
	}
	p.cause = err
	return p
}

// document is a problem as JSON.
type document struct {
	Type       string    `json:"type"`
	Title      string    `json:"title"`
	Status     int       `json:"status"`
	Code       string    `json:"code"`
	Detail     string    `json:"detail"`
	RequestID  string    `json:"request_id"`
	NextAt     timestamp `json:"next_at,omitzero"`
	Limit      string    `json:"limit,omitempty"`
	RetryAfter int64     `json:"retry_after,omitzero"` // seconds
}

func (p *problem) document(requestID string, now time.Time) document {
	d := document{
		Type: "about:blank", Title: http.StatusText(p.status), Status: p.status,
		Code: p.code, Detail: p.detail, RequestID: requestID, NextAt: timestamp(p.until), Limit: p.limit,
	}
	after := p.after
	if after == 0 && p.status == http.StatusTooManyRequests {
		after = p.until.Sub(now)
		if p.until.IsZero() {
			after = time.Minute
		}
	}
	if after > 0 {
		d.RetryAfter = int64((after + time.Second - 1) / time.Second)
	}
	return d
}
