package backup

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/minio/minio-go/v7"
)

// s3Action is something that we ask of a target, with the permission that it needs.
type s3Action struct{ doing, permission string }

var (
	s3Put         = s3Action{"put", "s3:PutObject"}
	s3Get         = s3Action{"read", "s3:GetObject, and s3:ListBucket to tell a missing object"}
	s3ReadBack    = s3Action{"read back", "s3:GetObject: a backup counts only when it was read back"}
	s3List        = s3Action{"list", "s3:ListBucket"}
	s3Delete      = s3Action{"delete", "s3:DeleteObject"}
	s3ListUploads = s3Action{"list unfinished uploads below", "s3:ListBucketMultipartUploads"}
	s3Abort       = s3Action{"abort the upload of", "s3:AbortMultipartUpload"}
)

var (
	errUnsorted = errors.New("the listing is not in the order of names: this kind of bucket can't be used")
	errNoRange  = errors.New("the answer does not hold the bytes that were asked for")
	errReplaced = errors.New("the object was replaced while it was read")
)

// s3Code is the code of a target's refusal; "" for other errors.
func s3Code(err error) string {
	var refusal minio.ErrorResponse
	errors.As(err, &refusal)
	return refusal.Code
}

// explain makes an error for operators: what was tried, what the target says, and what to do. nil stays nil.
func (t *s3Target) explain(action s3Action, name string, err error) error {
	if err == nil {
		return nil
	}
	what := fmt.Sprintf("%s: %s %q", t, action.doing, name)
	var refusal minio.ErrorResponse
	if !errors.As(err, &refusal) {
		var request *url.Error // its text repeats the URL
		if errors.As(err, &request) {
			err = request.Err
		}
		var untrusted *tls.CertificateVerificationError
		switch {
		case errors.Is(err, errNoCredentials), errors.Is(err, errUnsorted), errors.Is(err, errNoRange), errors.Is(err, errReplaced),
			errors.Is(err, context.Canceled):
			return fmt.Errorf("%s: %w", what, err)
		case errors.As(err, &untrusted):
			return fmt.Errorf("%s: the certificate of %s is not trusted: add its authority to the machine's trust store: %w", what, t.server(), err)
		}
		return fmt.Errorf("%s: no good answer from %s; check that it is up and reachable from here: %w", what, t.server(), err)
	}
	said := s3Said(refusal)
	switch refusal.Code {
	case minio.NoSuchBucket:
		return fmt.Errorf("%s: %s has no bucket %s: create it, or correct the target's URL (%s)", what, t.server(), t.bucket, said)
	case minio.NoSuchKey, minio.NoSuchVersion:
		return fmt.Errorf("%s: %w", what, fs.ErrNotExist)
	case minio.InvalidAccessKeyID, minio.SignatureDoesNotMatch, "InvalidToken", "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "TokenRefreshRequired",
		"XAdminUserNotFound": // versitygw's word
		return fmt.Errorf("%s: the keys are wrong or expired: check the access key, the secret key and the session token (%s)", what, said)
	case minio.RequestTimeTooSkewed:
		return fmt.Errorf("%s: this machine's clock and the target's differ too much: set it by NTP (%s)", what, said)
	case minio.AuthorizationHeaderMalformed, minio.InvalidRegion, "PermanentRedirect", "TemporaryRedirect", "MovedPermanently", "IncorrectEndpoint":
		right := "the bucket's"
		if refusal.Region != "" && s3Plain(refusal.Region) == refusal.Region {
			right = refusal.Region
		}
		return fmt.Errorf("%s: region %s is not the bucket's: set region=%s in the target's URL (%s)", what, t.region, right, said)
	case minio.InvalidObjectState:
		return fmt.Errorf("%s: the object was moved to cold storage: restore it there first, and let the bucket's rules keep newer ones (%s)", what, said)
	case "SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "ThrottlingException", "ServiceUnavailable":
		return fmt.Errorf("%s: the target is overloaded, and stayed so over several tries: try again later (%s)", what, said)
	case "QuotaExceeded", "XMinioStorageFull", "StorageFull":
		return fmt.Errorf("%s: the target is full: make room there, or raise its quota (%s)", what, said)
	}
	switch {
	case refusal.Code == minio.AccessDenied || refusal.StatusCode == http.StatusForbidden || refusal.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%s: %w: the keys lack %s (%s)", what, fs.ErrPermission, action.permission, said)
	case refusal.StatusCode == http.StatusInsufficientStorage:
		return fmt.Errorf("%s: the target is full: make room there (%s)", what, said)
	case refusal.StatusCode >= 500:
		return fmt.Errorf("%s: the target failed over several tries: look at its own log, or try again later (%s)", what, said)
	}
	return fmt.Errorf("%s: the target refused it (%s)", what, said)
}

// s3Said is a target's own words, short and harmless for a terminal.
func s3Said(refusal minio.ErrorResponse) string {
	said := refusal.Error()
	if refusal.Code != "" && refusal.Code != said {
		said = refusal.Code + ": " + said
	}
	said = s3Plain(said)
	if refusal.RequestID != "" {
		said += ", request " + s3Plain(refusal.RequestID)
	}
	return said
}

// s3Plain takes what is invisible out of a text, and cuts it.
func s3Plain(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if short := []rune(text); len(short) > 200 {
		return string(short[:200]) + "…"
	}
	return text
}

// retry calls once until it succeeds, fails for good, or has failed so many times, with pauses in between that double.
func (t *s3Target) retry(ctx context.Context, tries int, once func() error) error {
	pause := t.limits.pause
	for try := 1; ; try++ {
		err := once()
		if err == nil || try >= tries || ctx.Err() != nil || !t.transient(err) {
			return err
		}
		// Nodes that fail together should not come back together.
		wait := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return err
		}
		pause *= 2
	}
}

// transient says whether another try may help.
func (t *s3Target) transient(err error) bool {
	var refusal minio.ErrorResponse
	if !errors.As(err, &refusal) {
		var untrusted *tls.CertificateVerificationError
		return !errors.As(err, &untrusted) && !errors.Is(err, errNoCredentials) && !errors.Is(err, errUnsorted) && !errors.Is(err, errReplaced)
	}
	switch refusal.Code {
	case "ExpiredToken", "ExpiredTokenException":
		t.credentials.Expire() // a machine's role has new ones
		return true
	case minio.BadDigest, minio.XAmzContentSHA256Mismatch, minio.IncompleteBody, minio.InternalError, "RequestTimeout", "SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling":
		return true // some come with status 400 or 200
	}
	switch refusal.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusInsufficientStorage:
		return false
	}
	return refusal.StatusCode >= 500
}
